/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/exact/places.h"
#include "vmm/core/array.h"

const char *const column_names[NR_COLUMNS] = {
	[COLUMN_GUEST] = "guest", [COLUMN_KERNEL] = "kernel",	    [COLUMN_KVM] = "kvm",
	[COLUMN_VMM] = "vmm",	  [COLUMN_LIBRARIES] = "libraries", [COLUMN_OTHER] = "other",
};

/* ---- the files of a process ------------------------------------------------------------------ */

/* "START-END PERMISSIONS OFFSET DEVICE INODE PATH" (proc_pid_maps(5)). */
static void add_mapping(struct places *places, const char *line,
			char *(*find)(void *opaque, const char *path), void *opaque)
{
	unsigned long long start, end, offset;
	char permissions[8], path[512] = "", *file;
	struct err err;

	if (sscanf(line, "%llx-%llx %7s %llx %*s %*s %511[^\n]", &start, &end, permissions, &offset,
		   path) < 4 ||
	    permissions[2] != 'x' || start >= KERNEL_HALF)
		return;
	places->mappings = xgrow(places->mappings, places->nr_mappings, &places->mappings_capacity,
				 sizeof(places->mappings[0]));
	places->mappings[places->nr_mappings++] =
		(struct mapping){.start = start, .end = end, .path = xstrdup(path)};
	file = find && path[0] == '/' ? find(opaque, path) : NULL;
	/* A file that cannot be read has no names; its instructions are counted all the same. */
	if (file)
		(void)symbols_add_elf(&places->host, file, start, offset, end - start, &err);
	free(file);
}

void places_add_maps(struct places *places, const char *maps,
		     char *(*find)(void *opaque, const char *path), void *opaque)
{
	char *copy = xstrdup(maps), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			add_mapping(places, line, find, opaque);
	free(copy);
}

void places_sort(struct places *places)
{
	symbols_sort(&places->host);
	symbols_sort(&places->guest);
}

static const struct mapping *find_mapping(const struct places *places, uint64_t address)
{
	for (size_t i = 0; i < places->nr_mappings; i++)
		if (address >= places->mappings[i].start && address < places->mappings[i].end)
			return &places->mappings[i];
	return NULL;
}

/* ---- functions ------------------------------------------------------------------------------- */

static bool begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static enum column find_column(const struct places *places, enum world world, uint64_t address,
			       const char *module)
{
	static const char *const kvm[] = {"kvm", "kvm_amd", "kvm_intel", "irqbypass"};
	const struct mapping *mapping;

	if (world == WORLD_GUEST)
		return COLUMN_GUEST;
	if (world == WORLD_KERNEL) {
		for (size_t i = 0; module && i < NR_OF(kvm); i++)
			if (strcmp(module, kvm[i]) == 0)
				return COLUMN_KVM;
		return COLUMN_KERNEL;
	}
	mapping = find_mapping(places, address);
	if (!mapping || mapping->path[0] == '\0')
		return COLUMN_OTHER;
	if (places->program && strcmp(mapping->path, places->program) == 0)
		return places->is_benchmark ? COLUMN_GUEST : COLUMN_VMM;
	return COLUMN_LIBRARIES;
}

/* The names are those of Linux 5.10 and later on x86. */
static void classify(struct function *function)
{
	static const struct {
		const char *prefix;
		enum event event;
		bool is_interrupt;
	} kinds[] = {
		{"__x64_sys_", EVENT_SYSCALL, false},
		{"__switch_to_asm", EVENT_CONTEXT_SWITCH, false},
		{"asm_exc_page_fault", EVENT_PAGE_FAULT, true},
		{"asm_exc_", EVENT_NONE, true},
		{"asm_sysvec_", EVENT_INTERRUPT, true},
		{"asm_common_interrupt", EVENT_INTERRUPT, true},
		{"asm_spurious_", EVENT_INTERRUPT, true},
		{"svm_inject_irq", EVENT_INJECTION, false},
		{"svm_set_irq", EVENT_INJECTION, false},
	};

	for (size_t i = 0; i < NR_OF(kinds); i++) {
		if (begins(function->name, kinds[i].prefix)) {
			function->event = kinds[i].event;
			function->is_interrupt = kinds[i].is_interrupt;
			break;
		}
	}
	function->is_tick = strcmp(function->name, "asm_sysvec_apic_timer_interrupt") == 0;
	function->switches = strcmp(function->name, "__switch_to") == 0;
}

/* What the compiler has put elsewhere of a function is the same function. */
static size_t plain_length(const char *name)
{
	const char *cold = strstr(name, ".cold");

	return cold && cold > name ? (size_t)(cold - name) : strlen(name);
}

static struct function *add_function(struct places *places, enum world world, uint64_t start,
				     uint64_t address, const struct symbol *symbol)
{
	struct function **bucket =
		&places->buckets[(start * 0x9e3779b97f4a7c15ull ^ world) % PLACES_BUCKETS];
	struct function *function;
	const char *slash;

	for (function = *bucket; function; function = function->next)
		if (function->start == start && function->world == world)
			return function;
	function = xcalloc(1, sizeof(*function));
	function->world = world;
	function->start = start;
	function->unnamed = !symbol;
	if (symbol) {
		function->name = xasprintf("%.*s", (int)plain_length(symbol->name), symbol->name);
		function->module = symbol->module;
	} else {
		const struct mapping *mapping =
			world == WORLD_USER ? find_mapping(places, address) : NULL;

		slash = mapping ? strrchr(mapping->path, '/') : NULL;
		function->module = slash ? slash + 1 : mapping ? mapping->path : NULL;
		function->name = xasprintf("0x%llx", (unsigned long long)start -
							     (mapping ? mapping->start : 0));
	}
	function->column = find_column(places, world, address, function->module);
	if (world == WORLD_KERNEL)
		classify(function);
	function->next = *bucket;
	*bucket = function;
	return function;
}

struct function *places_find(struct places *places, enum world world, uint64_t address,
			     bool entered, struct function *before)
{
	const struct symbol *symbol =
		symbols_find(world == WORLD_GUEST ? &places->guest : &places->host, address);

	if (symbol)
		return add_function(places, world, symbol->start, address, symbol);
	if (!entered && before && before->unnamed && before->world == world)
		return before;
	return add_function(places, world, address, address, NULL);
}

void places_free(struct places *places)
{
	for (size_t i = 0; i < PLACES_BUCKETS; i++) {
		for (struct function *function = places->buckets[i], *next; function;
		     function = next) {
			next = function->next;
			free(function->name);
			free(function);
		}
	}
	for (size_t i = 0; i < places->nr_mappings; i++)
		free(places->mappings[i].path);
	free(places->mappings);
	free(places->program);
	symbols_free(&places->host);
	symbols_free(&places->guest);
	*places = (struct places){0};
}
