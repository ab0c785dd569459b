/* SPDX-License-Identifier: MIT */
/* The files that the plugin writes, and the symbols that its addresses are looked up in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/exact/symbols.h"
#include "guest/tinybench/exact/trace_file.h"
#include "vmm/core/array.h"

static void tells_calls_and_returns_apart(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		enum insn_kind kind;
	} cases[] = {
		{"\xe8\x00\x00\x00\x00", 5, INSN_CALL},
		{"\xff\xd0", 2, INSN_CALL},		     /* call *%rax */
		{"\xff\x50\x48", 3, INSN_CALL},		     /* call *0x48(%rax) */
		{"\x41\xff\xd4", 3, INSN_CALL},		     /* call *%r12 */
		{"\x3e\xff\xd0", 3, INSN_CALL},		     /* notrack call *%rax */
		{"\xff\xe0", 2, INSN_PLAIN},		     /* jmp *%rax */
		{"\xff\x35\x00\x00\x00\x00", 6, INSN_PLAIN}, /* push */
		{"\xc3", 1, INSN_RETURN},
		{"\xf3\xc3", 2, INSN_RETURN},
		{"\xf2\xc3", 2, INSN_RETURN},
		{"\xc2\x08\x00", 3, INSN_RETURN},
		{"\x48\xcf", 2, INSN_IRET},
		{"\x0f\x05", 2, INSN_SYSCALL},
		{"\x0f\x01\xd8", 3, INSN_VMRUN},
		{"\x0f\x01\xd9", 3, INSN_PLAIN}, /* vmmcall */
		{"\x90", 1, INSN_PLAIN},
		{"\x48\x89\xe8", 3, INSN_PLAIN}, /* mov: e8 is no opcode there */
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(insn_kind((const uint8_t *)cases[i].bytes, cases[i].size),
				 cases[i].kind);
}

struct file {
	char path[32];
};

static void make_file(struct file *file, const void *bytes, size_t size)
{
	int fd;

	strcpy(file->path, "/tmp/exact-XXXXXX");
	fd = mkstemp(file->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void load_dictionary(struct insns *insns)
{
	static const char text[] = "0 ffffffff81000000 55 pushq %rbp\n"
				   "1 ffffffff81000001 e800000000 callq 6\n"
				   "2 ffffffff81000006 c3 retq \n";
	struct err err;
	struct file file;

	make_file(&file, text, strlen(text));
	assert_int_equal(insns_load(insns, file.path, &err), 0);
	unlink(file.path);
}

static void reads_runs_and_slots(void **state)
{
	const struct trace_header header = {.magic = TRACE_MAGIC, .job = 3};
	const uint32_t words[] = {0, TRACE_LENGTH | 2, TRACE_SLOT | 0x77, 2, TRACE_SLOT | 0x78,
				  0, TRACE_END_MARKER};
	const struct step expected[] = {
		{0, false, 0}, {1, true, 0x77}, {2, true, 0x78}, {0, false, 0}};
	uint8_t bytes[sizeof(header) + sizeof(words)];
	struct trace_reader reader;
	struct err err;
	struct insns insns;
	struct trace trace;
	struct step step;
	struct file file;

	(void)state;
	load_dictionary(&insns);
	assert_int_equal(insns.at[1].kind, INSN_CALL);
	assert_int_equal(insns.at[2].address, 0xffffffff81000006);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), words, sizeof(words));
	make_file(&file, bytes, sizeof(bytes));
	assert_int_equal(trace_load(&trace, &insns, file.path, &err), 0);
	trace_start(&reader, &trace);
	for (size_t i = 0; i < NR_OF(expected); i++) {
		assert_true(trace_next(&reader, &step));
		assert_int_equal(step.insn, expected[i].insn);
		assert_int_equal(step.has_slot, expected[i].has_slot);
		assert_int_equal(step.slot, expected[i].slot);
	}
	assert_false(trace_next(&reader, &step));
	trace_free(&trace);
	insns_free(&insns);
	unlink(file.path);
}

