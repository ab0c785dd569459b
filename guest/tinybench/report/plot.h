/* SPDX-License-Identifier: MIT */
/*
 * The plots of the report, drawn by gnuplot(1). Each writes a gnuplot script with its data in it;
 * each is drawn twice, for wide screens and for phones, because text that shrinks with its picture
 * cannot be read.
 */
#ifndef GUEST_TINYBENCH_REPORT_PLOT_H
#define GUEST_TINYBENCH_REPORT_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "guest/tinybench/data/summary.h"

struct plot_source {
	const struct summary *summary;
	const struct dataset *data;
	const char *what;     /* the group, or the prefix of the benchmarks' names */
	const char *patterns; /* or NULL; plot_ratios(): only names that match one of these */
};

/* Writes the script's body. False if there is no data to draw. */
typedef bool (*plot_writer)(FILE *script, const struct plot_source *source, bool narrow);

bool plot_ratios(FILE *script, const struct plot_source *source, bool narrow);
bool plot_sizes(FILE *script, const struct plot_source *source, bool narrow);
bool plot_depths(FILE *script, const struct plot_source *source, bool narrow);
bool plot_cdf(FILE *script, const struct plot_source *source, bool narrow);
bool plot_exits(FILE *script, const struct plot_source *source, bool narrow);
bool plot_power(FILE *script, const struct plot_source *source, bool narrow);

/*
 * Draws it and prints two <svg> elements whose identifiers are unique by `number`. False with a
 * reason if there is nothing to draw or gnuplot cannot.
 */
bool plot_draw(FILE *html, plot_writer writer, const struct plot_source *source,
	       unsigned int number, struct err *err);

/* Draws it for wide screens and prints a document of its own. False as plot_draw(). */
bool plot_print(FILE *svg, plot_writer writer, const struct plot_source *source, struct err *err);

/* The colour of an arm, the same in all plots: its number in the dataset. */
const char *plot_color(const struct dataset *data, const char *arm);

#endif
