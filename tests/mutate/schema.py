# SPDX-License-Identifier: MIT
"""One program with all mutants of a file in it; a number says which of them lives.

So a file is compiled once, not once a mutant: `a < b` becomes `(MUTANT_(7) ? a <= b : (a < b))`. Each
place also notes that it was reached, which tells which tests can kill a mutant at all.
"""
import subprocess

from mutants import STATEMENT, TRUTH

# Number 0 is the program as it is. The constructor runs before main(); a fork shares what was noted.
RUNTIME = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
static unsigned char unread[%(size)d];
unsigned int mutant_live;
unsigned char *mutant_seen = unread;
/* By number: a test may have an open() and mmap() of its own. */
__attribute__((constructor(101))) static void mutant_start(void)
{
	const char *live = getenv("MUTANT"), *seen = getenv("MUTANT_SEEN");
	if (live)
		mutant_live = (unsigned int)strtoul(live, NULL, 10);
	if (seen) {
		long fd = syscall(SYS_openat, AT_FDCWD, seen, O_RDWR, 0);
		long at = syscall(SYS_mmap, NULL, %(size)d, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at > 0)
			mutant_seen = (unsigned char *)at;
		syscall(SYS_close, fd);
	}
}
"""
SIZE = 1 << 16
HEAD = ("extern unsigned int mutant_live; extern unsigned char *mutant_seen;"
        " static inline int MUTANT_(unsigned int n)"
        " { mutant_seen[n] = 1; return __builtin_expect(mutant_live == n, 0); }\n#line 1 \"%s\"\n")


def render(src, mutants):
    """The text with all of `mutants`, a list of (number, mutant), as alternatives."""
    places = {}
    for number, m in mutants:
        places.setdefault((m.begin, -m.end, m.form), []).append((number, m))
    order = sorted(places)

    def text(begin, end, at):
        """From begin to end; `at` is the next place. Returns the text and the place after it."""
        out = []
        while at < len(order) and order[at][0] < end:
            b, e, form = order[at][0], -order[at][1], order[at][2]
            out.append(src[begin:b])
            inner, after = text(b, e, at + 1)
            out.append(alternatives(form, places[order[at]], inner))
            begin, at = e, after
        out.append(src[begin:end])
        return "".join(out), at

    return text(0, len(src), 0)[0]


def alternatives(form, mutants, inner):
    if form == STATEMENT:
        out = "{ "
        for number, m in mutants:
            out += "if (MUTANT_(%d)) { %s } else " % (number, " ".join(m.new.split()))
        return out + "{ " + inner + " } }"
    out = "("
    for number, m in mutants:
        out += "MUTANT_(%d) ? (%s) : " % (number, " ".join(m.new.split()))
    return out + ("!!(%s))" if form == TRUTH else "(%s))") % inner


class Builder:
    """Compiles one file with its mutants; those that the compiler refuses are found by halving."""

    def __init__(self, src, path, mutants, compiler, out):
        self.src, self.path, self.compiler, self.out = src, path, compiler, out
        numbered = list(enumerate(mutants, 1))
        self.refused = [] if self.compiles(numbered) else self.find_refused(numbered)
        if self.refused and not self.compiles([x for x in numbered if x not in self.refused]):
            raise RuntimeError("%s: does not compile with its mutants" % path)

    def compiles(self, numbered, flags=(), out=None):
        out = out or self.out
        with open(out + ".c", "w", encoding="latin-1", newline="") as f:
            f.write(HEAD % self.path + render(self.src, numbered))
        return subprocess.run([*self.compiler, *flags, "-w", "-O1", "-c", "-o", out, out + ".c"],
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    def find_refused(self, numbered):
        if len(numbered) == 1:
            return numbered
        half = len(numbered) // 2
        return [bad for part in (numbered[:half], numbered[half:])
                if not self.compiles(part) for bad in self.find_refused(part)]
