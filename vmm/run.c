/* SPDX-License-Identifier: MIT */
/* A whole run: what outlives a life is prepared here, and the report is made. */
#include "vmm/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/backends.h"
#include "vmm/describe.h"
#include "vmm/device_table.h"
#include "vmm/core/exit_status.h"
#include "vmm/core/nonblock.h"
#include "vmm/stats/exitstat.h"
#include "vmm/host/cpus.h"
#include "vmm/images.h"
#include "vmm/kvm/vm.h"
#include "vmm/linux_words.h"
#include "vmm/machine.h"
#include "vmm/outputs.h"
#include "vmm/restarts.h"
#include "vmm/signals.h"
#include "vmm/vcpu.h"
#include "vmm/x86/cpu.h"
#include "vmm/x86/guest_cpuid.h"

/* Room for KVM's counters of the VM, and of each vCPU: twice what any KVM has. */
#define KVM_COUNTERS_EACH 128

struct run {
	const struct config *config;
	const struct log *log;
	struct kvm kvm;	   /* not open in a dry run on a host that has none */
	struct err no_kvm; /* why */
	struct images images;
	struct hostcpus host;
	unsigned int *cpu_of; /* NULL without --pin */
	struct board board;
	struct backends backends;
	struct outputs outputs;
	struct cpuid_table cpuid;
	struct log_limit log_limit[DEVICE_TABLE_MAX]; /* of the devices, over all lives */
	struct restarts restarts;
	bool held_up;		/* the last restart was */
	struct exitstat **stat; /* one for each vCPU; NULL without --stats */
	int signal_fd;

	/* While a life lasts: */
	struct machine *machine;
	uint64_t started_ticks;
	struct timespec started;
};

/* ---- before there is a machine ---------------------------------------------------------- */

static int place_vcpus(struct run *run, struct err *err)
{
	const struct config *config = run->config;
	int ret;

	if (config->pin.enabled) {
		ret = hostcpus_read(&run->host);
		if (ret < 0)
			return err_set(err, ret, "--pin: cannot read the host's CPUs: %s",
				       strerror(-ret));
		run->cpu_of = calloc(config->cpus.nr, sizeof(*run->cpu_of));
		if (run->cpu_of == NULL)
			return err_set(err, -ENOMEM, "out of memory");
		ret = hostcpus_place(&run->host, &config->pin, config->cpus.nr, run->cpu_of, err);
		if (ret < 0)
			return ret;
	}
	describe_topology(&run->board.topo, config, &run->host, run->cpu_of);
	return 0;
}

static int check_cpu_limits(const struct run *run, struct err *err)
{
	const struct topology *topo = &run->board.topo;

	if (topo->nr_cpus > run->kvm.max_vcpus)
		return err_set(err, -EINVAL,
			       "--cpus %u: this host's KVM offers at most %u vCPUs; use fewer",
			       topo->nr_cpus, run->kvm.max_vcpus);
	if (topology_max_apic_id(topo) >= run->kvm.max_vcpu_id)
		return err_set(
			err, -EINVAL,
			"--cpus %u,sockets=%u,cores=%u,threads=%u: needs APIC id %u, but this "
			"host's KVM ends at %u; choose numbers that are powers of two, or fewer "
			"vCPUs",
			topo->nr_cpus, topo->sockets, topo->cores, topo->threads,
			topology_max_apic_id(topo), run->kvm.max_vcpu_id - 1);
	return 0;
}

/* Without KVM, only the names in --cpuid are looked at. */
static int prepare_cpuid(struct run *run, struct err *err)
{
	struct cpuid_table supported;
	struct guest_cpuid guest = {
		.options = &run->config->cpuid,
		.has_apic = run->board.has_irqchip,
		.has_tsc_deadline = run->kvm.has_tsc_deadline,
		.host = cpu_ask_host,
	};
	int ret = 0;

	if (run->kvm.fd >= 0) {
		ret = cpu_read_supported(run->kvm.fd, &supported);
		guest.supported = &supported;
	}
	if (ret < 0)
		return err_set(err, ret, "/dev/kvm: KVM_GET_SUPPORTED_CPUID: %s", strerror(-ret));
	return guest_cpuid_make(&run->cpuid, &guest, run->log, err);
}

