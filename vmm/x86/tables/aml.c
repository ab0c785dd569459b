/* SPDX-License-Identifier: MIT */
/* ACPI Machine Language as of ACPI 6.5, chapter 20; resource descriptors of its section 6.4. */
#include "vmm/x86/tables/aml.h"

#include <assert.h>
#include <string.h>

/* 20.3: the opcodes in use. */
enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_EXT = 0x5b,
	OP_EXT_REGION = 0x80,
	OP_EXT_FIELD = 0x81,
	OP_EXT_DEVICE = 0x82,
	OP_STORE = 0x70,
	OP_NOTIFY = 0x86,
	OP_IF = 0xa0,
};

/* 20.2.2 */
enum { NAME_ROOT = '\\', NAME_DUAL = 0x2e, NAME_MULTI = 0x2f, NAME_NULL = 0x00, NAME_SEG_LEN = 4 };

void aml_init(struct aml *aml, void *bytes, size_t size)
{
	*aml = (struct aml){.bytes = bytes, .size = size};
}

/* Opens a gap of `len` bytes at `at`; NULL if there is no room for it. */
static uint8_t *insert(struct aml *aml, size_t at, size_t len)
{
	if (aml->overflow || len > aml->size - aml->len) {
		aml->overflow = true;
		return NULL;
	}
	memmove(aml->bytes + at + len, aml->bytes + at, aml->len - at);
	aml->len += len;
	return aml->bytes + at;
}

static void append(struct aml *aml, const void *bytes, size_t len)
{
	uint8_t *to = insert(aml, aml->len, len);

	if (to != NULL)
		memcpy(to, bytes, len);
}

static void append_byte(struct aml *aml, unsigned int byte)
{
	append(aml, &(uint8_t){(uint8_t)byte}, 1);
}

static void append_le(struct aml *aml, uint64_t value, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		append_byte(aml, value >> 8 * i & 0xff);
}

/* 20.2.2: a NameSeg has four characters; shorter names are filled up with underscores. */
static void append_path(struct aml *aml, const char *path)
{
	unsigned int segments = 0;

	if (*path == '\\') {
		append_byte(aml, NAME_ROOT);
		path++;
	}
	for (const char *c = path; *c != '\0'; c++)
		segments += c == path || *c == '.';
	if (segments == 0) {
		append_byte(aml, NAME_NULL);
	} else if (segments == 2) {
		append_byte(aml, NAME_DUAL);
	} else if (segments > 2) {
		append_byte(aml, NAME_MULTI);
		append_byte(aml, segments);
	}
	while (*path != '\0') {
		size_t len = strcspn(path, ".");

		assert(len > 0 && len <= NAME_SEG_LEN);
		append(aml, path, len);
		append(aml, "____", NAME_SEG_LEN - len);
		path += len + (path[len] == '.');
	}
}

/*
 * 20.2.4: a length of up to 63 is one byte; a longer one is four bits in the first byte and the
 * rest in one to three that follow. The length counts its own bytes.
 */
static void insert_package_length(struct aml *aml, size_t start)
{
	size_t total = aml->len - start + 1;
	unsigned int following = 0;
	uint8_t *to;

	if (total > 0x3f) {
		do {
			following++;
			total++;
		} while (total >= 16ull << 8 * following);
		assert(following <= 3);
	}
	to = insert(aml, start, 1 + following);
	if (to == NULL)
		return;
	to[0] = (uint8_t)(following == 0 ? total : following << 6 | (total & 0xf));
	for (unsigned int i = 0; i < following; i++)
		to[1 + i] = (uint8_t)(total >> (4 + 8 * i));
}

static void begin(struct aml *aml, bool is_buffer)
{
	assert(aml->depth < AML_MAX_DEPTH);
	aml->open[aml->depth].start = aml->len;
	aml->open[aml->depth].is_buffer = is_buffer;
	aml->depth++;
}

static unsigned int integer_bytes(uint64_t value)
{
	return value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
}

/* The opcode of an integer of 1, 2, 4 or 8 bytes (20.2.3). */
static uint8_t integer_opcode(unsigned int len)
{
	return len == 1 ? OP_BYTE : len == 2 ? OP_WORD : len == 4 ? OP_DWORD : OP_QWORD;
}

/* 20.2.5.4: a buffer's content is preceded by its size, an integer, within the package. */
static void insert_buffer_size(struct aml *aml, size_t start)
{
	size_t content = aml->len - start;
	unsigned int len = integer_bytes(content);
	uint8_t *to = insert(aml, start, 1 + len);

	if (to == NULL)
		return;
	to[0] = integer_opcode(len);
	for (unsigned int i = 0; i < len; i++)
		to[1 + i] = (uint8_t)(content >> 8 * i);
}

void aml_end(struct aml *aml)
{
	size_t start;

	assert(aml->depth > 0);
	aml->depth--;
	start = aml->open[aml->depth].start;
	if (aml->open[aml->depth].is_buffer) {
		/* 6.4.2.9: the end tag; a checksum of zero counts as right. */
		append(aml, (const uint8_t[]){0x79, 0x00}, 2);
		insert_buffer_size(aml, start);
	}
	insert_package_length(aml, start);
}

