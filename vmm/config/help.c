/* SPDX-License-Identifier: MIT */
/* The text of --help, made from the option table. */
#include <string.h>

#include "vmm/config/config.h"
#include "vmm/core/array.h"
#include "vmm/core/exit_status.h"

#define HELP_COLUMNS 90
#define TEXT_COLUMN  22

/* Prints `text` from `column` on, broken at blanks, each further line indented to TEXT_COLUMN. */
static void print_wrapped(FILE *to, const char *text, int column)
{
	while (*text != '\0') {
		int len = (int)strcspn(text, " ");

		if (column + 1 + len > HELP_COLUMNS) {
			fprintf(to, "\n%*s", TEXT_COLUMN, "");
			column = TEXT_COLUMN;
		} else if (column > TEXT_COLUMN) {
			fputc(' ', to);
			column++;
		}
		fprintf(to, "%.*s", len, text);
		column += len;
		text += len;
		text += *text == ' ';
	}
	fputc('\n', to);
}

static void print_option(void *ctx, const char *name, char letter, const char *arg,
			 const char *help)
{
	FILE *to = ctx;
	const char *blank = arg != NULL && arg[0] != '[' ? " " : "";
	int column = 0;

	column += letter != 0 ? fprintf(to, "  -%c, ", letter) : fprintf(to, "      ");
	column += fprintf(to, "--%s%s%s", name, blank, arg != NULL ? arg : "");
	if (column + 2 > TEXT_COLUMN) {
		fputc('\n', to);
		column = 0;
	}
	fprintf(to, "%*s", TEXT_COLUMN - column, "");
	print_wrapped(to, help, TEXT_COLUMN);
}

static void print_statuses(FILE *to)
{
	static const struct {
		enum exit_status status;
		const char *meaning;
	} statuses[] = {
		{EXIT_STATUS_OK,
		 "the guest powered off or halted for good, or was ended from the console"},
		{EXIT_STATUS_USAGE, "bad usage or input, before the guest started"},
		{EXIT_STATUS_RESET, "the guest reset itself, with --on-reset exit"},
		{EXIT_STATUS_TRIPLE_FAULT, "the guest shut down: a triple fault"},
		{EXIT_STATUS_EMULATION, "KVM could not emulate an instruction"},
		{EXIT_STATUS_UNKNOWN_EXIT, "an unknown exit, or KVM refused to enter the guest"},
		{EXIT_STATUS_HOST, "the host failed while the guest ran"},
	};
	size_t i;

	fputs("\nExit status:\n", to);
	for (i = 0; i < NR_OF(statuses); i++)
		fprintf(to, "  %3d  %s\n", statuses[i].status, statuses[i].meaning);
	fputs("  odd  the guest wrote V to the debug-exit port: (V << 1 | 1) & 255\n"
	      "Where SIGINT, SIGTERM or SIGHUP had to end the guest, tinyvmm dies by that signal "
	      "(in "
	      "a\nshell: 130, 143, 129).\n",
	      to);
}

void config_print_help(FILE *to)
{
	fputs("Usage: tinyvmm --kernel FILE [OPTION]...\n"
	      "Boots a kernel or a bare image on /dev/kvm, and counts what it costs. For example:\n"
	      "  tinyvmm --kernel bzImage --initrd initrd.img --mem 1G --cpus 2 --pin --disk "
	      "a.img\n"
	      "  tinyvmm --kernel payload.elf --console none --stats\n"
	      "\n",
	      to);
	config_for_each_option(print_option, to);
	print_statuses(to);
}
