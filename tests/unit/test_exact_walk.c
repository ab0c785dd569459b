/* SPDX-License-Identifier: MIT */
/* Stacks from calls and returns, operations from a trace, and their account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/exact_fixture.h"
#include "vmm/core/array.h"

static struct fake fake;

static int start(void **state)
{
	(void)state;
	fake_start(&fake);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fake_free(&fake);
	return 0;
}

/* "a;b;c" of the walk's current instruction. */
static const char *stack_of(const struct walk *walk)
{
	static char text[512];
	const struct node *path[32];
	size_t nr = 0;

	for (const struct node *node = walk->node; node->function; node = node->parent)
		path[nr++] = node;
	text[0] = '\0';
	while (nr-- > 0) {
		strcat(text, path[nr]->function->name);
		if (nr > 0)
			strcat(text, ";");
	}
	return text;
}

/* Follows the whole trace and compares the stack at each instruction. */
static void expect_stacks(const char *const *stacks)
{
	struct trace_reader reader;
	struct walk walk;
	struct step step;
	size_t i = 0;

	fake_end(&fake);
	walk_start(&walk, &fake.insns, &fake.places, &fake.trace);
	trace_start(&reader, &fake.trace);
	while (trace_next(&reader, &step)) {
		walk_step(&walk, &step);
		assert_non_null(stacks[i]);
		assert_string_equal(stack_of(&walk), stacks[i]);
		i++;
	}
	assert_null(stacks[i]);
	walk_free(&walk);
}

#define KSTACK 0x100000u /* a kernel stack's slots, as trace.h has them */

static void a_return_ends_the_call_of_its_slot(void **state)
{
	(void)state;
	fake_plain(&fake, KERNEL_BASE);
	fake_call(&fake, KERNEL_BASE + 1, KSTACK + 100);
	fake_call(&fake, KERNEL_BASE + 0x100, KSTACK + 90);
	fake_plain(&fake, KERNEL_BASE + 0x200);
	fake_return(&fake, KERNEL_BASE + 0x201, KSTACK + 90);
	fake_return(&fake, KERNEL_BASE + 0x101, KSTACK + 100);
	fake_plain(&fake, KERNEL_BASE + 4);
	expect_stacks((const char *const[]){
		"entry_SYSCALL_64", "entry_SYSCALL_64", "entry_SYSCALL_64;__x64_sys_ioctl",
		"entry_SYSCALL_64;__x64_sys_ioctl;helper",
		"entry_SYSCALL_64;__x64_sys_ioctl;helper", "entry_SYSCALL_64;__x64_sys_ioctl",
		"entry_SYSCALL_64", NULL});
}

static void a_tail_call_replaces_its_caller(void **state)
{
	(void)state;
	fake_call(&fake, KERNEL_BASE, KSTACK + 100);
	fake_plain(&fake, KERNEL_BASE + 0x200); /* helper, which jumps */
	fake_return(&fake, KERNEL_BASE + 0x700, KSTACK + 100);
	fake_plain(&fake, KERNEL_BASE + 5);
	expect_stacks((const char *const[]){"entry_SYSCALL_64", "entry_SYSCALL_64;helper",
					    "entry_SYSCALL_64;tail", "entry_SYSCALL_64", NULL});
}

static void a_caller_from_before_the_trace_is_learned(void **state)
{
	(void)state;
	fake_return(&fake, KERNEL_BASE + 0x200, KSTACK + 90);
	fake_return(&fake, KERNEL_BASE + 0x105, KSTACK + 100);
	fake_plain(&fake, KERNEL_BASE + 5);
	expect_stacks((const char *const[]){"helper", "__x64_sys_ioctl", "entry_SYSCALL_64", NULL});
}

static void the_cold_part_of_a_function_is_the_function(void **state)
{
	(void)state;
	fake_call(&fake, USER_BASE, 0x5000);
	fake_plain(&fake, USER_BASE + 0x100);
	fake_plain(&fake, USER_BASE + 0x200);
	expect_stacks(
		(const char *const[]){"run_loop", "run_loop;handle", "run_loop;handle", NULL});
}

static void an_interrupt_ends_with_iret(void **state)
{
	(void)state;
	fake_call(&fake, KERNEL_BASE, KSTACK + 100);
	fake_plain(&fake, KERNEL_BASE + 0x200);
	fake_call(&fake, KERNEL_BASE + 0x300, KSTACK + 80);
	fake_return(&fake, KERNEL_BASE + 0x700, KSTACK + 80);
	fake_insn(&fake, KERNEL_BASE + 0x310, INSN_IRET);
	fake_plain(&fake, KERNEL_BASE + 0x201);
	expect_stacks((const char *const[]){
		"entry_SYSCALL_64", "entry_SYSCALL_64;helper",
		"entry_SYSCALL_64;helper;asm_sysvec_apic_timer_interrupt",
		"entry_SYSCALL_64;helper;asm_sysvec_apic_timer_interrupt;tail",
		"entry_SYSCALL_64;helper;asm_sysvec_apic_timer_interrupt",
		"entry_SYSCALL_64;helper", NULL});
}