void aml_begin_scope(struct aml *aml, const char *path)
{
	append_byte(aml, OP_SCOPE);
	begin(aml, false);
	append_path(aml, path);
}

void aml_begin_device(struct aml *aml, const char *path)
{
	append_byte(aml, OP_EXT);
	append_byte(aml, OP_EXT_DEVICE);
	begin(aml, false);
	append_path(aml, path);
}

static void append_name(struct aml *aml, const char *path)
{
	append_byte(aml, OP_NAME);
	append_path(aml, path);
}

void aml_integer(struct aml *aml, uint64_t value)
{
	unsigned int len = integer_bytes(value);

	if (value <= 1) {
		append_byte(aml, value == 0 ? OP_ZERO : OP_ONE);
		return;
	}
	append_byte(aml, integer_opcode(len));
	append_le(aml, value, len);
}

void aml_name_integer(struct aml *aml, const char *path, uint64_t value)
{
	append_name(aml, path);
	aml_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char *path, const char *string)
{
	append_name(aml, path);
	append_byte(aml, OP_STRING);
	append(aml, string, strlen(string) + 1);
}

static unsigned int hex_digit(char c)
{
	assert((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	return (unsigned int)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* 19.3.4: three letters of five bits, then four hexadecimal digits, as a big-endian number. */
void aml_name_eisa_id(struct aml *aml, const char *path, const char *id)
{
	unsigned int letters = 0, digits = 0;

	assert(strlen(id) == 7);
	for (int i = 0; i < 3; i++)
		letters = letters << 5 | (unsigned int)(id[i] - 'A' + 1);
	for (int i = 3; i < 7; i++)
		digits = digits << 4 | hex_digit(id[i]);
	append_name(aml, path);
	append_byte(aml, OP_DWORD);
	append_le(aml, __builtin_bswap32(letters << 16 | digits), 4);
}

void aml_begin_name_package(struct aml *aml, const char *path, uint8_t count)
{
	append_name(aml, path);
	append_byte(aml, OP_PACKAGE);
	begin(aml, false);
	append_byte(aml, count);
}

void aml_begin_resources(struct aml *aml, const char *path)
{
	append_name(aml, path);
	append_byte(aml, OP_BUFFER);
	begin(aml, true);
}

/* 6.4.3.4: 32-bit fixed memory range descriptor. */
void aml_memory32(struct aml *aml, uint32_t base, uint32_t size_bytes)
{
	append_byte(aml, 0x86);
	append_le(aml, 9, 2);
	append_byte(aml, 1); /* read-write */
	append_le(aml, base, 4);
	append_le(aml, size_bytes, 4);
}

/* 6.4.2.5: I/O port descriptor. */
void aml_io(struct aml *aml, uint16_t base, uint8_t nr_ports)
{
	append_byte(aml, 0x47);
	append_byte(aml, 1);	 /* decodes all 16 address bits */
	append_le(aml, base, 2); /* lowest and highest base: it does not move */
	append_le(aml, base, 2);
	append_byte(aml, 1); /* alignment */
	append_byte(aml, nr_ports);
}

/* 6.4.3.6: extended interrupt descriptor. */
void aml_interrupt(struct aml *aml, uint32_t gsi)
{
	append_byte(aml, 0x89);
	append_le(aml, 6, 2);
	append_byte(aml, 1 << 0 | 1 << 1); /* consumer, edge; active-high and exclusive are zeros */
	append_byte(aml, 1);		   /* number of interrupts */
	append_le(aml, gsi, 4);
}

#define METHOD_SERIALIZED 0x08

void aml_begin_method(struct aml *aml, const char *path, uint8_t nr_args)
{
	append_byte(aml, OP_METHOD);
	begin(aml, false);
	append_path(aml, path);
	append_byte(aml, nr_args | METHOD_SERIALIZED);
}

#define SPACE_IO	0x01
#define FIELD_BYTES	0x01 /* 20.2.5.2: accessed by bytes, without a lock ... */
#define FIELD_ZEROS	0x40 /* ... and with zeros for what a write leaves out: no read before it */
#define BITS_OF_A_FIELD 8

void aml_io_byte(struct aml *aml, const char *region, const char *path, uint16_t port)
{
	append_byte(aml, OP_EXT);
	append_byte(aml, OP_EXT_REGION);
	append_path(aml, region);
	append_byte(aml, SPACE_IO);
	aml_integer(aml, port);
	aml_integer(aml, 1);
	append_byte(aml, OP_EXT);
	append_byte(aml, OP_EXT_FIELD);
	begin(aml, false);
	append_path(aml, region);
	append_byte(aml, FIELD_BYTES | FIELD_ZEROS);
	append_path(aml, path);
	append_byte(aml, BITS_OF_A_FIELD); /* a length as that of a package */
	aml_end(aml);
}

void aml_store(struct aml *aml, const char *path, uint64_t value)
{
	append_byte(aml, OP_STORE);
	aml_integer(aml, value);
	append_path(aml, path);
}

void aml_begin_if(struct aml *aml, const char *path)
{
	append_byte(aml, OP_IF);
	begin(aml, false);
	append_path(aml, path);
}

void aml_notify(struct aml *aml, const char *object, uint64_t value)
{
	append_byte(aml, OP_NOTIFY);
	append_path(aml, object);
	aml_integer(aml, value);
}
