/* SPDX-License-Identifier: MIT */
/* What the device tree says of the machine: the caller compares it with what it asked for. */
#include "guest/payload/lib/devtree.h"

PAYLOAD(0);

int payload_main(const void *fdt, unsigned long cpu)
{
	struct devtree tree;
	uint64_t memory_bytes = 0;

	EXPECT_EQUAL(cpu, 0);
	for (unsigned int i = 0; devtree_find(&tree, fdt, "memory", "reg", i); i++)
		for (uint32_t at = 0; at + 16 <= tree.len; at += 16)
			memory_bytes += be64(tree.value + at + 8);
	print("cpus ");
	print_number(devtree_count(fdt, "cpu@", "reg"), 10);
	print("\nmemory MiB ");
	print_number((memory_bytes + (1 << 20) - 1) >> 20, 10); /* some is taken by ACPI tables */
	print("\nvirtio slots ");
	print_number(devtree_count(fdt, "virtio", "reg"), 10);
	print("\ncommand line ");
	print(devtree_cmdline(fdt));
	print("\n");
	return 0;
}
