/* SPDX-License-Identifier: MIT */
/*
 * A kernel or initrd file: opened once, so that a restart loads the same file; mapped only while it
 * is loaded, so that it does not weigh on the VMM afterwards.
 */
#ifndef VMM_IMAGE_H
#define VMM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/err.h"

struct image_file {
	const char *option; /* "--kernel", for messages */
	const char *path;   /* borrowed */
	int fd;
	size_t size_bytes; /* of the file */
	/* While mapped: */
	const uint8_t *bytes; /* the contents, decompressed if asked for */
	size_t len;
	void *map;	   /* of the file */
	uint8_t *inflated; /* or NULL */
};

/* 0 or -errno with a message: missing, no permission, a directory, empty. */
int image_open(struct image_file *image, const char *option, const char *path, struct err *err);
void image_close(struct image_file *image);

/*
 * Makes `bytes` valid, if they are not yet; with `gunzip`, a gzip-compressed file appears as what
 * it holds. 0 or -errno with a message; -ESTALE: the file has another size than when it was opened.
 */
int image_map(struct image_file *image, bool gunzip, struct err *err);
void image_unmap(struct image_file *image);

#endif
