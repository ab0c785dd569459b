/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/spawn.h"
#include "guest/tinybench/exact/listing.h"
#include "guest/tinybench/exact/result.h"
#include "guest/tinybench/exact/walk.h"

/* Each instruction is given to the disassembler at a multiple of this, padded with nops. */
#define PITCH 16

/* ---- disassembly
 * --------------------------------------------------------------------------------- */

struct texts {
	char **at; /* by number of the instruction */
	size_t nr;
};

/* "  1230:\t48 89 e5 \tmov %rsp,%rbp" */
static void take_line(struct texts *texts, const uint32_t *numbers, size_t nr, const char *line)
{
	char *at;
	unsigned long offset = strtoul(line, &at, 16);
	const char *text = at[0] == ':' && at[1] == '\t' ? strchr(at + 2, '\t') : NULL;
	size_t length;

	if (!text || offset % PITCH || offset / PITCH >= nr)
		return;
	text++;
	length = strcspn(text, "\n#");
	while (length > 0 && text[length - 1] == ' ')
		length--;
	texts->at[numbers[offset / PITCH]] = xasprintf("%.*s", (int)length, text);
}

static void run_objdump(struct texts *texts, const uint32_t *numbers, size_t nr, const char *path)
{
	char *command = xasprintf("objdump -D -z -b binary -m i386:x86-64 %s 2>/dev/null", path);
	FILE *output = popen(command, "re");
	char *line = NULL;
	size_t capacity = 0;

	while (output && getline(&line, &capacity, output) > 0)
		take_line(texts, numbers, nr, line);
	if (output)
		pclose(output);
	free(line);
	free(command);
}

static void disassemble(struct texts *texts, const struct insns *insns, const bool *used)
{
	char path[] = "/tmp/tinybench-listing-XXXXXX";
	uint32_t *numbers = xcalloc(insns->nr + 1, sizeof(*numbers));
	int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	size_t nr = 0;

	texts->at = xcalloc(insns->nr + 1, sizeof(texts->at[0]));
	texts->nr = insns->nr;
	for (uint32_t i = 0; file && i < insns->nr; i++) {
		uint8_t bytes[PITCH];

		if (!used[i])
			continue;
		memset(bytes, 0x90, sizeof(bytes));
		memcpy(bytes, insns->at[i].bytes, insns->at[i].size);
		(void)fwrite(bytes, 1, sizeof(bytes), file);
		numbers[nr++] = i;
	}
	if (file && fclose(file) == 0)
		run_objdump(texts, numbers, nr, path);
	if (fd >= 0)
		(void)unlink(path);
	free(numbers);
}

/* ---- lines
 * --------------------------------------------------------------------------------------- */

/* Where a relative jump or call goes; 0 if it is none. */
static uint64_t target_of(const struct insn *insn)
{
	const uint8_t *bytes = insn->bytes;
	uint64_t next = insn->address + insn->size;
	int32_t far;

	if (insn->size >= 5 && (bytes[0] == 0xe8 || bytes[0] == 0xe9 ||
				(bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80))) {
		memcpy(&far, bytes + insn->size - 4, sizeof(far));
		return next + (uint64_t)(int64_t)far;
	}
	if (insn->size == 2 && ((bytes[0] & 0xf0) == 0x70 || bytes[0] == 0xeb))
		return next + (uint64_t)(int64_t)(int8_t)bytes[1];
	return 0;
}

/* What the disassembler says, with the target that it cannot know. */
static void put_text(FILE *file, const struct walk *walk, struct places *places, const char *text)
{
	uint64_t target = target_of(walk->insn);
	enum world world = walk->node->function->world;
	struct function *function;

	if (!text) {
		for (size_t i = 0; i < walk->insn->size; i++)
			fprintf(file, "%02x", walk->insn->bytes[i]);
		fputc('\n', file);
		return;
	}
	if (!target) {
		fprintf(file, "%s\n", text);
		return;
	}
	function = places_find(places, world, target, true, NULL);
	fprintf(file, "%.*s %s+0x%llx\n", (int)strcspn(text, " "), text, function->name,
		(unsigned long long)(target - function->start));
}

static size_t depth_of(const struct node *node)
{
	size_t depth = 0;

	for (; node->parent && node->parent->function; node = node->parent)
		depth++;
	return depth;
}

static void put_lines(FILE *file, const struct trace *trace, const struct insns *insns,
		      struct places *places, const struct texts *texts, size_t first, size_t length)
{
	const struct node *before = NULL;
	struct trace_reader reader;
	struct walk walk;
	struct step step;

	walk_start(&walk, insns, places, trace);
	trace_start(&reader, trace);
	for (size_t i = 0; i < first + length && trace_next(&reader, &step); i++) {
		walk_step(&walk, &step);
		if (i < first)
			continue;
		if (walk.node != before) {
			char *label = result_label(walk.node->function);

			fprintf(file, "%*s%s  (%s)\n", (int)(2 * depth_of(walk.node)), "", label,
				column_names[walk.node->function->column]);
			free(label);
		}
		before = walk.node;
		fprintf(file, "%6zu %-9s %16llx +0x%-4llx ", i - first + 1,
			column_names[walk.node->function->column],
			(unsigned long long)walk.insn->address,
			(unsigned long long)(walk.insn->address - walk.node->function->start));
		put_text(file, &walk, places, texts->at[step.insn]);
	}
	walk_free(&walk);
}

void listing_write(const char *path, const struct trace *trace, const struct insns *insns,
		   struct places *places, size_t first, size_t length)
{
	bool *used = xcalloc(insns->nr + 1, sizeof(*used));
	FILE *file = fopen(path, "we");
	struct trace_reader reader;
	struct texts texts = {0};
	struct step step;

	trace_start(&reader, trace);
	for (size_t i = 0; i < first + length && trace_next(&reader, &step); i++)
		used[step.insn] = i >= first || used[step.insn];
	disassemble(&texts, insns, used);
	if (file)
		put_lines(file, trace, insns, places, &texts, first, length);
	if (!file || fclose(file) != 0)
		fprintf(stderr, "tinybench: %s: %s\n", path, strerror(errno));
	for (size_t i = 0; i < texts.nr; i++)
		free(texts.at[i]);
	free(texts.at);
	free(used);
}
