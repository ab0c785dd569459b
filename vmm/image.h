/* SPDX-License-Identifier: MIT */
/*
 * A kernel, initrd or module file. It is opened once and never mapped: what is judged is read into
 * memory of our own first, and what is only handed on is read straight into guest RAM. So another
 * process that rewrites or truncates the file meanwhile can change neither what was checked nor end
 * this one with SIGBUS; a change that can be seen is an error.
 */
#ifndef VMM_IMAGE_H
#define VMM_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "vmm/core/err.h"

struct image_file {
	const char *option; /* "--kernel", for messages */
	const char *path;   /* borrowed */
	int fd;
	size_t size_bytes;	  /* of the file, when it was opened */
	struct timespec modified; /* the same */
	/* From image_read() to image_drop(): */
	uint8_t *bytes; /* the contents, decompressed */
	size_t len;
};

/* 0 or -errno with a message: missing, no permission, a directory, empty. */
int image_open(struct image_file *image, const char *option, const char *path, struct err *err);
void image_close(struct image_file *image);

/*
 * Reads the whole file into memory of our own; a gzip-compressed one appears as what it holds. 0 or
 * -errno with a message; -ESTALE: the file has changed since it was opened.
 */
int image_read(struct image_file *image, struct err *err);

/* Gives that memory back. */
void image_drop(struct image_file *image);

/*
 * Reads size_bytes to `to` as they are, for instance into guest RAM; may be repeated. 0 or -errno
 * as image_read().
 */
int image_read_to(const struct image_file *image, void *to, struct err *err);

#endif
