/* SPDX-License-Identifier: MIT */
/* A vCPU's CPUID, MSRs and registers, through KVM (api.rst, section 4). */
#include "vmm/x86/cpu.h"

#include <cpuid.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

/* Intel SDM vol. 3, 2.5 and 2.2.1; AMD APM vol. 2, 3.1. */
#define CR0_PE	       (1ull << 0)
#define CR0_MP	       (1ull << 1)
#define CR0_ET	       (1ull << 4)
#define CR0_NE	       (1ull << 5)
#define CR0_WP	       (1ull << 16)
#define CR0_PG	       (1ull << 31)
#define CR4_PAE	       (1ull << 5)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define EFER_LME       (1ull << 8)
#define EFER_LMA       (1ull << 10)
#define RFLAGS_FIXED   (1ull << 1)

/* Segment types (Intel SDM vol. 3, 3.4.5.1 and 3.5). */
#define SEGMENT_CODE_RX_ACCESSED 0xb
#define SEGMENT_DATA_RW_ACCESSED 0x3
#define SEGMENT_TSS_BUSY	 0xb
#define TSS_LIMIT		 0x67

/* IA32_APIC_BASE (Intel SDM vol. 3, 11.12.1). */
#define APIC_BASE_X2APIC (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)

#define MSR_IA32_MISC_ENABLE	0x1a0
#define MISC_ENABLE_FAST_STRING (1ull << 0)
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MTRR_DEF_TYPE_ENABLE	(1ull << 11)
#define MTRR_TYPE_WRITE_BACK	6ull

struct cpuid_request {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[CPUID_MAX_ENTRIES];
};

int cpu_read_supported(int kvm_fd, struct cpuid_table *table)
{
	struct cpuid_request request = {.head = {.nent = CPUID_MAX_ENTRIES}};

	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, &request) < 0)
		return -errno;
	table->nr = 0;
	for (uint32_t i = 0; i < request.head.nent; i++) {
		const struct kvm_cpuid_entry2 *from = &request.entry[i];

		table->entry[table->nr++] = (struct cpuid_entry){
			.leaf = from->function,
			.subleaf = from->index,
			.indexed = from->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = from->eax,
			.ebx = from->ebx,
			.ecx = from->ecx,
			.edx = from->edx,
		};
	}
	return 0;
}

void cpu_ask_host(struct cpuid_entry *entry)
{
	__cpuid_count(entry->leaf, entry->subleaf, entry->eax, entry->ebx, entry->ecx, entry->edx);
}

int cpu_set_cpuid(int vcpu_fd, const struct cpuid_table *table)
{
	struct cpuid_request request;

	memset(&request.head, 0, sizeof(request.head));
	request.head.nent = table->nr;
	for (unsigned int i = 0; i < table->nr; i++) {
		const struct cpuid_entry *from = &table->entry[i];

		request.entry[i] = (struct kvm_cpuid_entry2){
			.function = from->leaf,
			.index = from->subleaf,
			.flags = from->indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = from->eax,
			.ebx = from->ebx,
			.ecx = from->ecx,
			.edx = from->edx,
		};
	}
	return ioctl(vcpu_fd, KVM_SET_CPUID2, &request) < 0 ? -errno : 0;
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, enum boot_mode mode)
{
	bool is_long_code = mode == BOOT_MODE_LONG64 && type == SEGMENT_CODE_RX_ACCESSED;

	return (struct kvm_segment){
		.base = 0,
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = !is_long_code,
		.s = 1,
		.l = is_long_code,
		.g = 1,
	};
}

static void enter_segments(struct kvm_sregs *sregs, const struct boot_entry *entry)
{
	struct kvm_segment data =
		flat_segment(entry->data_selector, SEGMENT_DATA_RW_ACCESSED, entry->mode);

	sregs->cs = flat_segment(entry->code_selector, SEGMENT_CODE_RX_ACCESSED, entry->mode);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	/* VM entry demands a busy TSS (Intel SDM vol. 3, 26.3.1.2); no task switch uses it. */
	sregs->tr = (struct kvm_segment){
		.limit = TSS_LIMIT,
		.selector = entry->tss_selector,
		.type = SEGMENT_TSS_BUSY,
		.present = 1,
	};
	sregs->gdt.base = entry->gdt;
	sregs->gdt.limit = entry->gdt_limit;
	sregs->idt.limit = 0; /* no IDT yet: a fault before there is one is a shutdown */
}

int cpu_enter(int vcpu_fd, const struct boot_entry *entry, unsigned int cpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rsp = cpu == 0 ? entry->rsp : 0,
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rcx = entry->rcx,
		.rdx = entry->rdx,
		.rsi = entry->all_cpus ? cpu : entry->rsi,
		.rdi = entry->rdi,
		.rflags = RFLAGS_FIXED,
	};
	struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	enter_segments(&sregs, entry);
	if (entry->mode == BOOT_MODE_LONG64) {
		sregs.cr3 = entry->cr3;
		sregs.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
		sregs.cr0 = CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE;
		sregs.efer = EFER_LME | EFER_LMA;
	} else {
		sregs.cr0 = CR0_ET | CR0_PE;
		sregs.cr4 = 0;
	}
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return -errno;
	/* With local APICs in the kernel, all but the boot processor would wait for a SIPI. */
	return cpu > 0 && ioctl(vcpu_fd, KVM_SET_MP_STATE, &runnable) < 0 ? -errno : 0;
}

