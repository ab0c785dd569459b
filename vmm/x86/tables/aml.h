/* SPDX-License-Identifier: MIT */
/*
 * A small assembler for ACPI Machine Language (ACPI 6.5, chapter 20): just what describes devices
 * that neither move nor change, so names and resources, and of code what tells of an event.
 *
 * Bytes are appended to a buffer of the caller's. What does not fit sets `overflow` and is dropped
 * from then on, so a caller checks once, at the end. What is opened by an aml_begin_*() is closed
 * by aml_end(), which puts the package length in front.
 *
 *	aml_begin_device(aml, "COM1");
 *		aml_name_eisa_id(aml, "_HID", "PNP0501");
 *		aml_begin_resources(aml, "_CRS");
 *			aml_io(aml, 0x3f8, 8);
 *			aml_interrupt(aml, 4);
 *		aml_end(aml);
 *	aml_end(aml);
 */
#ifndef VMM_X86_TABLES_AML_H
#define VMM_X86_TABLES_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AML_MAX_DEPTH 8

struct aml {
	uint8_t *bytes;
	size_t size; /* room in `bytes` */
	size_t len;  /* used so far */
	bool overflow;
	unsigned int depth;
	struct {
		size_t start; /* of what the package length covers */
		bool is_buffer;
	} open[AML_MAX_DEPTH];
};

void aml_init(struct aml *aml, void *bytes, size_t size);

/* Scope (20.2.5.1) and Device (20.2.5.2). Paths are as in ASL: "\\_SB", "\\_SB.COM1", "COM1". */
void aml_begin_scope(struct aml *aml, const char *path);
void aml_begin_device(struct aml *aml, const char *path);

/* Name (20.2.5.1) of an integer, a string, or a compressed EISA id ("PNP0501"; 19.3.4). */
void aml_name_integer(struct aml *aml, const char *path, uint64_t value);
void aml_name_string(struct aml *aml, const char *path, const char *string);
void aml_name_eisa_id(struct aml *aml, const char *path, const char *id);

/* Name of a package of `count` elements (20.2.5.4), which follow as aml_integer(). */
void aml_begin_name_package(struct aml *aml, const char *path, uint8_t count);
void aml_integer(struct aml *aml, uint64_t value);

/* Name of a resource template (6.4), whose descriptors follow; aml_end() adds the end tag. */
void aml_begin_resources(struct aml *aml, const char *path);
void aml_memory32(struct aml *aml, uint32_t base, uint32_t size_bytes);
void aml_io(struct aml *aml, uint16_t base, uint8_t nr_ports);
/* Consumed, edge-triggered, active-high, exclusive. */
void aml_interrupt(struct aml *aml, uint32_t gsi);

/* A method (20.2.5.2) of `nr_args` arguments, run by one thread at a time. Its code follows. */
void aml_begin_method(struct aml *aml, const char *path, uint8_t nr_args);

/* A byte of I/O space at `port`, called `path`; `region` is the name of its operation region. */
void aml_io_byte(struct aml *aml, const char *region, const char *path, uint16_t port);

/* Code: path = value; if (path) { what follows }; Notify (object, value). */
void aml_store(struct aml *aml, const char *path, uint64_t value);
void aml_begin_if(struct aml *aml, const char *path);
void aml_notify(struct aml *aml, const char *object, uint64_t value);

/* Closes what was opened last. */
void aml_end(struct aml *aml);

#endif
