/* SPDX-License-Identifier: MIT */
/* Pieces of an HTML page. */
#include <stdarg.h>
#include <stdlib.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/report/html.h"

void html_text(FILE *html, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", html);
			break;
		case '>':
			fputs("&gt;", html);
			break;
		case '&':
			fputs("&amp;", html);
			break;
		case '"':
			fputs("&quot;", html);
			break;
		default:
			fputc(*text, html);
		}
	}
}

void html_element(FILE *html, const char *tag, const char *class, const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	fprintf(html, "<%s", tag);
	if (class)
		fprintf(html, " class=\"%s\"", class);
	fputc('>', html);
	html_text(html, text);
	fprintf(html, "</%s>\n", tag);
	free(text);
}

/*
 * The drawings of gnuplot are black on nothing: what is black there takes the page's colour here,
 * so that one drawing is right on light and on dark ground.
 */
static const char style[] =
	":root{color-scheme:light dark;--fg:#1c1e21;--dim:#5b6169;--bg:#fff;--line:#d5d9de;"
	"--box:#f4f6f8;--warn:#8a5a00;--warnbg:#fff6df}\n"
	"@media(prefers-color-scheme:dark){:root{--fg:#e4e6e9;--dim:#a2a9b1;--bg:#16181b;"
	"--line:#3a3f45;--box:#1f2327;--warn:#f0c060;--warnbg:#2e2714}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:70rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;"
	"color:var(--fg);background:var(--bg);overflow-wrap:anywhere}\n"
	"h1{font-size:1.6rem;margin:.5rem 0}h2{margin-top:2.2rem;border-bottom:1px solid "
	"var(--line)}h3{margin:1.4rem 0 .4rem}\n"
	".dim{color:var(--dim)}.warn{background:var(--warnbg);color:var(--warn);padding:.5rem "
	".8rem;border-radius:.4rem;margin:.4rem 0}\n"
	".scroll{overflow-x:auto;margin:.6rem 0}\n"
	"table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;"
	"min-width:100%;overflow-wrap:normal}\n"
	"th,td{padding:.3rem .55rem;border-bottom:1px solid var(--line);text-align:left;"
	"vertical-align:top}th{background:var(--box)}td.n{text-align:right;white-space:nowrap}\n"
	"figure{margin:1rem 0}figcaption{font-weight:600}\n"
	".narrow{display:none}.wide svg,.narrow svg{display:block;max-width:100%;height:auto}\n"
	"@media(max-width:640px){.wide{display:none}.narrow{display:block}body{padding:.7rem}}\n"
	"td:last-child{min-width:10rem}.paging td.n{white-space:normal}.paging "
	"td:last-child{min-width:18rem}\n"
	"@media(max-width:640px){.study tr,.results tr,.paging "
	"tr{display:block;padding:.4rem 0;border-bottom:2px solid var(--line)}"
	".study tr:first-child,.results tr:first-child,.paging tr:first-child{display:none}"
	".study td,.results td,.paging td.n,.paging td{display:grid;grid-template-columns:8.5rem "
	"1fr;border:0;padding:.1rem 0;text-align:left;white-space:normal}"
	".study td:empty,.results td:empty,.paging td:empty{display:none}"
	".study td::before,.results td::before,.paging td::before{color:var(--dim)}"
	".study td:first-child,.results td:first-child,.paging "
	"td:first-child{display:block;font-weight:600}\n"
	".study td:nth-child(2)::before{content:'paper: native'}.study "
	"td:nth-child(3)::before{content:'paper: KVM'}.study "
	"td:nth-child(4)::before{content:'paper: Docker'}.study "
	"td:nth-child(5)::before{content:'here'}.study td:nth-child(6)::before{content:'native'}"
	".study td:nth-child(7)::before{content:'vm'}.study "
	"td:nth-child(8)::before{content:'container'}.study td:nth-child(9)::before{content:'what "
	"differs'}\n"
	".results td:nth-child(2)::before{content:'unit'}.results "
	"td:nth-child(3)::before{content:'arm'}.results td:nth-child(4)::before{content:'median'}"
	".results td:nth-child(5)::before{content:'95 % interval'}.results "
	"td:nth-child(6)::before{content:'ratio to native'}.results "
	"td:nth-child(7)::before{content:'95 % interval'}.results "
	"td:nth-child(8)::before{content:'what it says'}\n"
	".paging td:nth-child(2)::before{content:'native, 4 KiB'}.paging "
	"td:nth-child(3)::before{content:'vm, 4 KiB'}.paging "
	"td:nth-child(4)::before{content:'native, 2 MiB'}.paging "
	"td:nth-child(5)::before{content:'vm, 2 MiB'}.paging "
	"td:nth-child(6)::before{content:'vm - native, 4 KiB'}.paging "
	"td:nth-child(7)::before{content:'vm - native, 2 MiB'}.paging "
	"td:nth-child(8)::before{content:'of it page walks'}.paging "
	"td:nth-child(9)::before{content:'what it says'}}\n"
	"figure g[color=black]{color:var(--fg)}figure g[fill=black]{fill:var(--fg)}"
	"figure [stroke=black]{stroke:var(--fg)}figure use[color='rgb(  0,   0,   "
	"0)']{color:var(--fg)}\n"
	"details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}\n";

void html_begin(FILE *html, const char *title)
{
	fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n",
	      html);
	html_element(html, "title", NULL, "%s", title);
	fprintf(html, "<style>\n%s</style>\n</head>\n<body>\n", style);
}

void html_end(FILE *html)
{
	fputs("</body>\n</html>\n", html);
}
