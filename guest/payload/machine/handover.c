/* SPDX-License-Identifier: MIT */
/*
 * What the payload kernel was handed: by tinyvmm a device tree (Devicetree 0.4), by other VMMs a
 * PVH start info (Xen's public/arch-x86/hvm/start_info.h) or, as a bzImage, Linux's boot_params
 * (boot_params.c), and virtio-mmio devices on the command line (Linux
 * admin-guide/kernel-parameters.txt, "virtio_mmio.device=<size>@<base>:<irq>").
 *
 * A VMM that lists its virtio-mmio slots in ACPI does so in the DSDT, which is AML: an interpreter
 * would be larger than all of this kernel. So the user of such a VMM has it use the
 * command line, as QEMU's microvm does with acpi=off, or its user writes the slots there.
 */
#include "guest/payload/kernel/kernel.h"
#include "guest/payload/lib/devtree.h"

#define PVH_MAGIC    0x336ec578u
#define PVH_TYPE_RAM 1u

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap; /* the last from version 1 */
	uint32_t memmap_entries, reserved;
};

struct pvh_module {
	uint64_t address, size, cmdline, reserved;
};

struct pvh_range {
	uint64_t address, size;
	uint32_t type, reserved;
};

#define IMAGE	   0x100000u /* payload.ld */
#define PAGE_BYTES 4096u

/*
 * RAM counts if this kernel lies in it, below the 32-bit hole, or if it begins behind the hole; and
 * what follows either directly, as the parts of NUMA nodes do.
 */
void handover_add_ram(struct handover *handover, uint64_t start, uint64_t size)
{
	if (start <= IMAGE && IMAGE - start < size) {
		handover->ram_start = IMAGE;
		handover->ram_end = start + size;
	} else if (start == PAYLOAD_HIGH_RAM ||
		   (start > PAYLOAD_HIGH_RAM && start == handover->high_ram_end)) {
		handover->high_ram_end = start + size;
	} else if (start > IMAGE && start == handover->ram_end) {
		handover->ram_end += size;
	}
}

/*
 * Loaders place what they add above the image, near the end of RAM: the arena ends there, at a
 * whole page, since stacks are cut from its end.
 */
void handover_keep_out(struct handover *handover, uint64_t start)
{
	if (start > handover->ram_start && start < handover->ram_end)
		handover->ram_end = start & ~(uint64_t)(PAGE_BYTES - 1);
}

static void add_slot(struct payload_info *info, uint64_t base, uint64_t gsi)
{
	if (info->nr_slots < PAYLOAD_MAX_SLOTS)
		info->slot[info->nr_slots++] = (struct payload_slot){.base = base, .gsi = gsi};
}

static void read_chosen(const struct devtree *tree, struct handover *handover, uint64_t *initrd_end)
{
	uint64_t address = tree->len == 8 ? be64(tree->value) : be32(tree->value);

	if (same_text(tree->name, "bootargs"))
		handover->cmdline = (const char *)tree->value;
	else if (same_text(tree->name, "linux,initrd-start"))
		handover->program = (const uint8_t *)address;
	else if (same_text(tree->name, "linux,initrd-end"))
		*initrd_end = address;
}

static void read_devtree(const void *fdt, struct handover *handover, struct payload_info *info)
{
	uint64_t initrd_end = 0;
	struct devtree tree;

	handover->cpus_wait = false;
	info->nr_cpus = 0;
	info->has_irqchip = false;
	devtree_open(&tree, fdt);
	while (devtree_next(&tree)) {
		bool is_reg = same_text(tree.name, "reg");

		if (same_text(tree.node, "chosen"))
			read_chosen(&tree, handover, &initrd_end);
		else if (is_reg && starts_with(tree.node, "memory@"))
			handover_add_ram(handover, be64(tree.value), be64(tree.value + 8));
		else if (is_reg && starts_with(tree.node, "cpu@"))
			info->nr_cpus++;
		else if (is_reg && starts_with(tree.node, "virtio_mmio@"))
			add_slot(info, be64(tree.value), 0);
		else if (is_reg && starts_with(tree.node, "interrupt-controller@"))
			info->has_irqchip = true;
		else if (same_text(tree.name, "interrupts") && info->nr_slots > 0 &&
			 starts_with(tree.node, "virtio_mmio@"))
			info->slot[info->nr_slots - 1].gsi = be32(tree.value);
	}
	if (handover->program)
		handover->program_size = initrd_end - (uint64_t)(uintptr_t)handover->program;
	handover_keep_out(handover, (uint64_t)(uintptr_t)fdt);
}

/* A number in C's notation, decimal or hexadecimal; moves `text` past it. */
static uint64_t parse_number(const char **text)
{
	unsigned int base = starts_with(*text, "0x") ? 16 : 10;
	uint64_t value = 0;

	*text += base == 16 ? 2 : 0;
	for (;; (*text)++) {
		unsigned int digit = (unsigned int)(**text | 0x20);

		if (digit >= 'a' && digit <= 'f' && base == 16)
			digit -= 'a' - 10;
		else if (digit >= '0' && digit <= '9')
			digit -= '0';
		else
			return value;
		value = value * base + digit;
	}
}

static void read_slots_from_cmdline(const char *at, struct payload_info *info)
{
	static const char key[] = "virtio_mmio.device=";

	for (; *at; at++) {
		uint64_t base;

		if (!starts_with(at, key))
			continue;
		for (at += sizeof(key) - 1; *at && *at != '@' && *at != ' ';)
			at++;
		if (*at != '@')
			return;
		at++;
		base = parse_number(&at);
		if (*at != ':')
			return;
		at++;
		add_slot(info, base, parse_number(&at));
		at--;
	}
}

void handover_take_cmdline(struct handover *handover, uint64_t cmdline, struct payload_info *info)
{
	if (!cmdline)
		return;
	handover->cmdline = (const char *)cmdline;
	handover_keep_out(handover, cmdline);
	read_slots_from_cmdline(handover->cmdline, info);
}

static void read_start_info(const struct pvh_start_info *start, struct handover *handover,
			    struct payload_info *info)
{
	const struct pvh_module *module = (const void *)start->modlist;
	const struct pvh_range *range = (const void *)start->memmap;

	if (start->version < 1 || !start->memmap)
		payload_refuse("PVH start info without a memory map");
	for (uint32_t i = 0; i < start->memmap_entries; i++)
		if (range[i].type == PVH_TYPE_RAM)
			handover_add_ram(handover, range[i].address, range[i].size);
	if (start->nr_modules > 0) {
		handover->program = (const uint8_t *)module->address;
		handover->program_size = module->size;
	}
	handover->rsdp = start->rsdp;
	handover_keep_out(handover, start->rsdp);
	handover_keep_out(handover, (uint64_t)(uintptr_t)start);
	handover_keep_out(handover, start->modlist);
	handover_keep_out(handover, start->memmap);
	handover_take_cmdline(handover, start->cmdline, info);
}

void handover_read(const void *boot, struct handover *handover, struct payload_info *info)
{
	*handover = (struct handover){.cmdline = "", .cpus_wait = true};
	info->nr_cpus = 1;
	info->has_irqchip = true;
	if (*(const uint32_t *)boot == PVH_MAGIC)
		read_start_info(boot, handover, info);
	else if (boot_params_match(boot))
		boot_params_read(boot, handover, info);
	else
		read_devtree(boot, handover, info);
	handover_keep_out(handover, (uint64_t)(uintptr_t)handover->program);
}