static void a_guest_is_between_vmrun_and_the_instruction_behind_it(void **state)
{
	(void)state;
	fake_plain(&fake, USER_BASE);
	fake_plain(&fake, KERNEL_BASE);
	fake_call(&fake, KERNEL_BASE + 1, KSTACK + 100);
	fake_insn(&fake, KVM_BASE, INSN_VMRUN);
	fake_plain(&fake, GUEST_LOOP);
	fake_plain(&fake, KVM_BASE + 3);
	fake_return(&fake, KVM_BASE + 6, KSTACK + 100);
	fake_plain(&fake, KERNEL_BASE + 6);
	fake_plain(&fake, USER_BASE + 2);
	expect_stacks((const char *const[]){"run_loop", "run_loop;entry_SYSCALL_64",
					    "run_loop;entry_SYSCALL_64",
					    "run_loop;entry_SYSCALL_64;__svm_vcpu_run",
					    "run_loop;entry_SYSCALL_64;__svm_vcpu_run;loop",
					    "run_loop;entry_SYSCALL_64;__svm_vcpu_run",
					    "run_loop;entry_SYSCALL_64;__svm_vcpu_run",
					    "run_loop;entry_SYSCALL_64", "run_loop", NULL});
}

/* A guest's kernel may lie where the host's does. */
static void a_guest_in_the_kernel_half_stays_a_guest(void **state)
{
	struct account account;

	(void)state;
	fake_insn(&fake, KVM_BASE, INSN_VMRUN);
	fake_plain(&fake, KERNEL_BASE + 0x200);
	fake_plain(&fake, KVM_BASE + 3);
	fake_end(&fake);
	account_make(&account, &fake.trace, &fake.insns, &fake.places, 1);
	assert_int_equal(account.columns[COLUMN_GUEST], 1);
	assert_int_equal(account.columns[COLUMN_KVM], 2);
	account_free(&account);
}

static void each_thread_has_a_stack(void **state)
{
	const uint32_t other = KSTACK + 2048 * 3;

	(void)state;
	fake_plain(&fake, USER_BASE);
	fake_plain(&fake, KERNEL_BASE);
	fake_call(&fake, KERNEL_BASE + 1, KSTACK + 100); /* to __schedule */
	fake_call(&fake, KERNEL_BASE + 0x400, KSTACK + 90);
	fake_plain(&fake, KERNEL_BASE + 0x500);
	fake_return(&fake, KERNEL_BASE + 0x600, other + 90);
	fake_plain(&fake, KERNEL_BASE + 0x405); /* __schedule of the other thread */
	fake_call(&fake, KERNEL_BASE + 0x406, other + 90);
	fake_plain(&fake, KERNEL_BASE + 0x500);
	fake_return(&fake, KERNEL_BASE + 0x600, KSTACK + 90);
	fake_return(&fake, KERNEL_BASE + 0x410, KSTACK + 100);
	fake_plain(&fake, KERNEL_BASE + 6);
	expect_stacks((const char *const[]){
		"run_loop", "run_loop;entry_SYSCALL_64", "run_loop;entry_SYSCALL_64",
		"run_loop;entry_SYSCALL_64;__schedule",
		"run_loop;entry_SYSCALL_64;__schedule;__switch_to_asm",
		"run_loop;entry_SYSCALL_64;__schedule;__switch_to", "__schedule", "__schedule",
		"__schedule;__switch_to_asm", "__schedule;__switch_to",
		"run_loop;entry_SYSCALL_64;__schedule", "run_loop;entry_SYSCALL_64", NULL});
}

/* ---- accounts ----------------------------------------------------------------------------------
 */

/* One round of a guest's loop, with an exit to the VMM. */
static void add_round(void)
{
	fake_plain(&fake, GUEST_LOOP);
	fake_plain(&fake, GUEST_LOOP + 1);
	fake_plain(&fake, KVM_BASE + 3);
	fake_call(&fake, KERNEL_BASE, KSTACK + 100);
	fake_plain(&fake, KERNEL_BASE + 0x100);
	fake_return(&fake, KERNEL_BASE + 0x101, KSTACK + 100);
	fake_plain(&fake, USER_BASE);
	fake_plain(&fake, USER_BASE + 1);
	fake_insn(&fake, KVM_BASE, INSN_VMRUN);
}

static void add_tick(void)
{
	fake_plain(&fake, KERNEL_BASE + 0x300);
	fake_plain(&fake, KERNEL_BASE + 0x301);
	fake_insn(&fake, KERNEL_BASE + 0x310, INSN_IRET);
}