static int prepare_outputs(struct run *run, struct err *err)
{
	const struct config *config = run->config;
	struct file_use file[OUTPUTS_MAX_FILES];
	unsigned int nr = 0;

	file[nr++] = (struct file_use){
		.option = "--kernel", .path = config->kernel, .fd = run->images.kernel.fd};
	for (unsigned int i = 0; i < run->images.modules.nr; i++)
		file[nr++] = (struct file_use){.option = run->images.file[i].option,
					       .path = run->images.file[i].path,
					       .fd = run->images.file[i].fd};
	for (unsigned int i = 0; i < config->nr_disks; i++)
		file[nr++] = (struct file_use){.option = "--disk",
					       .path = config->disk[i].path,
					       .fd = run->backends.disk[i].fd,
					       .is_written = !config->disk[i].read_only};
	return outputs_open(&run->outputs, config, file, nr, err);
}

static int prepare_stats(struct run *run, struct err *err)
{
	const struct config *config = run->config;

	if (!config->stats || config->dry_run)
		return 0;
	run->stat = calloc(config->cpus.nr, sizeof(struct exitstat *));
	if (run->stat == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < config->cpus.nr; i++)
		if (exitstat_create(&run->stat[i]) < 0)
			return err_set(err, -ENOMEM, "--stats: out of memory");
	return 0;
}

static int prepare_signals(struct run *run, struct err *err)
{
	bool on_terminal = run->config->console.kind == CONSOLE_STDIO && isatty(STDIN_FILENO);
	int ret = vcpu_install_kick();

	run->signal_fd = ret < 0 ? ret : signals_open(on_terminal);
	if (run->signal_fd < 0)
		return err_set(err, run->signal_fd, "cannot receive signals: %s",
			       strerror(-run->signal_fd));
	return 0;
}

/* Unasked, Linux gets the rng, unless the user's own devices take every slot. */
static bool wants_rng(const struct run *run)
{
	const struct config *config = run->config;

	if (config->rng != TRI_AUTO)
		return config->rng == TRI_ON;
	return run->images.image.is_linux && config->nr_disks + config->nr_nets < MEMMAP_MAX_SLOTS;
}

/* A dry run can do without. */
static int prepare_kvm(struct run *run, struct err *err)
{
	int ret = kvm_open(&run->kvm, err);

	if (run->config->dry_run && (ret == -ENOENT || ret == -ENODEV || ret == -ENXIO)) {
		run->no_kvm = *err;
		return 0;
	}
	if (ret == 0)
		ret = check_cpu_limits(run, err);
	return ret;
}

static int prepare(struct run *run, struct err *err)
{
	const struct config *config = run->config;
	int ret = images_open(&run->images, config, err);

	if (ret == 0)
		ret = place_vcpus(run, err);
	if (ret < 0)
		return ret;
	describe_board(&run->board, config, &run->images.image);
	ret = describe_check_cpus(&run->board, &run->images.image, err);
	if (ret == 0)
		ret = prepare_kvm(run, err);
	if (ret == 0)
		ret = prepare_cpuid(run, err);
	if (ret == 0 && !config->dry_run)
		ret = prepare_signals(run, err);
	if (ret == 0)
		ret = backends_open(&run->backends, config, wants_rng(run), run->log, err);
	if (ret == 0)
		ret = prepare_outputs(run, err);
	if (ret == 0)
		ret = prepare_stats(run, err);
	/* Last: from here on the terminal is raw. A dry run leaves it alone. */
	if (ret == 0 && !config->dry_run)
		ret = console_open(&run->backends.console, &config->console,
				   run->outputs.console_fd, run->log, err);
	if (ret == 0)
		ret = device_table_slots(&run->backends, &run->board, err);
	if (ret == 0 && run->images.image.is_linux)
		linux_words_warn(&run->board, run->log);
	return ret;
}

