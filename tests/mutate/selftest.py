#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether mutate.py finds, builds and judges the mutants of a file that has one of each."""
import os
import shutil
import subprocess
import sys
import tempfile

import runner
import schema
from mutants import File

SAMPLE = """
#include <assert.h>
#include <unistd.h>
#define LIMIT 3
static const int table[] = {7, 8};
static int count(int n, const int *step)
{
	int sum = 0;

	while (n > LIMIT) {
		assert(n < 100);
		sum += *step;
		n--;
	}
	if (!n || step == table + 1)
		pause();
	return sum ^ ~0;
}
int main(void)
{
	return count(5, table) == ~14 ? 0 : 1;
}
"""
# The change, and what comes of it.
EXPECTED = [
    ("0 => 1", "killed"),
    ("n > LIMIT => n <= LIMIT", "killed"),
    ("n > LIMIT => n >= LIMIT", "killed"),
    ("sum += *step; => nothing", "killed"),
    ("sum += *step => sum -= *step", "killed"),
    ("n--; => nothing", "timed out"),  # spins
    ("n-- => n++", "killed"),  # to the assertion
    ("!n || step == table + 1 => !n && step == table + 1", "survived"),
    ("!n => !!n", "timed out"),  # waits for a signal
    ("step == table + 1 => step != table + 1", "timed out"),
    ("table + 1 => table - 1", "survived"),
    ("1 => 0", "timed out"),
    ("1 => 2", "survived"),
    ("pause(); => nothing", "not reached"),
    ("return sum ^ ~0; => return 0;", "killed"),
    ("sum ^ ~0 => sum | ~0", "killed"),
    ("~0 => 0", "killed"),
    ("0 => 1", "killed"),
    ("return count(5, table) == ~14 ? 0 : 1; => return 0;", "survived"),
    ("count(5, table) == ~14 => count(5, table) != ~14", "killed"),
    ("5 => 4", "killed"),
    ("5 => 6", "killed"),
    ("~14 => 14", "killed"),
    ("14 => 13", "killed"),
    ("14 => 15", "killed"),
    ("0 => 1", "killed"),
    ("1 => 0", "not reached"),
    ("1 => 2", "not reached"),
]


def outcomes(directory):
    """(change, what came of it) for each mutant of the sample."""
    source, program = os.path.join(directory, "sample.c"), os.path.join(directory, "sample")
    with open(source, "w", encoding="utf-8") as f:
        f.write(SAMPLE)
    with open(directory + "/runtime.c", "w", encoding="utf-8") as f:
        f.write(schema.RUNTIME % {"size": schema.SIZE})
    mutants = File(source, []).mutants
    builder = schema.Builder(File(source, []).src, source, mutants, ["cc"], directory + "/sample.o")
    refused = {n for n, _ in builder.refused}
    subprocess.run(["cc", "-o", program, directory + "/sample.o", directory + "/runtime.c"], check=True)
    with open(directory + "/seen", "wb") as f:
        f.truncate(schema.SIZE)
    assert runner.run(program, directory, seen=directory + "/seen")[0] == runner.PASSED, "the sample fails by itself"
    with open(directory + "/seen", "rb") as f:
        reached = {n for n, byte in enumerate(f.read()) if byte}
    for number, m in enumerate(mutants, 1):
        if number in refused:
            yield m.change, "did not compile"
        elif number not in reached:
            yield m.change, "not reached"
        else:
            came = runner.run(program, directory, number, usual=(0.1, 0.1))[0]
            yield m.change, {runner.PASSED: "survived", runner.FAILED: "killed"}.get(came, came)


def main():
    directory = tempfile.mkdtemp()
    try:
        found = list(outcomes(directory))
    finally:
        shutil.rmtree(directory)
    for line in [("missing", x) for x in EXPECTED if x not in found] + \
                [("unexpected", x) for x in found if x not in EXPECTED]:
        print("selftest.py: %s: %s: %s" % (line[0], *line[1]), file=sys.stderr)
    return 0 if sorted(found) == sorted(EXPECTED) else 1


if __name__ == "__main__":
    sys.exit(main())
