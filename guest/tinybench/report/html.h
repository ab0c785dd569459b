/* SPDX-License-Identifier: MIT */
/* Pieces of an HTML page. */
#ifndef GUEST_TINYBENCH_REPORT_HTML_H
#define GUEST_TINYBENCH_REPORT_HTML_H

#include <stdio.h>

/* Text with what means something to HTML escaped. */
void html_text(FILE *html, const char *text);

/* <TAG class="CLASS">text</TAG>; no class if it is NULL. */
void html_element(FILE *html, const char *tag, const char *class, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Everything up to <body>, with the style sheet. */
void html_begin(FILE *html, const char *title);
void html_end(FILE *html);

#endif