/* ---- the report ------------------------------------------------------------------------- */

static const char *name_of(void *ctx, enum exit_kind kind, uint64_t detail)
{
	struct run *run = ctx;

	return machine_name_of(run->machine, kind, detail);
}

/* The caller frees; NULL without memory. */
static char *report(struct run *run, bool json)
{
	unsigned int max_counters = KVM_COUNTERS_EACH * (1 + run->config->cpus.nr);
	struct exitstat_kvm_counter *counters = calloc(max_counters, sizeof(*counters));
	struct timespec now;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	uint64_t ticks;
	struct exitstat_report what = {
		.nr_vcpus = run->config->cpus.nr,
		.vcpu = run->stat,
		.host_kind = host_kind_name(run->kvm.kind),
		.version = TINYVMM_VERSION,
		.name_of = name_of,
		.ctx = run,
		.kvm = counters,
	};

	clock_gettime(CLOCK_MONOTONIC, &now);
	ticks = __rdtsc() - run->started_ticks;
	what.wall_seconds = (double)(now.tv_sec - run->started.tv_sec) +
			    1e-9 * (double)(now.tv_nsec - run->started.tv_nsec);
	if (what.wall_seconds > 0)
		what.ticks_per_second = (uint64_t)((double)ticks / what.wall_seconds);
	if (counters != NULL)
		what.nr_kvm = machine_kvm_counters(run->machine, counters, max_counters);
	if (to != NULL && json)
		exitstat_print_json(&what, to);
	else if (to != NULL)
		exitstat_print_table(&what, to);
	if (to != NULL)
		fclose(to);
	free(counters);
	return text;
}

