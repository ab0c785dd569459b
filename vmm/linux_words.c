/* SPDX-License-Identifier: MIT */
/* See Documentation/admin-guide/kernel-parameters.txt of Linux for what each word does. */
#include "vmm/linux_words.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "vmm/core/array.h"

enum loss {
	LOSES_CPUS = 1,	   /* matters with two or more */
	LOSES_DEVICES = 2, /* matters with a virtio device */
	LOSES_X2APIC = 4,  /* matters with an APIC id above 254 */
	LOSES_SERIAL = 8,
	LOSES_TIMER = 16, /* the local APIC has the only one, but for --pit on */
};

static const struct {
	const char *word;
	unsigned int losses;
	const char *effect;
} words[] = {
	{"acpi=off", LOSES_CPUS | LOSES_DEVICES,
	 "a kernel that does not read the device tree, as those of distributions, finds one CPU "
	 "and no virtio device"},
	{"noapic", LOSES_DEVICES | LOSES_SERIAL,
	 "the kernel gets no interrupt of a device: it has no virtio device, and programs have no "
	 "serial port"},
	{"nolapic", LOSES_TIMER, "the kernel has no timer, and stops before its first message"},
	{"disableapic", LOSES_TIMER, "the kernel has no timer, and stops before its first message"},
	{"nosmp", LOSES_CPUS, "the kernel starts one CPU"},
	{"maxcpus=0", LOSES_CPUS, "the kernel starts one CPU"},
	{"nox2apic", LOSES_X2APIC, "the kernel leaves out CPUs with an APIC id above 254"},
};

/* The kernel's own part ends at "--"; quotes are of no concern, since none of these has a blank. */
static bool has_word(const char *cmdline, const char *word)
{
	size_t len = strlen(word);

	for (;;) {
		size_t here;

		cmdline += strspn(cmdline, " \t\n");
		here = strcspn(cmdline, " \t\n");
		if (here == 0 || (here == 2 && memcmp(cmdline, "--", 2) == 0))
			return false;
		if (here == len && memcmp(cmdline, word, len) == 0)
			return true;
		cmdline += here;
	}
}

void linux_words_warn(const struct board *board, const struct log *log)
{
	unsigned int has = 0;

	if (board->topo.nr_cpus > 1)
		has |= LOSES_CPUS;
	if (board->nr_slots > 0)
		has |= LOSES_DEVICES;
	if (topology_needs_x2apic(&board->topo))
		has |= LOSES_X2APIC;
	if (!board->has_pit)
		has |= LOSES_TIMER;
	if (board->has_serial)
		has |= LOSES_SERIAL;
	for (size_t i = 0; i < NR_OF(words); i++)
		if ((words[i].losses & has) != 0 && has_word(board->cmdline, words[i].word))
			log_warn(log, "--append: with \"%s\" %s; leave it out", words[i].word,
				 words[i].effect);
}