static void columns_add_up_to_the_total(void **state)
{
	struct account account;
	uint64_t sum = 0;

	(void)state;
	fake.trace.header.in_guest = 1;
	for (int i = 0; i < 10; i++)
		add_round();
	fake_end(&fake);
	account_make(&account, &fake.trace, &fake.insns, &fake.places, 10);
	for (size_t i = 0; i < NR_COLUMNS; i++)
		sum += account.columns[i];
	assert_int_equal(account.total, 9);
	assert_int_equal(sum, account.total);
	assert_int_equal(account.columns[COLUMN_GUEST], 2);
	assert_int_equal(account.columns[COLUMN_KERNEL], 3);
	assert_int_equal(account.columns[COLUMN_KVM], 2);
	assert_int_equal(account.columns[COLUMN_VMM], 2);
	assert_int_equal(account.vmruns, 1);
	assert_int_equal(account.operations, 9);
	assert_int_equal(account.equal, 9);
	assert_int_equal(account.syscalls.nr, 1);
	assert_string_equal(account.syscalls.at[0].name, "ioctl");
	assert_int_equal(account.nr_left_out, 0);
	account_free(&account);
}

static void a_disturbed_operation_is_left_out_and_counted(void **state)
{
	struct account account;

	(void)state;
	fake.trace.header.in_guest = 1;
	for (int i = 0; i < 10; i++) {
		fake_plain(&fake, GUEST_LOOP);
		fake_plain(&fake, KVM_BASE + 3);
		if (i == 4)
			add_tick();
		fake_insn(&fake, KVM_BASE, INSN_VMRUN);
	}
	fake_end(&fake);
	account_make(&account, &fake.trace, &fake.insns, &fake.places, 10);
	assert_int_equal(account.total, 3);
	assert_int_equal(account.equal, 8);
	assert_int_equal(account.nr_left_out, 1);
	assert_string_equal(account.left_out[0].why, "apic_timer_interrupt");
	assert_int_equal(account.left_out[0].operations, 1);
	assert_int_equal(account.left_out[0].instructions, 3);
	account_free(&account);
}

/* Where operations overlap, all is summed but what the timer interrupted. */
static void without_rounds_the_sum_is_divided(void **state)
{
	struct account account;

	(void)state;
	fake_plain(&fake, KERNEL_BASE + 0x100);
	fake_plain(&fake, KERNEL_BASE + 0x101);
	add_tick();
	fake_plain(&fake, KERNEL_BASE + 0x102);
	fake_end(&fake);
	account_make(&account, &fake.trace, &fake.insns, &fake.places, 4);
	assert_int_equal(account.divisor, 4);
	assert_int_equal(account.total, 3);
	assert_int_equal(account.nr_left_out, 1);
	assert_int_equal(account.left_out[0].instructions, 3);
	account_free(&account);
	/* A tick an operation or two is what the operations are about. */
	account_make(&account, &fake.trace, &fake.insns, &fake.places, 2);
	assert_int_equal(account.total, 6);
	assert_int_equal(account.nr_left_out, 0);
	account_free(&account);
}

static void most_operations_have_to_be_equal(void **state)
{
	static const struct {
		uint64_t hashes[6];
		size_t lengths[6];
		size_t nr_usual, usual;
	} cases[] = {
		{{1, 1, 1, 1, 1, 1}, {9, 9, 9, 9, 9, 9}, 6, 5},
		{{1, 2, 1, 1, 3, 1}, {9, 9, 9, 9, 9, 9}, 4, 5},
		{{1, 1, 1, 2, 2, 2}, {9, 9, 9, 9, 9, 9}, 0, 0},
		{{1, 2, 3, 4, 5, 6}, {9, 9, 9, 9, 9, 9}, 0, 0},
		/* five requests are sent, and the sixth time all are waited for */
		{{1, 1, 1, 1, 1, 2}, {9, 9, 9, 9, 9, 99}, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct operation operations[6] = {0};
		struct split split = {.at = operations, .nr = 6};

		for (size_t j = 0; j < 6; j++) {
			operations[j].hash = cases[i].hashes[j];
			operations[j].length = cases[i].lengths[j];
		}
		split_choose(&split);
		assert_int_equal(split.nr_usual, cases[i].nr_usual);
		assert_int_equal(split.usual, cases[i].usual);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_return_ends_the_call_of_its_slot),
		TEST(a_tail_call_replaces_its_caller),
		TEST(a_caller_from_before_the_trace_is_learned),
		TEST(the_cold_part_of_a_function_is_the_function),
		TEST(an_interrupt_ends_with_iret),
		TEST(a_guest_is_between_vmrun_and_the_instruction_behind_it),
		TEST(a_guest_in_the_kernel_half_stays_a_guest),
		TEST(each_thread_has_a_stack),
		TEST(columns_add_up_to_the_total),
		TEST(a_disturbed_operation_is_left_out_and_counted),
		TEST(without_rounds_the_sum_is_divided),
		TEST(most_operations_have_to_be_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