static void show_counters(void *ctx)
{
	struct run *run = ctx;
	char *text;

	if (run->stat == NULL) {
		log_error(run->log, "no exit is counted; start with --stats to count them");
		return;
	}
	text = report(run, false);
	if (text != NULL)
		log_text(run->log, text);
	free(text);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* The reader may be slow, but a signal that ends the run also ends the wait for it. */
static int final_report(struct run *run, struct err *err)
{
	const char *path = run->config->stats_path;
	struct nonblock to;
	char *text;
	int ret;

	if (run->stat == NULL)
		return 0;
	text = report(run, path != NULL && ends_with(path, ".json"));
	if (text == NULL)
		return err_set(err, -ENOMEM, "--stats: out of memory");
	if (path == NULL) {
		log_text_whole(run->log, text, run->signal_fd);
		free(text);
		return 0;
	}
	ret = nonblock_adopt(&to, run->outputs.stats_fd, O_WRONLY);
	if (ret == 0) {
		ret = nonblock_write_whole(&to, text, strlen(text), run->signal_fd);
		nonblock_close(&to);
	}
	free(text);
	if (ret < 0)
		return err_set(err, ret, "--stats=%s: cannot write: %s", path, strerror(-ret));
	return 0;
}

/* ---- lives ------------------------------------------------------------------------------ */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/*
 * Holds up a guest that resets itself in a loop, and says so. False if a signal ended the run
 * meanwhile.
 */
static bool may_restart(struct run *run, struct run_end *end)
{
	uint64_t wait_ns = restarts_wait_ns(&run->restarts, now_ns());
	struct pollfd pollfd = {.fd = run->signal_fd, .events = POLLIN};

	if (restarts_worth_a_word(&run->restarts, now_ns()))
		log_warn(run->log,
			 "--on-reset restart: the guest resets itself in a loop; tinyvmm "
			 "restarts it at most %d times in %llu s",
			 RESTARTS_BURST, RESTARTS_WINDOW_NS / 1000000000);
	if (wait_ns != 0 && poll(&pollfd, 1, (int)(wait_ns / 1000000 + 1)) > 0)
		end->signal = signals_take(run->signal_fd);
	return end->signal == 0;
}

/* One life; *again says that another one is to follow. */
static int live_once(struct run *run, const struct machine_parts *parts, struct run_end *end,
		     bool *again, struct err *err)
{
	struct machine_end machine_end = {0};
	int ret;

	restarts_begin(&run->restarts, now_ns());
	ret = machine_create(parts, &run->machine, err);

	*again = false;
	if (ret == -EINTR)
		end->signal = signals_take(run->signal_fd);
	if (ret < 0)
		return end->signal != 0 ? 0 : ret;
	ret = machine_run(run->machine, &machine_end, err);
	if (ret == 0) {
		end->status = machine_end.status;
		end->signal = machine_end.signal;
		*again =
			machine_end.reset && run->config->restart_on_reset && may_restart(run, end);
		if (!*again)
			ret = final_report(run, err);
		if (ret < 0)
			end->status = EXIT_STATUS_HOST;
	} else if (machine_end.status == EXIT_STATUS_HOST) {
		end->status = EXIT_STATUS_HOST;
	}
	machine_destroy(run->machine);
	run->machine = NULL;
	return ret;
}

static struct machine_parts parts_of(struct run *run)
{
	return (struct machine_parts){
		.config = run->config,
		.log = run->log,
		.kvm = &run->kvm,
		.backends = &run->backends,
		.board = &run->board,
		.cpu_of = run->cpu_of,
		.host = &run->host,
		.images = &run->images,
		.cpuid = &run->cpuid,
		.stat = run->stat,
		.log_limit = run->log_limit,
		.signal_fd = run->signal_fd,
		.show_counters = show_counters,
		.show_ctx = run,
	};
}

static int live(struct run *run, struct run_end *end, struct err *err)
{
	const struct machine_parts parts = parts_of(run);
	bool again = true;
	int ret = 0;

	clock_gettime(CLOCK_MONOTONIC, &run->started);
	run->started_ticks = __rdtsc();
	while (ret == 0 && again) {
		ret = live_once(run, &parts, end, &again, err);
		/* From the second life on, a failure is the host's, not one of bad input. */
		if (again)
			end->status = EXIT_STATUS_HOST;
	}
	return ret;
}

/* Says first whether a run would come as far as its guest. */
static int dry_run(struct run *run, struct err *err)
{
	const struct machine_parts parts = parts_of(run);
	struct describe_print what = {
		.board = &run->board,
		.config = run->config,
		.image = &run->images.image,
		.cpu_of = run->cpu_of,
		.host_kind = host_kind_sentence(run->kvm.kind),
		.no_host = run->kvm.fd < 0 ? run->no_kvm.text : NULL,
	};
	int ret = machine_judge(&parts, err);

	if (ret == 0)
		describe_print(&what, stdout);
	return ret;
}

/* 0, or -errno if a disk lost data at the end. */
static int clean_up(struct run *run)
{
	int ret = backends_close(&run->backends, run->log);

	if (run->signal_fd >= 0)
		close(run->signal_fd);
	outputs_close(&run->outputs);
	for (unsigned int i = 0; run->stat != NULL && i < run->config->cpus.nr; i++)
		exitstat_destroy(run->stat[i]);
	free(run->stat);
	kvm_close(&run->kvm);
	free(run->cpu_of);
	hostcpus_free(&run->host);
	images_close(&run->images);
	return ret;
}

int run(const struct config *config, const struct log *log, struct run_end *end, struct err *err)
{
	struct run run = {
		.config = config,
		.log = log,
		.kvm = {.fd = -1},
		.outputs = OUTPUTS_NONE,
		.signal_fd = -1,
	};
	int ret = prepare(&run, err);

	*end = (struct run_end){.status = EXIT_STATUS_USAGE};
	if (ret == 0 && config->dry_run) {
		ret = dry_run(&run, err);
		if (ret == 0)
			end->status = EXIT_STATUS_OK;
	} else if (ret == 0) {
		ret = live(&run, end, err);
	}
	if (clean_up(&run) < 0)
		end->status = EXIT_STATUS_HOST;
	return ret;
}