/* 0, also when KVM does not know the MSR, or -errno. */
static int set_msr(int vcpu_fd, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} request = {
		.head = {.nmsrs = 1},
		.entry = {.index = index, .data = value},
	};

	return ioctl(vcpu_fd, KVM_SET_MSRS, &request) < 0 ? -errno : 0;
}

static int enter_x2apic(int vcpu_fd)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.apic_base |= APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	return ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0 ? -errno : 0;
}

int cpu_be_firmware(int vcpu_fd, bool x2apic)
{
	int ret = set_msr(vcpu_fd, MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING);

	if (ret == 0)
		ret = set_msr(vcpu_fd, MSR_MTRR_DEF_TYPE,
			      MTRR_DEF_TYPE_ENABLE | MTRR_TYPE_WRITE_BACK);
	return ret == 0 && x2apic ? enter_x2apic(vcpu_fd) : ret;
}

/*
 * vcpu.rst 4.1: the guest's counter is (host_tsc * ratio >> bits) + offset. The ratio is 1 unless
 * KVM_SET_TSC_KHZ (api.rst 4.55) is called, and tinyvmm does not call it.
 */
int cpu_share_tsc(int vcpu_fd, uint64_t *offset)
{
	const struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uint64_t)(uintptr_t)offset,
	};

	*offset = 0;
	ioctl(vcpu_fd, KVM_SET_DEVICE_ATTR, &attr);
	return ioctl(vcpu_fd, KVM_GET_DEVICE_ATTR, &attr) < 0 ? -errno : 0;
}

static void print_segment(FILE *to, const char *name, const struct kvm_segment *s)
{
	fprintf(to, "%s %04x base %016llx limit %08x type %x dpl %u%s%s%s\n", name, s->selector,
		s->base, s->limit, s->type, s->dpl, s->l ? " 64-bit" : "", s->db ? " 32-bit" : "",
		s->present && !s->unusable ? "" : " unusable");
}

static void print_code(int vcpu_fd, const struct gmem *mem, uint64_t linear, FILE *to)
{
	struct kvm_translation where = {.linear_address = linear};
	uint8_t code[16];
	size_t len = sizeof(code);

	if (ioctl(vcpu_fd, KVM_TRANSLATE, &where) < 0 || !where.valid) {
		fprintf(to, "code: %016" PRIx64 " is not mapped by the guest's page tables\n",
			linear);
		return;
	}
	/* Not past the page, whose successor may be mapped elsewhere or nowhere. */
	if (len > 0x1000 - (where.physical_address & 0xfff))
		len = 0x1000 - (where.physical_address & 0xfff);
	if (gmem_read(mem, gpa(where.physical_address), code, len) < 0) {
		fprintf(to, "code: %016" PRIx64 " is guest-physical %016llx, which is not RAM\n",
			linear, where.physical_address);
		return;
	}
	fprintf(to, "code at %016" PRIx64 " (guest-physical %016llx):", linear,
		where.physical_address);
	for (size_t i = 0; i < len; i++)
		fprintf(to, " %02x", code[i]);
	fputc('\n', to);
}

void cpu_print_state(int vcpu_fd, const struct gmem *mem, FILE *to)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(vcpu_fd, KVM_GET_REGS, &r) < 0 || ioctl(vcpu_fd, KVM_GET_SREGS, &s) < 0) {
		fprintf(to, "registers: cannot be read: %s\n", strerror(errno));
		return;
	}
	fprintf(to,
		"rip %016llx rflags %016llx\n"
		"rax %016llx rbx %016llx rcx %016llx rdx %016llx\n"
		"rsi %016llx rdi %016llx rsp %016llx rbp %016llx\n"
		"r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n"
		"r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n"
		"cr0 %016llx cr2 %016llx cr3 %016llx cr4 %016llx\n"
		"efer %016llx gdt %016llx+%04x idt %016llx+%04x\n",
		r.rip, r.rflags, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rsp, r.rbp, r.r8, r.r9,
		r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, s.cr0, s.cr2, s.cr3, s.cr4, s.efer,
		s.gdt.base, s.gdt.limit, s.idt.base, s.idt.limit);
	print_segment(to, "cs", &s.cs);
	print_segment(to, "ss", &s.ss);
	print_segment(to, "ds", &s.ds);
	print_segment(to, "tr", &s.tr);
	print_code(vcpu_fd, mem, s.cs.l ? r.rip : s.cs.base + r.rip, to);
}
