/* SPDX-License-Identifier: MIT */
/* A trace that a test writes by hand, instruction by instruction, with symbols to find them by. */
#ifndef TESTS_UNIT_EXACT_FIXTURE_H
#define TESTS_UNIT_EXACT_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/exact/account.h"

#define FAKE_MAX 4096

#define KERNEL_BASE 0xffffffff81000000ull
#define KVM_BASE    0xffffffffc0000000ull
#define GUEST_LOOP  0x1000u /* the guest's loop, in the symbols as such */
#define USER_BASE   0x555500000000ull

struct fake {
	struct insn table[FAKE_MAX];
	struct insns insns;
	uint32_t words[FAKE_MAX];
	struct trace trace;
	struct places places;
};

static inline void fake_start(struct fake *fake)
{
	static const char host[] = "ffffffff81000000 T entry_SYSCALL_64\n"
				   "ffffffff81000100 T __x64_sys_ioctl\n"
				   "ffffffff81000200 T helper\n"
				   "ffffffff81000300 T asm_sysvec_apic_timer_interrupt\n"
				   "ffffffff81000400 T __schedule\n"
				   "ffffffff81000500 T __switch_to_asm\n"
				   "ffffffff81000600 T __switch_to\n"
				   "ffffffff81000700 T tail\n"
				   "ffffffff81000800 T the_end\n"
				   "ffffffffc0000000 t __svm_vcpu_run\t[kvm_amd]\n"
				   "ffffffffc0000100 t svm_inject_irq\t[kvm_amd]\n"
				   "ffffffffc0000200 t kvm_end\t[kvm_amd]\n"
				   "0000555500000000 T run_loop\n"
				   "0000555500000100 T handle\n"
				   "0000555500000200 T handle.cold\n"
				   "0000555500000300 T user_end\n";
	static const char guest[] = "0000000000001000 T loop\n0000000000002000 T guest_end\n";
	static const char maps[] = "555500000000-555500001000 r-xp 00000000 00:02 9   /b/vmm\n";
	struct err err;

	memset(fake, 0, sizeof(*fake));
	fake->insns = (struct insns){.at = fake->table};
	fake->trace.words = fake->words;
	fake->places.program = strdup("/b/vmm");
	places_add_maps(&fake->places, maps, NULL, NULL);
	(void)symbols_add_kallsyms(&fake->places.host, host, &err);
	(void)symbols_add_kallsyms(&fake->places.guest, guest, &err);
	places_sort(&fake->places);
}

static inline void fake_word(struct fake *fake, uint32_t word)
{
	fake->words[fake->trace.nr_words++] = word;
}

static inline void fake_insn(struct fake *fake, uint64_t address, enum insn_kind kind)
{
	uint32_t i = 0;

	while (i < fake->insns.nr && fake->table[i].address != address)
		i++;
	if (i == fake->insns.nr)
		fake->table[fake->insns.nr++] =
			(struct insn){.address = address, .kind = kind, .size = 3};
	fake_word(fake, i);
}

static inline void fake_plain(struct fake *fake, uint64_t address)
{
	fake_insn(fake, address, INSN_PLAIN);
}

/* A call or a return at `address` that uses the slot. */
static inline void fake_call(struct fake *fake, uint64_t address, uint32_t slot)
{
	fake_insn(fake, address, INSN_CALL);
	fake_word(fake, TRACE_SLOT | slot);
}

static inline void fake_return(struct fake *fake, uint64_t address, uint32_t slot)
{
	fake_insn(fake, address, INSN_RETURN);
	fake_word(fake, TRACE_SLOT | slot);
}

/* After the last instruction. */
static inline void fake_end(struct fake *fake)
{
	fake_word(fake, TRACE_END_MARKER);
}

static inline void fake_free(struct fake *fake)
{
	places_free(&fake->places);
}

#endif
