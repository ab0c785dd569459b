/* SPDX-License-Identifier: MIT */
/* Runs gnuplot and puts its SVG into the page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/spawn.h"
#include "guest/tinybench/report/plot.h"
#include "vmm/core/array.h"

/*
 * For light and dark ground. Any eye tells the first seven apart (after Okabe and Ito); more
 * arms than colours begin again.
 */
static const char *const colors[] = {"#2a78c8", "#d9702b", "#2b9a72", "#b05fb0",
				     "#b8961e", "#5aa9d6", "#8a8a8a", "#c8484f",
				     "#7d6fd6", "#1f9fa0", "#d0699b", "#7f9a34"};

const char *plot_color(const struct dataset *data, const char *arm)
{
	size_t i;

	for (i = 0; i < data->arms.nr && data->arms.at[i] != arm; i++)
		;
	return colors[i % NR_OF(colors)];
}

static void write_header(FILE *script, bool narrow)
{
	fprintf(script,
		"set terminal svg noenhanced size %d,%d font 'sans-serif,%d' linewidth 1.2\n"
		"set key outside top center horizontal\n"
		"set grid lc rgb '#888888' lw 0.4\n"
		"set border 3\n"
		"set tics nomirror\n",
		narrow ? 350 : 860, narrow ? 380 : 440, narrow ? 11 : 13);
}

/* A file without a name, so that none is left behind. -errno on failure. */
static int write_script(const char *text)
{
	int fd = memfd_create("tinybench-plot", MFD_CLOEXEC), ret;
	size_t length = strlen(text);

	if (fd < 0)
		return -errno;
	errno = ENOSPC; /* of a write that is only short */
	if (write(fd, text, length) == (ssize_t)length)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* gnuplot's output, or NULL with a reason. The caller frees it. */
static char *run_gnuplot(const char *text, struct err *err)
{
	struct argv argv = {0};
	int fd = write_script(text);
	char *svg;

	if (fd < 0) {
		err_set(err, fd, "cannot write the script for gnuplot: %s", strerror(-fd));
		return NULL;
	}
	argv_add(&argv, "gnuplot");
	argv_add(&argv, "/proc/%d/fd/%d", (int)getpid(), fd);
	svg = spawn_capture(argv.at, err);
	argv_free(&argv);
	close(fd);
	return svg;
}

static bool starts(const char *text, const char *word)
{
	return strncmp(text, word, strlen(word)) == 0;
}

/*
 * From the <svg> element on, as a document inside of a page has no prologue; and with its own names
 * for the marks, which gnuplot calls the same in every drawing.
 */
static void print_svg(FILE *html, const char *svg, const char *class, unsigned int number)
{
	const char *at = strstr(svg, "<svg");

	fprintf(html, "<div class=\"%s\">", class);
	for (; at && *at; at++) {
		if (starts(at, "gpPt") || starts(at, "gpDot") || starts(at, "gnuplot_") ||
		    starts(at, "textbox") || starts(at, "greybox"))
			fprintf(html, "%c%u_", *class, number);
		fputc(*at, html);
	}
	fputs("</div>\n", html);
}

/* The drawing as gnuplot's document, which the caller frees, or NULL with a reason. */
static char *draw(plot_writer writer, const struct plot_source *source, bool narrow,
		  struct err *err)
{
	char path[4096], *text = NULL, *svg = NULL;
	size_t size;
	FILE *script;
	bool drawn;

	if (!file_find_program("gnuplot", path, sizeof(path))) {
		err_set(err, 0, "gnuplot is not installed (package gnuplot-nox)");
		return NULL;
	}
	script = open_memstream(&text, &size);
	if (!script) {
		err_set(err, 0, "out of memory");
		return NULL;
	}
	write_header(script, narrow);
	drawn = writer(script, source, narrow);
	if (fclose(script) != 0) {
		err_set(err, 0, "out of memory");
		drawn = false;
	} else if (!drawn) {
		err_set(err, 0, "nothing was measured for it");
	} else {
		svg = run_gnuplot(text, err);
	}
	free(text);
	return svg;
}

static bool draw_element(FILE *html, plot_writer writer, const struct plot_source *source,
			 bool narrow, unsigned int number, struct err *err)
{
	char *svg = draw(writer, source, narrow, err);

	if (!svg)
		return false;
	print_svg(html, svg, narrow ? "narrow" : "wide", number);
	free(svg);
	return true;
}

bool plot_draw(FILE *html, plot_writer writer, const struct plot_source *source,
	       unsigned int number, struct err *err)
{
	return draw_element(html, writer, source, false, number, err) &&
	       draw_element(html, writer, source, true, number, err);
}

bool plot_print(FILE *to, plot_writer writer, const struct plot_source *source, struct err *err)
{
	char *svg = draw(writer, source, false, err);
	char *inside = svg ? strstr(svg, "<svg") : NULL;

	inside = inside ? strchr(inside, '>') : NULL;
	if (!inside) {
		free(svg);
		return false;
	}
	/* gnuplot's letters are black, also where what shows the file has a dark ground. */
	inside++;
	fprintf(to, "%.*s\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%s",
		(int)(inside - svg), svg, inside);
	free(svg);
	return true;
}
