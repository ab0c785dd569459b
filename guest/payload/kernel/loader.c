/* SPDX-License-Identifier: MIT */
/*
 * The payload kernel's part in ring 3: finds the program, loads it, builds the stack that Linux
 * would, and jumps. The other vCPUs come here too, and wait for work.
 */
#include <elf.h>

#include "guest/payload/kernel/kernel.h"

#define STACK_BYTES (256u << 10)
#define MAX_ARGS    64
#define USER_CS	    0x1b /* lib/traps.inc */
#define PAGE_BYTES  4096u

extern volatile uint64_t interrupt_count[];

static struct payload_info the_info;

/*
 * Software KVM runs ring 3 natively, on its host's own segments, so a program there reads another
 * selector than the one that iretq loaded.
 */
static bool is_software_kvm(void)
{
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	return cs != USER_CS;
}

_Noreturn void payload_refuse(const char *reason)
{
	print("{\"event\":\"error\",\"bench\":\"payload\",\"reason\":\"");
	print(reason);
	print("\"}\n");
	payload_ring0(payload_end_machine, PAYLOAD_REFUSED);
	__builtin_unreachable();
}

/* Runs `function(arg)` on another stack. */
static void call_on_stack(void (*function)(void *arg), void *arg, void *stack_top)
{
	__asm__ volatile("mov %%rsp, %%rbx\n"
			 "mov %2, %%rsp\n"
			 "call *%1\n"
			 "mov %%rbx, %%rsp"
			 : "+D"(arg), "+a"(function)
			 : "r"(stack_top)
			 : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13",
			   "memory", "cc");
}

static _Noreturn void wait_for_work(struct payload_cpu *cpu)
{
	__atomic_store_n(&cpu->online, 1, __ATOMIC_RELEASE);
	for (;;) {
		void (*run)(void *) = __atomic_load_n(&cpu->run, __ATOMIC_ACQUIRE);

		if (run) {
			call_on_stack(run, cpu->arg, cpu->stack_top);
			__atomic_store_n(&cpu->run, NULL, __ATOMIC_RELEASE);
		}
		pause();
	}
}

/* Splits at blanks, in place; returns the number of words. */
static uint64_t split(char *text, uint64_t words[], unsigned int max)
{
	uint64_t nr = 0;

	while (*text) {
		if (*text == ' ') {
			*text++ = '\0';
			continue;
		}
		if (nr == max)
			payload_refuse("too many words on the command line (--append)");
		words[nr++] = (uint64_t)(uintptr_t)text;
		while (*text && *text != ' ')
			text++;
	}
	return nr;
}

static char *copy_text(char *to, const char *from)
{
	while ((*to = *from++))
		to++;
	return to + 1;
}

/*
 * psABI 3.4.1: argc, argv and NULL, the environment (none) and NULL, the auxiliary vector up to
 * AT_NULL; rsp points at argc and is a multiple of 16.
 */
static uint64_t *build_stack(char *bottom, const char *cmdline, struct payload_info *info)
{
	uint64_t words[MAX_ARGS];
	char *text = copy_text(bottom, "bench");
	uint64_t nr_words, nr_slots;
	uint64_t *stack, *p;

	copy_text(text, cmdline);
	nr_words = split(text, words, MAX_ARGS);
	/* argc, argv[0], words, NULL, NULL, two pairs of the vector */
	nr_slots = 1 + 1 + nr_words + 1 + 1 + 4;
	stack = (uint64_t *)(bottom + STACK_BYTES) - ((nr_slots + 1) & ~1ull);
	p = stack;
	*p++ = nr_words + 1;
	*p++ = (uint64_t)(uintptr_t)bottom;
	for (uint64_t i = 0; i < nr_words; i++)
		*p++ = words[i];
	*p++ = 0;
	*p++ = 0;
	*p++ = AT_TINYVMM;
	*p++ = (uint64_t)(uintptr_t)info;
	*p++ = AT_NULL;
	*p++ = 0;
	return stack;
}

_Noreturn void loader_main(const void *boot, unsigned long cpu, uint64_t root_table);

_Noreturn void loader_main(const void *boot, unsigned long cpu, uint64_t root_table)
{
	struct payload_info *info = &the_info;
	struct handover handover;
	uint64_t entry, end;
	uint64_t *stack;

	if (cpu >= PAYLOAD_MAX_CPUS)
		payload_refuse("more vCPUs than the payload kernel knows (16)");
	if (cpu != 0)
		wait_for_work(&info->cpu[cpu]);

	handover_read(boot, &handover, info);
	cpus_start(&handover, info);
	entry = program_load(&handover, &end);
	end = (end + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	if (handover.ram_end < STACK_BYTES || end > handover.ram_end - STACK_BYTES)
		payload_refuse("no RAM left for the program's stack; use more --mem");
	stack = build_stack((char *)end, handover.cmdline, info);
	info->root_table = root_table;
	info->interrupt_count = interrupt_count;
	info->is_software_kvm = is_software_kvm();
	info->cpu[0].online = 1;
	info->arena_start = end + STACK_BYTES;
	info->arena_end = handover.ram_end;
	info->high_ram_end = handover.high_ram_end;
	/* psABI 3.4.1: rdx 0, no function to register at exit */
	__asm__ volatile("mov %0, %%rsp\n"
			 "xor %%edx, %%edx\n"
			 "xor %%ebp, %%ebp\n"
			 "jmp *%1"
			 :
			 : "r"(stack), "r"(entry)
			 : "memory");
	__builtin_unreachable();
}
