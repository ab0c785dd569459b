/* SPDX-License-Identifier: MIT */
/*
 * The floor: what a machine costs that does nothing but ask KVM for it.
 *
 * The shortest straight line of ioctls (Documentation/virt/kvm/api.rst) from open("/dev/kvm") to
 * the end of a payload: no devices, no checks of the image beyond what keeps this program
 * upright, no clean-up that exit does not do anyway. It runs the same payload images as tinyvmm
 * (guest/abi.h) and makes the kernel objects that the options ask for, so that a start or an exit
 * of tinyvmm can be compared with one of a program that has the same objects and no more.
 *
 * The order of calls is part of the result. Making the in-kernel irqchip starts an SRCU grace
 * period (it adds devices to KVM's I/O bus), and a change of memory slots waits for its end. So
 * memory comes first: the guest starts at once, and the period passes while it runs.
 *
 * What it serves: bytes to the serial port and to debugcon go to stdout, power-off and debug-exit
 * end; all else reads all-ones and ignores writes, which makes this also the bare KVM_RUN loop that
 * exits are timed against.
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/abi.h"

#define MAX_VCPUS   64
#define MAX_CPUID   256
#define GDT_ADDR    0x500
#define STACK_TOP   0x9000
#define PAGE_TABLES 0x9000	/* PML4, PDPT, four page directories */
#define SLOT_BASE   0xd0000000u /* where virtio-mmio registers would be */
#define PAGE	    4096u

struct floor {
	/* what to make */
	unsigned int nr_vcpus, nr_ioeventfds, nr_irqfds;
	bool cpuid, irqchip, split_irqchip, pit, thread;
	uint64_t mem_bytes;
	const char *image;
	/* what was made */
	int kvm, vm, vcpu[MAX_VCPUS];
	struct kvm_run *run[MAX_VCPUS];
	uint8_t *mem;
	uint64_t entry;
};

struct vcpu_arg {
	struct floor *floor;
	unsigned int index;
};

static int must(int result, const char *what)
{
	if (result < 0)
		err(12, "%s", what);
	return result;
}

