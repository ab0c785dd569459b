/* SPDX-License-Identifier: MIT */
/*
 * The two states in which an image is entered: 32-bit protected mode without paging, and 64-bit
 * mode on an identity map of the first 4 GiB. Also the tables in guest RAM that they stand on.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/x86/boot/internal.h"

/*
 * Selectors: Linux fixes __BOOT_CS and __BOOT_DS (boot.rst, "32-bit" and "64-bit Boot Protocol").
 */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18
#define SELECTOR_TSS  0x20

/*
 * Segment descriptors (Intel SDM vol. 3, 3.4.5): base 0, limit 4 GiB, present, ring 0, marked
 * accessed, so that loading the selector again writes nothing to this table.
 */
#define DESCRIPTOR_CODE32 0x00cf9b000000ffffull
#define DESCRIPTOR_CODE64 0x00af9b000000ffffull
#define DESCRIPTOR_DATA	  0x00cf93000000ffffull
#define DESCRIPTOR_TSS	  0x00008b0000000067ull /* busy, base 0, limit 0x67, as PVH asks */

int boot_put(struct boot_job *job, uint64_t to, const void *from, size_t len, const char *what)
{
	int ret = gmem_write(job->mem, gpa(to), from, len);

	if (ret)
		return err_set(job->err, ret,
			       "%s cannot be placed at 0x%" PRIx64 "-0x%" PRIx64
			       ": not guest RAM; use more --mem",
			       what, to, to + len);
	return 0;
}

static int put_gdt(struct boot_job *job, uint64_t code)
{
	/* A 64-bit TSS descriptor takes two entries; the second one is its base's upper half. */
	const uint64_t gdt[] = {0, 0, code, DESCRIPTOR_DATA, DESCRIPTOR_TSS, 0};
	struct boot_entry *entry = job->entry;

	entry->gdt = MEMMAP_GDT;
	entry->gdt_limit = sizeof(gdt) - 1;
	entry->code_selector = SELECTOR_CODE;
	entry->data_selector = SELECTOR_DATA;
	entry->tss_selector = SELECTOR_TSS;
	return boot_put(job, MEMMAP_GDT, gdt, sizeof(gdt), "the GDT");
}

int boot_enter_protected(struct boot_job *job)
{
	job->entry->mode = BOOT_MODE_PROTECTED32;
	job->entry->rip = job->image->entry;
	return put_gdt(job, DESCRIPTOR_CODE32);
}

/* Page table entries (Intel SDM vol. 3, 4.5.4). */
#define PTE_PRESENT  (1u << 0)
#define PTE_WRITE    (1u << 1)
#define PTE_USER     (1u << 2)
#define PTE_ACCESSED (1u << 5)
#define PTE_DIRTY    (1u << 6)
#define PTE_HUGE     (1u << 7)
#define PTE_TABLE    (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)
/* Accessed and dirty from the start: neither a CPU nor shadow paging has to come back for them. */
#define PTE_2M (PTE_TABLE | PTE_DIRTY | PTE_HUGE)

#define TABLE_ENTRIES (BOOT_PAGE_SIZE / sizeof(uint64_t))
#define IDENTITY_GIB  4u

_Static_assert(MEMMAP_PAGE_TABLES + (2 + IDENTITY_GIB) * BOOT_PAGE_SIZE == MEMMAP_TABLES_END,
	       "the tables have the room that memmap.h gives them");

/*
 * One PML4, one PDPT, four page directories: 24 KiB of guest RAM. Larger pages would need less, but
 * not every CPU has them.
 */
static int put_page_tables(struct boot_job *job)
{
	const uint64_t pdpt = MEMMAP_PAGE_TABLES + BOOT_PAGE_SIZE;
	const uint64_t directories = pdpt + BOOT_PAGE_SIZE;
	uint64_t table[TABLE_ENTRIES] = {0};
	int ret;

	table[0] = pdpt | PTE_TABLE;
	ret = boot_put(job, MEMMAP_PAGE_TABLES, table, sizeof(table), "the PML4");
	for (unsigned int i = 0; i < IDENTITY_GIB; i++)
		table[i] = (directories + i * BOOT_PAGE_SIZE) | PTE_TABLE;
	if (!ret)
		ret = boot_put(job, pdpt, table, sizeof(table), "the page directory pointers");
	for (unsigned int i = 0; !ret && i < IDENTITY_GIB; i++) {
		for (unsigned int j = 0; j < TABLE_ENTRIES; j++)
			table[j] = ((uint64_t)i << 30 | (uint64_t)j << 21) | PTE_2M;
		ret = boot_put(job, directories + i * BOOT_PAGE_SIZE, table, sizeof(table),
			       "a page directory");
	}
	return ret;
}

int boot_enter_long(struct boot_job *job)
{
	int ret = put_page_tables(job);

	job->entry->mode = BOOT_MODE_LONG64;
	job->entry->rip = job->image->entry;
	job->entry->cr3 = MEMMAP_PAGE_TABLES;
	return ret ? ret : put_gdt(job, DESCRIPTOR_CODE64);
}
