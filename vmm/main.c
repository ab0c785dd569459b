/* SPDX-License-Identifier: MIT */
/*
 * argv -> configuration -> run -> exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/config/config.h"
#include "vmm/core/err.h"
#include "vmm/core/log.h"
#include "vmm/core/exit_status.h"
#include "vmm/run.h"

/*
 * Started with a standard descriptor closed (`>&-`), the next file to be opened, a disk perhaps,
 * would become the guest's console.
 */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Ends the process as the signal would have, so that the parent sees it in wait(2). */
static void die_by(int signal_number)
{
	sigset_t set;

	signal(signal_number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
	struct config config;
	struct log_output output;
	struct log log = {.level = LOG_WARN, .output = &output};
	struct run_end end = {.status = EXIT_STATUS_OK};
	struct err err = {.text = ""};
	int ret;

	fill_standard_fds();
	log_output_open(&output, STDERR_FILENO);
	if (config_parse(&config, argc, argv, &err) < 0) {
		log_error(&log, "%s", err.text);
		config_free(&config);
		log_output_close(&output);
		exit(EXIT_STATUS_USAGE);
	}
	log.level = config.log_level;
	switch (config.action) {
	case CONFIG_HELP:
		config_print_help(stdout);
		break;
	case CONFIG_VERSION:
		printf("tinyvmm %s\n", TINYVMM_VERSION);
		break;
	case CONFIG_RUN:
		ret = run(&config, &log, &end, &err);
		/* Wherever it was met, the remedy is the same. */
		if (ret < 0)
			log_error(&log, "%s%s", err.text,
				  ret == -EMFILE ? "; raise the limit with \"ulimit -n\"" : "");
		break;
	}
	config_free(&config);
	/* Only --help, --version and --dry-run print through stdio. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_error(&log, "standard output: %s; redirect it to where there is room",
			  strerror(errno));
		end.status = EXIT_STATUS_USAGE;
	}
	log_output_close(&output);
	if (end.signal != 0)
		die_by(end.signal);
	exit(end.status);
}
