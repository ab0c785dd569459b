/* SPDX-License-Identifier: MIT */
/*
 * Reads the flattened device tree that a payload is given (Devicetree 0.4, chapter 5): a walk over
 * its properties, and the questions that payloads ask.
 */
#ifndef PAYLOAD_DEVTREE_H
#define PAYLOAD_DEVTREE_H

#include "guest/payload/lib/payload.h"

#define DEVTREE_MAGIC	  0xd00dfeedu
#define DEVTREE_MAX_DEPTH 8

/* The walk, and the property that it stands at. `node` is "memory@0" and the like. */
struct devtree {
	const uint8_t *at, *strings;
	unsigned int depth; /* of the node; the root has 1 */
	const char *path[DEVTREE_MAX_DEPTH];
	const char *node, *name;
	const uint8_t *value;
	uint32_t len;
};

static inline uint32_t be32(const uint8_t *bytes)
{
	return __builtin_bswap32(*(const uint32_t *)bytes);
}

static inline uint64_t be64(const uint8_t *bytes)
{
	return (uint64_t)be32(bytes) << 32 | be32(bytes + 4);
}

/* True if `text` starts with `prefix`. */
static inline bool starts_with(const char *text, const char *prefix)
{
	while (*prefix != '\0')
		if (*text++ != *prefix++)
			return false;
	return true;
}

static inline bool same_text(const char *a, const char *b)
{
	return starts_with(a, b) && starts_with(b, a);
}

/* Stands before the first property. */
static inline void devtree_open(struct devtree *tree, const void *fdt)
{
	const uint8_t *header = fdt;

	EXPECT_EQUAL(be32(header), DEVTREE_MAGIC);
	tree->at = header + be32(header + 8);	    /* off_dt_struct */
	tree->strings = header + be32(header + 12); /* off_dt_strings */
	tree->depth = 0;
}

/* Goes to the next property; false at the end. */
static inline bool devtree_next(struct devtree *tree)
{
	for (;;) {
		uint32_t token = be32(tree->at);

		tree->at += 4;
		switch (token) {
		case 1: /* FDT_BEGIN_NODE: name, padded to 4 */
			EXPECT(tree->depth < DEVTREE_MAX_DEPTH);
			tree->path[tree->depth++] = (const char *)tree->at;
			while (*tree->at++ != '\0')
				;
			tree->at += -(uintptr_t)tree->at & 3;
			break;
		case 2: /* FDT_END_NODE */
			tree->depth--;
			break;
		case 3: /* FDT_PROP: length, name's offset, value, padded to 4 */
			tree->node = tree->path[tree->depth - 1];
			tree->len = be32(tree->at);
			tree->name = (const char *)tree->strings + be32(tree->at + 4);
			tree->value = tree->at + 8;
			tree->at = tree->value + ((tree->len + 3) & ~3u);
			return true;
		case 4: /* FDT_NOP */
			break;
		default: /* FDT_END */
			return false;
		}
	}
}

/* How many nodes have a property `name` in a node whose name starts with `node`. */
static inline unsigned int devtree_count(const void *fdt, const char *node, const char *name)
{
	struct devtree tree;
	unsigned int count = 0;

	devtree_open(&tree, fdt);
	while (devtree_next(&tree))
		count += starts_with(tree.node, node) && same_text(tree.name, name);
	return count;
}

/* Finds the `index`-th of them. */
static inline bool devtree_find(struct devtree *tree, const void *fdt, const char *node,
				const char *name, unsigned int index)
{
	devtree_open(tree, fdt);
	while (devtree_next(tree))
		if (starts_with(tree->node, node) && same_text(tree->name, name) && index-- == 0)
			return true;
	return false;
}

static inline const char *devtree_cmdline(const void *fdt)
{
	struct devtree tree;

	return devtree_find(&tree, fdt, "chosen", "bootargs", 0) ? (const char *)tree.value : "";
}

/* The number after `key` ("count=") on the command line, decimal, or `otherwise`. */
static inline uint64_t devtree_number(const void *fdt, const char *key, uint64_t otherwise)
{
	uint64_t value = 0;

	for (const char *p = devtree_cmdline(fdt); *p != '\0'; p++) {
		if (!starts_with(p, key))
			continue;
		while (*key++ != '\0')
			p++;
		while (*p >= '0' && *p <= '9')
			value = value * 10 + (uint64_t)(*p++ - '0');
		return value;
	}
	return otherwise;
}

#endif