static void map_memory(struct floor *floor)
{
	struct kvm_userspace_memory_region slot = {.memory_size = floor->mem_bytes};

	floor->mem = mmap(NULL, floor->mem_bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (floor->mem == MAP_FAILED)
		err(12, "mmap of guest memory");
	slot.userspace_addr = (uintptr_t)floor->mem;
	must(ioctl(floor->vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
}

/* Copies the segments of an ELF64 to their physical addresses. */
static void load_image(struct floor *floor)
{
	int fd = must(open(floor->image, O_RDONLY | O_CLOEXEC), floor->image);
	struct stat st;
	must(fstat(fd, &st), floor->image);
	size_t size = (size_t)st.st_size;
	const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	Elf64_Ehdr ehdr;

	if (bytes == MAP_FAILED || size < sizeof(ehdr))
		errx(2, "%s: cannot map", floor->image);
	memcpy(&ehdr, bytes, sizeof(ehdr));
	if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_phoff > size || (size - ehdr.e_phoff) / sizeof(Elf64_Phdr) < ehdr.e_phnum)
		errx(2, "%s: not a sound ELF64", floor->image);
	for (unsigned int i = 0; i < ehdr.e_phnum; i++) {
		Elf64_Phdr phdr;

		memcpy(&phdr, bytes + ehdr.e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type != PT_LOAD)
			continue;
		if (phdr.p_offset > size || size - phdr.p_offset < phdr.p_filesz ||
		    phdr.p_paddr > floor->mem_bytes ||
		    floor->mem_bytes - phdr.p_paddr < phdr.p_filesz)
			errx(2, "%s: segment %u does not fit", floor->image, i);
		memcpy(floor->mem + phdr.p_paddr, bytes + phdr.p_offset, phdr.p_filesz);
	}
	floor->entry = ehdr.e_entry;
	close(fd);
}

/* The identity map of the first 4 GiB in 2 MiB pages that guest/abi.h promises, and a GDT. */
static void write_tables(struct floor *floor)
{
	const uint64_t table = 7;	    /* present, writable, user */
	const uint64_t page = table | 0x80; /* PS */
	uint64_t *pml4 = (uint64_t *)(floor->mem + PAGE_TABLES);
	uint64_t *pdpt = pml4 + 512, *pd = pdpt + 512;
	const uint64_t gdt[3] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};

	pml4[0] = (PAGE_TABLES + PAGE) | table;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (PAGE_TABLES + (2 + i) * PAGE) | table;
	for (uint64_t i = 0; i < 4 * 512; i++)
		pd[i] = (i << 21) | page;
	memcpy(floor->mem + GDT_ADDR, gdt, sizeof(gdt));
}

static void make_irqchips(struct floor *floor)
{
	struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24 /* pins */}};
	struct kvm_pit_config pit = {0};

	if (floor->irqchip)
		must(ioctl(floor->vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	if (floor->split_irqchip)
		must(ioctl(floor->vm, KVM_ENABLE_CAP, &split), "KVM_CAP_SPLIT_IRQCHIP");
	if (floor->pit)
		must(ioctl(floor->vm, KVM_CREATE_PIT2, &pit), "KVM_CREATE_PIT2");
}

static void make_events(struct floor *floor)
{
	for (unsigned int i = 0; i < floor->nr_ioeventfds; i++) {
		struct kvm_ioeventfd ioeventfd = {
			.addr = SLOT_BASE + i * PAGE + 0x50,
			.len = 4,
			.fd = must(eventfd(0, EFD_CLOEXEC), "eventfd"),
		};
		must(ioctl(floor->vm, KVM_IOEVENTFD, &ioeventfd), "KVM_IOEVENTFD");
	}
	for (unsigned int i = 0; i < floor->nr_irqfds; i++) {
		struct kvm_irqfd irqfd = {
			.fd = (uint32_t)must(eventfd(0, EFD_CLOEXEC), "eventfd"),
			.gsi = 10 + i,
		};
		must(ioctl(floor->vm, KVM_IRQFD, &irqfd), "KVM_IRQFD");
	}
}

static void set_cpuid(struct floor *floor)
{
	struct kvm_cpuid2 *cpuid = malloc(sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));

	if (cpuid == NULL)
		err(12, "malloc");
	cpuid->nent = MAX_CPUID;
	must(ioctl(floor->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	for (unsigned int i = 0; i < floor->nr_vcpus; i++)
		must(ioctl(floor->vcpu[i], KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

/* The state of guest/abi.h: 64-bit mode on the tables above, interrupts off. */
static void set_registers(struct floor *floor, unsigned int index)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = floor->entry,
		.rsi = index,
		.rsp = index == 0 ? STACK_TOP : 0,
		.rflags = 2,
	};
	struct kvm_segment code = {
		.limit = 0xffffffff,
		.selector = 8,
		.type = 11,
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1,
	};
	struct kvm_segment data = {
		.limit = 0xffffffff,
		.selector = 16,
		.type = 3,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
	};

	must(ioctl(floor->vcpu[index], KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.gdt.base = GDT_ADDR;
	sregs.gdt.limit = 23;
	sregs.cr0 = 0x80000033; /* PG, NE, ET, MP, PE */
	sregs.cr3 = PAGE_TABLES;
	sregs.cr4 = 0x620;  /* PAE, OSFXSR, OSXMMEXCPT */
	sregs.efer = 0x500; /* LMA, LME */
	must(ioctl(floor->vcpu[index], KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(floor->vcpu[index], KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void make_vcpus(struct floor *floor)
{
	size_t run_bytes = (size_t)must(ioctl(floor->kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
					"KVM_GET_VCPU_MMAP_SIZE");

	for (unsigned int i = 0; i < floor->nr_vcpus; i++) {
		floor->vcpu[i] = must(ioctl(floor->vm, KVM_CREATE_VCPU, i), "KVM_CREATE_VCPU");
		floor->run[i] = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				     floor->vcpu[i], 0);
		if (floor->run[i] == MAP_FAILED)
			err(12, "mmap of kvm_run");
	}
	if (floor->cpuid)
		set_cpuid(floor);
	for (unsigned int i = 0; i < floor->nr_vcpus; i++)
		set_registers(floor, i);
}

/* One exit to user space. False when the guest has ended, with its status in *status. */
static bool serve(struct kvm_run *run, int *status)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT) {
		switch (run->io.port) {
		case TINYVMM_PORT_SERIAL:
		case TINYVMM_PORT_DEBUGCON:
			if (write(STDOUT_FILENO, data, run->io.size * run->io.count) < 0)
				err(12, "stdout");
			break;
		case TINYVMM_PORT_POWER:
			*status = 0;
			return false;
		case TINYVMM_PORT_DEBUG_EXIT:
			*status = TINYVMM_DEBUG_EXIT_STATUS(data[0]);
			return false;
		default:
			break;
		}
		return true;
	}
	if (run->exit_reason == KVM_EXIT_IO) {
		memset(data, 0xff, (size_t)run->io.size * run->io.count);
		return true;
	}
	if (run->exit_reason == KVM_EXIT_MMIO) {
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		return true;
	}
	warnx("exit reason %u", run->exit_reason);
	*status = 10;
	return false;
}

static void *run_vcpu(void *ptr)
{
	struct vcpu_arg *arg = ptr;
	int fd = arg->floor->vcpu[arg->index];
	struct kvm_run *run = arg->floor->run[arg->index];
	int status;

	do
		must(ioctl(fd, KVM_RUN, 0), "KVM_RUN");
	while (serve(run, &status));
	_exit(status); /* of the whole process: the kernel takes everything down at once */
}

static void parse(struct floor *floor, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "c:m:Cispte:q:")) != -1) {
		switch (c) {
		case 'c':
			floor->nr_vcpus = (unsigned int)atoi(optarg);
			break;
		case 'm':
			floor->mem_bytes = strtoull(optarg, NULL, 0) << 20;
			break;
		case 'C':
			floor->cpuid = true;
			break;
		case 'i':
			floor->irqchip = true;
			break;
		case 's':
			floor->split_irqchip = true;
			break;
		case 'p':
			floor->pit = true;
			break;
		case 't':
			floor->thread = true;
			break;
		case 'e':
			floor->nr_ioeventfds = (unsigned int)atoi(optarg);
			break;
		case 'q':
			floor->nr_irqfds = (unsigned int)atoi(optarg);
			break;
		default:
			optind = argc;
		}
	}
	if (optind != argc - 1 || floor->nr_vcpus < 1 || floor->nr_vcpus > MAX_VCPUS ||
	    floor->mem_bytes < (2 << 20))
		errx(2, "usage: floor [-c VCPUS] [-m MIB] [-C (set CPUID)] [-i (irqchip)]\n"
			"	[-s (split irqchip)] [-p (PIT)] [-e IOEVENTFDS] [-q IRQFDS]\n"
			"	[-t (boot vCPU in a thread, too)] IMAGE");
	floor->image = argv[optind];
}

int main(int argc, char **argv)
{
	struct floor floor = {.nr_vcpus = 1, .mem_bytes = 64 << 20};
	struct vcpu_arg arg[MAX_VCPUS];
	pthread_t thread;

	parse(&floor, argc, argv);
	floor.kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	floor.vm = must(ioctl(floor.kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	map_memory(&floor);
	make_irqchips(&floor);
	make_events(&floor);
	load_image(&floor);
	write_tables(&floor);
	make_vcpus(&floor);
	for (unsigned int i = 0; i < floor.nr_vcpus; i++) {
		arg[i] = (struct vcpu_arg){&floor, i};
		if ((i > 0 || floor.thread) && pthread_create(&thread, NULL, run_vcpu, &arg[i]))
			errx(12, "pthread_create");
	}
	if (!floor.thread)
		run_vcpu(&arg[0]);
	pause();
	return 12;
}
