/* SPDX-License-Identifier: MIT */
/*
 * The plugin of QEMU's software CPU that writes down every instruction between two markers
 * (guest/abi.h); `tinybench exact` reads what it writes and knows whose each instruction is
 * (trace.h has the format).
 *
 *	-plugin libexact.so,dir=DIR[,limit=INSTRUCTIONS]
 *
 * Nearly all of a run is of no interest: machine and programs start. So the plugin has two modes.
 *In the quick one it sees markers only, and VMRUN, which says whether the CPU is in a guest. The
 *first start of a job, a warm-up, makes QEMU forget its translations, and each instruction is seen
 *from then on, until the job's passes are recorded. A change of mode is nothing that the guest can
 *see.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/abi.h"
#include "guest/tinybench/exact/qemu_plugin.h"
#include "guest/tinybench/exact/trace.h"

#define MAX_INSN_SIZE	15
#define BUFFER_WORDS	(1u << 18)
#define BUCKETS		(1u << 18)
#define DEFAULT_LIMIT	400000000ull
#define PASSES_OF_A_JOB 2

/* Whether an instruction uses a place in the stack: a call stores to it, and a return loads from
 * it. */
enum slot_use {
	SLOT_NONE,
	SLOT_STORED,
	SLOT_LOADED,
};

/* An instruction at an address; the same bytes at the same address are the same one. */
struct insn {
	struct insn *next; /* in its bucket */
	uint64_t vaddr;
	uint32_t id;
	bool executed, written;
	enum slot_use uses_slot;
	uint8_t size, bytes[MAX_INSN_SIZE];
	char *text; /* disassembled */
};

static struct {
	qemu_plugin_id_t id;
	const char *dir;
	uint64_t limit;
	bool thorough;	       /* the mode */
	uint64_t behind_vmrun; /* where the host continues after an exit of its guest */
	bool in_guest;
	uint32_t job, started, recorded; /* starts seen, and passes recorded, of this job */
	bool is_life;			 /* recorded from the first start on */
	bool recording;
	enum slot_use awaits; /* of the current instruction, and not seen yet */
	uint64_t executed;    /* in this recording */
	FILE *file;
	uint32_t buffer[BUFFER_WORDS];
	size_t used;
	uint32_t run_first,
		run_length;  /* instructions with consecutive numbers, not in the buffer yet */
	struct insn **insns; /* by number */
	uint32_t nr_insns, capacity;
	struct insn *buckets[BUCKETS];
} plugin;

