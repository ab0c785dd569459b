/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/exact/flame.h"
#include "guest/tinybench/exact/places.h"
#include "guest/tinybench/exact/show.h"

#define WIDTH	   1200.0
#define ROW	   17
#define HEAD	   62
#define LETTER	   6.6 /* width of one, of 11 px in a monospaced face */
#define MIN_WIDTH  0.3 /* narrower boxes are not drawn */
#define LEGEND_GAP 110

/* Distinct also where red and green look alike; black text is readable on each. */
static const char *const colors[NR_COLUMNS] = {
	[COLUMN_GUEST] = "#56b4e9", [COLUMN_KERNEL] = "#f0b35a",    [COLUMN_KVM] = "#e78b6b",
	[COLUMN_VMM] = "#59c29c",   [COLUMN_LIBRARIES] = "#d6c85a", [COLUMN_OTHER] = "#c0c0c0",
};

struct box {
	char *label;
	size_t column;
	double total;
	struct box *first, *last, *next;
};

static size_t column_of(const json_t *result, const char *label)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(result, "functions"), i, row)
	{
		const char *column = json_string_value(json_array_get(row, 1));

		if (strcmp(json_string_value(json_array_get(row, 0)), label) != 0)
			continue;
		for (size_t j = 0; j < NR_COLUMNS; j++)
			if (strcmp(column_names[j], column) == 0)
				return j;
	}
	return COLUMN_OTHER;
}

static struct box *child_of(struct box *parent, const json_t *result, const char *label)
{
	struct box *box;

	for (box = parent->first; box; box = box->next)
		if (strcmp(box->label, label) == 0)
			return box;
	box = xcalloc(1, sizeof(*box));
	box->label = xstrdup(label);
	box->column = column_of(result, label);
	if (parent->last)
		parent->last->next = box;
	else
		parent->first = box;
	parent->last = box;
	return box;
}

static size_t add_stack(struct box *root, const json_t *result, const char *stack, double self)
{
	char *copy = xstrdup(stack), *rest = copy, *label;
	struct box *box = root;
	size_t depth = 0;

	root->total += self;
	while ((label = strsep(&rest, ";"))) {
		box = child_of(box, result, label);
		box->total += self;
		depth++;
	}
	free(copy);
	return depth;
}

static void free_boxes(struct box *box)
{
	for (struct box *next; box; box = next) {
		next = box->next;
		free_boxes(box->first);
		free(box->label);
		free(box);
	}
}

/* ---- drawing
 * ------------------------------------------------------------------------------------- */

static void put_escaped(FILE *file, const char *text, size_t length)
{
	for (; *text && length-- > 0; text++) {
		if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
			fprintf(file, "&#%d;", *text);
		else
			fputc(*text, file);
	}
}

static void put_number(FILE *file, double value, double all)
{
	json_t *number = value == (double)(long long)value ? json_integer((json_int_t)value)
							   : json_real(value);
	char text[32];

	fprintf(file, "%s instructions, %.1f %%", show_count(text, number), 100 * value / all);
	json_decref(number);
}

static void put_box(FILE *file, const struct box *box, double x, double width, size_t y, double all)
{
	size_t letters = width > 4 ? (size_t)((width - 4) / LETTER) : 0;
	const char *bang = strrchr(box->label, '!');
	const char *name = strlen(box->label) > letters && bang ? bang + 1 : box->label;

	fprintf(file, "<g><title>");
	put_escaped(file, box->label, SIZE_MAX);
	fprintf(file, " (%s): ", column_names[box->column]);
	put_number(file, box->total, all);
	fprintf(file,
		"</title><rect x=\"%.2f\" y=\"%zu\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>", x,
		y, width, ROW - 1, colors[box->column]);
	if (letters >= 3) {
		fprintf(file, "<text x=\"%.2f\" y=\"%zu\">", x + 2, y + 12);
		put_escaped(file, name, letters);
		fprintf(file, "</text>");
	}
	fprintf(file, "</g>\n");
}

static void put_boxes(FILE *file, const struct box *box, double x, size_t y, double scale,
		      double all)
{
	for (; box; box = box->next) {
		double width = box->total * scale;

		if (width >= MIN_WIDTH) {
			put_box(file, box, x, width, y, all);
			put_boxes(file, box->first, x, y - ROW, scale, all);
		}
		x += width;
	}
}

static void put_legend(FILE *file)
{
	for (size_t i = 0; i < NR_COLUMNS; i++)
		fprintf(file,
			"<rect x=\"%zu\" y=\"38\" width=\"12\" height=\"12\" fill=\"%s\"/>"
			"<text x=\"%zu\" y=\"48\">%s</text>\n",
			4 + i * LEGEND_GAP, colors[i], 20 + i * LEGEND_GAP, column_names[i]);
}

void flame_write(FILE *file, const json_t *result)
{
	struct box root = {0};
	size_t depth = 0, height, i;
	const json_t *row;
	char text[32];

	json_array_foreach(json_object_get(result, "stacks"), i, row)
	{
		size_t deep = add_stack(&root, result, json_string_value(json_array_get(row, 0)),
					json_number_value(json_array_get(row, 1)));

		depth = deep > depth ? deep : depth;
	}
	height = HEAD + depth * ROW + 4;
	fprintf(file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %zu\" width=\"%d\" "
		"height=\"%zu\" font-family=\"monospace\" font-size=\"11\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
		"<text x=\"4\" y=\"20\" font-size=\"15\">",
		(int)WIDTH, height, (int)WIDTH, height);
	put_escaped(file, json_string_value(json_object_get(result, "bench")), SIZE_MAX);
	fprintf(file, ", ");
	put_escaped(file, json_string_value(json_object_get(result, "arm")), SIZE_MAX);
	fprintf(file, ": ");
	fprintf(file, "%s instructions; each box stands on its caller</text>\n",
		show_count(text, json_object_get(result, "total")));
	put_legend(file);
	if (root.total > 0)
		put_boxes(file, root.first, 0, height - ROW - 2, WIDTH / root.total, root.total);
	fprintf(file, "</svg>\n");
	free_boxes(root.first);
}