static void says_why_a_trace_is_of_no_use(void **state)
{
	static const struct {
		uint32_t words[3];
		size_t nr;
		const char *said;
	} cases[] = {
		{{0, TRACE_END_JOB}, 2, "ended without the stop marker"},
		{{0, TRACE_END_LIMIT}, 2, "more instructions than a trace may have"},
		{{0, 1}, 2, "no end"},
		{{0}, 0, "no end"},
		{{9999, TRACE_END_MARKER}, 2, "damaged"},
		{{0, TRACE_LENGTH | 9, TRACE_END_MARKER}, 3, "damaged"},
		{{0, TRACE_LENGTH | 0, TRACE_END_MARKER}, 3, "damaged"},
		{{TRACE_SLOT | 1, TRACE_END_MARKER}, 2, "damaged"},
		{{0, TRACE_END_LIMIT, TRACE_END_MARKER}, 3, "damaged"},
	};
	struct trace_header header = {.magic = TRACE_MAGIC};
	uint8_t bytes[sizeof(header) + sizeof(cases[0].words)];
	struct err err;
	struct insns insns;
	struct trace trace;
	struct file file;

	(void)state;
	load_dictionary(&insns);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		memcpy(bytes, &header, sizeof(header));
		memcpy(bytes + sizeof(header), cases[i].words, sizeof(cases[i].words));
		make_file(&file, bytes, sizeof(header) + cases[i].nr * sizeof(uint32_t));
		assert_true(trace_load(&trace, &insns, file.path, &err) < 0);
		assert_non_null(strstr(err.text, cases[i].said));
		trace_free(&trace);
		unlink(file.path);
	}
	assert_true(trace_load(&trace, &insns, "/nonexistent/trace", &err) < 0);
	assert_non_null(strstr(err.text, "never reached the start marker"));
	trace_free(&trace);
	header.magic[0] = 'x';
	make_file(&file, &header, sizeof(header));
	assert_true(trace_load(&trace, &insns, file.path, &err) < 0);
	assert_non_null(strstr(err.text, "is no trace"));
	trace_free(&trace);
	unlink(file.path);
	insns_free(&insns);
}

/* ---- symbols --------------------------------------------------------------------------------- */

static void finds_the_symbol_of_an_address(void **state)
{
	static const char text[] = "ffffffff81000010 T second\n"
				   "ffffffff81000000 T first\n"
				   "ffffffff81000005 d data\n"
				   "ffffffff81000010 t another_name\n"
				   "ffffffffc0000000 t in_module\t[kvm_amd]\n";
	static const struct {
		uint64_t address;
		const char *name, *module;
	} cases[] = {
		{0xffffffff81000000, "first", NULL},
		{0xffffffff8100000f, "first", NULL},
		{0xffffffff81000010, "another_name", NULL},
		{0xffffffffc0000004, "in_module", "kvm_amd"},
		{0xffffffff80ffffff, NULL, NULL},
	};
	struct symbols symbols = {0};
	struct err err;

	(void)state;
	assert_int_equal(symbols_add_kallsyms(&symbols, text, &err), 0);
	symbols_sort(&symbols);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const struct symbol *symbol = symbols_find(&symbols, cases[i].address);

		assert_true((symbol != NULL) == (cases[i].name != NULL));
		if (!symbol)
			continue;
		assert_string_equal(symbol->name, cases[i].name);
		assert_true((symbol->module != NULL) == (cases[i].module != NULL));
		if (symbol->module)
			assert_string_equal(symbol->module, cases[i].module);
	}
	symbols_free(&symbols);
}

static void says_that_a_kernel_shows_no_symbols(void **state)
{
	static const char *const texts[] = {
		"", "0000000000000000 T first\n0000000000000000 T second\n"};

	(void)state;
	for (size_t i = 0; i < NR_OF(texts); i++) {
		struct symbols symbols = {0};
		struct err err;

		assert_true(symbols_add_kallsyms(&symbols, texts[i], &err) < 0);
		assert_non_null(strstr(err.text, "CONFIG_KALLSYMS"));
		symbols_free(&symbols);
	}
}

/* A function of this program, which is position independent: found where it would be loaded. */
static void finds_functions_of_an_elf_file(void **state)
{
	struct symbols symbols = {0};
	const struct symbol *symbol;
	struct err err;
	uint64_t address = 0;

	(void)state;
	assert_int_equal(symbols_add_elf(&symbols, "/proc/self/exe", 0, 0, 0, &err), 0);
	symbols_sort(&symbols);
	for (size_t i = 0; i < symbols.nr; i++)
		if (strcmp(symbols.at[i].name, "insn_kind") == 0)
			address = symbols.at[i].start;
	assert_int_not_equal(address, 0);
	symbol = symbols_find(&symbols, address + 1);
	assert_non_null(symbol);
	assert_string_equal(symbol->name, "insn_kind");
	/* And the stubs through which it calls its libraries. */
	address = 0;
	for (size_t i = 0; i < symbols.nr; i++)
		if (strcmp(symbols.at[i].name, "plt") == 0)
			address = symbols.at[i].start;
	assert_int_not_equal(address, 0);
	symbols_free(&symbols);
}

static void refuses_what_is_no_elf_file(void **state)
{
	static const char *const paths[] = {"/proc/self/cmdline", "/nonexistent", "/etc/passwd"};

	(void)state;
	for (size_t i = 0; i < NR_OF(paths); i++) {
		struct symbols symbols = {0};
		struct err err;

		assert_true(symbols_add_elf(&symbols, paths[i], 0, 0, 0, &err) < 0);
		assert_non_null(strstr(err.text, paths[i]));
		symbols_free(&symbols);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_calls_and_returns_apart),
		cmocka_unit_test(reads_runs_and_slots),
		cmocka_unit_test(says_why_a_trace_is_of_no_use),
		cmocka_unit_test(finds_the_symbol_of_an_address),
		cmocka_unit_test(says_that_a_kernel_shows_no_symbols),
		cmocka_unit_test(finds_functions_of_an_elf_file),
		cmocka_unit_test(refuses_what_is_no_elf_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
