/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/exact/trace_file.h"

/* ---- the dictionary -------------------------------------------------------------------------- */

/* Prefixes that compilers and the kernel put before calls and returns: REX, notrack, rep and
 * others. */
static size_t skip_prefixes(const uint8_t *bytes, size_t size)
{
	size_t i = 0;

	while (i + 1 < size && ((bytes[i] & 0xf0) == 0x40 || bytes[i] == 0x3e || bytes[i] == 0x2e ||
				bytes[i] == 0x66 || bytes[i] == 0xf2 || bytes[i] == 0xf3))
		i++;
	return i;
}

enum insn_kind insn_kind(const uint8_t *bytes, size_t size)
{
	size_t i = skip_prefixes(bytes, size);
	uint8_t first = bytes[i], second = i + 1 < size ? bytes[i + 1] : 0;

	if (first == 0xe8 || (first == 0xff && i + 1 < size && ((second >> 3) & 7) == 2))
		return INSN_CALL;
	if (first == 0xc3 || first == 0xc2)
		return INSN_RETURN;
	if (first == 0xcf)
		return INSN_IRET;
	if (first == 0x0f && second == 0x05)
		return INSN_SYSCALL;
	if (size == 3 && memcmp(bytes, "\x0f\x01\xd8", 3) == 0)
		return INSN_VMRUN;
	return INSN_PLAIN;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "NUMBER ADDRESS BYTES ..." */
static bool parse_insn(const char *line, unsigned long *number, struct insn *insn)
{
	char *at;
	int high, low;

	*number = strtoul(line, &at, 16);
	if (*at != ' ' || *number >= TRACE_VALUE)
		return false;
	insn->address = strtoull(at + 1, &at, 16);
	if (*at++ != ' ')
		return false;
	insn->size = 0;
	while ((high = hex_digit(at[0])) >= 0 && (low = hex_digit(at[1])) >= 0 &&
	       insn->size < sizeof(insn->bytes)) {
		insn->bytes[insn->size++] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	if (insn->size == 0)
		return false;
	insn->kind = insn_kind(insn->bytes, insn->size);
	return true;
}

int insns_load(struct insns *insns, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0;
	unsigned long number;
	struct insn insn;
	int ret = 0;

	*insns = (struct insns){0};
	if (!file)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	while (!ret && getline(&line, &capacity, file) > 0) {
		if (!parse_insn(line, &number, &insn)) {
			ret = err_set(err, -EINVAL, "%s: no instruction: %.40s", path, line);
			break;
		}
		if (number >= insns->nr) {
			size_t nr = number < 1024 ? 2048 : 2 * number;
			struct insn *at = xcalloc(nr, sizeof(*at));

			if (insns->nr > 0)
				memcpy(at, insns->at, insns->nr * sizeof(*at));
			free(insns->at);
			insns->at = at;
			insns->nr = nr;
		}
		insns->at[number] = insn;
	}
	free(line);
	fclose(file);
	return ret;
}

void insns_free(struct insns *insns)
{
	free(insns->at);
	*insns = (struct insns){0};
}

/* ---- a trace --------------------------------------------------------------------------------- */

static const char *why_it_ends(uint32_t word)
{
	switch (word) {
	case TRACE_END_MARKER:
		return NULL;
	case TRACE_END_LIMIT:
		return "more instructions than a trace may have came before the stop marker";
	case TRACE_END_JOB:
		return "the program ended without the stop marker";
	default:
		return "the trace has no end";
	}
}

/* Each number is in the dictionary, and nothing else is between them. */
static bool is_sound(const struct trace *trace, const struct insns *insns)
{
	uint32_t insn = 0;

	for (size_t i = 0; i + 1 < trace->nr_words; i++) {
		uint32_t word = trace->words[i], length = 1;

		if (!(word & 0x80000000u)) {
			insn = word;
		} else if ((word & TRACE_KIND) == TRACE_LENGTH && i > 0 &&
			   !(trace->words[i - 1] & 0x80000000u)) {
			length = word & TRACE_VALUE;
		} else if ((word & TRACE_KIND) == TRACE_SLOT && i > 0) {
			continue;
		} else {
			return false;
		}
		if (length == 0 || insn >= insns->nr || insns->nr - insn < length ||
		    insns->at[insn].size == 0 || insns->at[insn + length - 1].size == 0)
			return false;
	}
	return true;
}

static int read_words(struct trace *trace, FILE *file, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fileno(file), &st) < 0 ||
	    fread(&trace->header, sizeof(trace->header), 1, file) != 1 ||
	    memcmp(trace->header.magic, TRACE_MAGIC, sizeof(TRACE_MAGIC)) != 0)
		return err_set(err, -EINVAL, "%s is no trace", path);
	trace->nr_words = ((size_t)st.st_size - sizeof(trace->header)) / sizeof(uint32_t);
	trace->words = xcalloc(trace->nr_words + 1, sizeof(uint32_t));
	if (fread(trace->words, sizeof(uint32_t), trace->nr_words, file) != trace->nr_words)
		return err_set(err, -EIO, "%s: cannot read it", path);
	return 0;
}

int trace_load(struct trace *trace, const struct insns *insns, const char *path, struct err *err)
{
	FILE *file = fopen(path, "rbe");
	const char *why;
	int ret;

	*trace = (struct trace){0};
	if (!file)
		return err_set(err, -ENOENT, "the program never reached the start marker");
	ret = read_words(trace, file, path, err);
	fclose(file);
	if (ret)
		return ret;
	why = why_it_ends(trace->nr_words ? trace->words[trace->nr_words - 1] : 0);
	if (why)
		return err_set(err, -EPROTO, "%s", why);
	if (!is_sound(trace, insns))
		return err_set(err, -EINVAL, "%s is damaged", path);
	return 0;
}

void trace_free(struct trace *trace)
{
	free(trace->words);
	*trace = (struct trace){0};
}

void trace_start(struct trace_reader *reader, const struct trace *trace)
{
	*reader = (struct trace_reader){.trace = trace};
}

bool trace_next(struct trace_reader *reader, struct step *step)
{
	const struct trace *trace = reader->trace;
	uint32_t word;

	if (reader->left == 0) {
		/* is_sound(): the last word is the only end, and a slot only follows a run. */
		while (reader->next < trace->nr_words &&
		       (trace->words[reader->next] & TRACE_KIND) == TRACE_SLOT)
			reader->next++;
		if (reader->next + 1 >= trace->nr_words)
			return false;
		reader->insn = trace->words[reader->next++];
		reader->left = 1;
		if ((trace->words[reader->next] & TRACE_KIND) == TRACE_LENGTH)
			reader->left = trace->words[reader->next++] & TRACE_VALUE;
	}
	*step = (struct step){.insn = reader->insn++};
	reader->left--;
	word = trace->words[reader->next];
	if (reader->left == 0 && (word & TRACE_KIND) == TRACE_SLOT) {
		step->has_slot = true;
		step->slot = word & TRACE_VALUE;
		reader->next++;
	}
	return true;
}