static void *check(void *memory)
{
	if (!memory) {
		fputs("exact plugin: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

static void complain(const char *what)
{
	fprintf(stderr, "exact plugin: %s/: cannot %s\n", plugin.dir, what);
	exit(1);
}

/* ---- the trace ----------------------------------------------------------------------------- */

static void flush_buffer(void)
{
	if (fwrite(plugin.buffer, sizeof(plugin.buffer[0]), plugin.used, plugin.file) !=
	    plugin.used)
		complain("write a trace");
	plugin.used = 0;
}

static void put_word(uint32_t word)
{
	if (plugin.used == BUFFER_WORDS)
		flush_buffer();
	plugin.buffer[plugin.used++] = word;
}

static void put_run(void)
{
	if (plugin.run_length > 0)
		put_word(plugin.run_first);
	if (plugin.run_length > 1)
		put_word(TRACE_LENGTH | plugin.run_length);
	plugin.run_length = 0;
}

/* The dictionary grows by what the trace has used. */
static void write_insns(void)
{
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/" TRACE_INSNS, plugin.dir);
	file = fopen(path, "ae");
	if (!file)
		complain("write " TRACE_INSNS);
	for (uint32_t i = 0; i < plugin.nr_insns; i++) {
		struct insn *insn = plugin.insns[i];

		if (!insn->executed || insn->written)
			continue;
		fprintf(file, "%x %llx ", insn->id, (unsigned long long)insn->vaddr);
		for (unsigned int b = 0; b < insn->size; b++)
			fprintf(file, "%02x", insn->bytes[b]);
		fprintf(file, " %s\n", insn->text ? insn->text : "?");
		insn->written = true;
	}
	if (fclose(file) != 0)
		complain("write " TRACE_INSNS);
}

static void open_trace(void)
{
	struct trace_header header = {
		.magic = TRACE_MAGIC,
		.job = plugin.job,
		.pass = plugin.recorded,
		.in_guest = plugin.in_guest,
	};
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/" TRACE_FILE, plugin.dir, plugin.job,
		       plugin.recorded);
	plugin.file = fopen(path, "wbe");
	if (!plugin.file || fwrite(&header, sizeof(header), 1, plugin.file) != 1)
		complain("write a trace");
	plugin.recording = true;
	plugin.executed = 0;
}

static void close_trace(uint32_t end)
{
	if (!plugin.recording)
		return;
	plugin.recording = false;
	put_run();
	put_word(end);
	flush_buffer();
	if (fclose(plugin.file) != 0)
		complain("write a trace");
	write_insns();
	plugin.recorded++;
}

/* ---- while the machine runs ------------------------------------------------------------------ */

static void on_insn(unsigned int cpu, void *userdata)
{
	struct insn *insn = userdata;

	(void)cpu;
	if (!plugin.recording)
		return;
	insn->executed = true;
	plugin.awaits = insn->uses_slot;
	if (plugin.run_length > 0 && insn->id == plugin.run_first + plugin.run_length &&
	    plugin.run_length < TRACE_VALUE) {
		plugin.run_length++;
	} else {
		put_run();
		plugin.run_first = insn->id;
		plugin.run_length = 1;
	}
	if (++plugin.executed >= plugin.limit)
		close_trace(TRACE_END_LIMIT);
}

/*
 * The place in the stack that a call has filled or a return has emptied. QEMU 7.2 also reports
 * accesses that came after it, of interrupts that it delivers; those are not the first.
 */
static void on_stack(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
	(void)cpu;
	(void)userdata;
	if (plugin.awaits != (qemu_plugin_mem_is_store(info) ? SLOT_STORED : SLOT_LOADED))
		return;
	plugin.awaits = SLOT_NONE;
	if (!plugin.recording)
		return;
	put_run();
	put_word(TRACE_SLOT | ((uint32_t)(vaddr >> 3) & TRACE_VALUE));
}

static void on_vmrun(unsigned int cpu, void *userdata)
{
	(void)cpu;
	(void)userdata;
	plugin.in_guest = true;
}

static void on_exit_of_guest(unsigned int cpu, void *userdata)
{
	(void)cpu;
	(void)userdata;
	plugin.in_guest = false;
}

static void register_callbacks(qemu_plugin_id_t id);

static void set_mode(bool thorough)
{
	if (plugin.thorough == thorough)
		return;
	plugin.thorough = thorough;
	qemu_plugin_reset(plugin.id, register_callbacks);
}

static void on_marker(unsigned int cpu, void *userdata)
{
	uint32_t what = (uint32_t)(uintptr_t)userdata;

	(void)cpu;
	if (what == TINYVMM_MARK_STOP) {
		close_trace(TRACE_END_MARKER);
	} else if (what == TINYVMM_MARK_START) {
		if (plugin.job == 0 || plugin.recorded >= PASSES_OF_A_JOB || plugin.recording)
			return;
		if (plugin.started++ > 0 || plugin.is_life)
			open_trace();
		set_mode(true);
	} else if (what >= TINYVMM_MARK_LIFE) {
		close_trace(TRACE_END_JOB);
		plugin.job = what & TINYVMM_MARK_JOB_MASK;
		plugin.is_life = what < TINYVMM_MARK_JOB;
		plugin.started = plugin.recorded = 0;
		/* Only here: level1.c's marker is where QEMU survives it. */
		set_mode(plugin.is_life && plugin.job != 0);
	}
}

/* Registered so that QEMU 7.2 forgets which callbacks an earlier instruction had. */
static void on_nothing(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
	(void)cpu;
	(void)info;
	(void)vaddr;
	(void)userdata;
}

/* ---- while it translates --------------------------------------------------------------------- */

static const uint8_t vmrun[] = {0x0f, 0x01, 0xd8};
static const uint8_t cpuid[] = {0x0f, 0xa2};
static const uint8_t marker[] = {0x0f, 0x1f, 0x84, 0x00};

static bool is_marker(const uint8_t *bytes, size_t size, uint32_t *what)
{
	uint32_t displacement;

	if (size != sizeof(marker) + sizeof(displacement) ||
	    memcmp(bytes, marker, sizeof(marker)) != 0)
		return false;
	memcpy(&displacement, bytes + sizeof(marker), sizeof(displacement));
	*what = displacement & 0xffff;
	return (displacement & 0xffff0000) == TINYVMM_MARK;
}

static bool is_call(const uint8_t *bytes, size_t size)
{
	size_t i = 0;

	while (i + 1 < size && ((bytes[i] & 0xf0) == 0x40 || bytes[i] == 0x3e || bytes[i] == 0x66 ||
				bytes[i] == 0xf2 || bytes[i] == 0x2e))
		i++;
	return bytes[i] == 0xe8 ||
	       (bytes[i] == 0xff && i + 1 < size && ((bytes[i + 1] >> 3) & 7) == 2);
}

static bool is_return(const uint8_t *bytes, size_t size)
{
	size_t i = size > 1 && (bytes[0] == 0xf3 || bytes[0] == 0xf2) ? 1 : 0;

	return bytes[i] == 0xc3 || bytes[i] == 0xc2;
}

static struct insn *intern(const struct qemu_plugin_insn *translated, const uint8_t *bytes,
			   size_t size)
{
	uint64_t vaddr = qemu_plugin_insn_vaddr(translated);
	struct insn **bucket = &plugin.buckets[(vaddr * 0x9e3779b97f4a7c15ull) >> 46];
	struct insn *insn;

	for (insn = *bucket; insn; insn = insn->next)
		if (insn->vaddr == vaddr && insn->size == size &&
		    memcmp(insn->bytes, bytes, size) == 0)
			return insn;
	insn = check(calloc(1, sizeof(*insn)));
	insn->vaddr = vaddr;
	insn->size = (uint8_t)size;
	memcpy(insn->bytes, bytes, size);
	insn->text = qemu_plugin_insn_disas(translated);
	insn->next = *bucket;
	*bucket = insn;
	if (plugin.nr_insns == plugin.capacity) {
		plugin.capacity = plugin.capacity ? 2 * plugin.capacity : 1u << 16;
		plugin.insns =
			check(reallocarray(plugin.insns, plugin.capacity, sizeof(plugin.insns[0])));
	}
	insn->id = plugin.nr_insns;
	plugin.insns[plugin.nr_insns++] = insn;
	return insn;
}

static void watch_insn(struct qemu_plugin_insn *translated)
{
	const uint8_t *bytes = qemu_plugin_insn_data(translated);
	size_t size = qemu_plugin_insn_size(translated);
	uint64_t vaddr = qemu_plugin_insn_vaddr(translated);
	struct insn *insn;
	uint32_t what;

	if (size == 0 || size > MAX_INSN_SIZE)
		return;
	if (is_marker(bytes, size, &what)) {
		/* Not part of what it marks. */
		qemu_plugin_register_vcpu_insn_exec_cb(
			translated, on_marker, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)what);
		return;
	}
	if (size == sizeof(vmrun) && memcmp(bytes, vmrun, sizeof(vmrun)) == 0) {
		plugin.behind_vmrun = vaddr + size;
		qemu_plugin_register_vcpu_insn_exec_cb(translated, on_vmrun, QEMU_PLUGIN_CB_NO_REGS,
						       NULL);
	} else if (vaddr == plugin.behind_vmrun) {
		qemu_plugin_register_vcpu_insn_exec_cb(translated, on_exit_of_guest,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
	if (!plugin.thorough)
		return;
	insn = intern(translated, bytes, size);
	qemu_plugin_register_vcpu_insn_exec_cb(translated, on_insn, QEMU_PLUGIN_CB_NO_REGS, insn);
	if (is_call(bytes, size))
		insn->uses_slot = SLOT_STORED;
	else if (is_return(bytes, size))
		insn->uses_slot = SLOT_LOADED;
	if (insn->uses_slot)
		qemu_plugin_register_vcpu_mem_cb(translated, on_stack, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, NULL);
	else if (size == sizeof(cpuid) && memcmp(bytes, cpuid, sizeof(cpuid)) == 0)
		qemu_plugin_register_vcpu_mem_cb(translated, on_nothing, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, NULL);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t nr = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < nr; i++)
		watch_insn(qemu_plugin_tb_get_insn(tb, i));
}

static void on_end(qemu_plugin_id_t id, void *userdata)
{
	(void)id;
	(void)userdata;
	close_trace(TRACE_END_JOB);
}

static void register_callbacks(qemu_plugin_id_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_end, NULL);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	plugin.id = id;
	plugin.limit = DEFAULT_LIMIT;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "dir=", 4) == 0)
			plugin.dir = check(strdup(argv[i] + 4));
		else if (strncmp(argv[i], "limit=", 6) == 0)
			plugin.limit = strtoull(argv[i] + 6, NULL, 10);
	}
	if (!plugin.dir || !info->system_emulation || info->system.smp_vcpus != 1) {
		fputs("exact plugin: needs dir=DIR, and a machine with one CPU\n", stderr);
		return -1;
	}
	register_callbacks(id);
	return 0;
}
