#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes one thing at a time in tinyvmm's sources and looks whether a unit test notices.

  tests/mutate/mutate.py [--jobs N] [--files GLOB]... [--sample N --seed S] [--fresh] [--list] BUILD_DIR

Needs what `make check` builds, and clang. Results are kept in BUILD_DIR/mutate/results.jsonl: a mutant that
a test killed is not run again while its file is unchanged. docs/testing.md says how to read them.
"""
import argparse
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import random
import shlex
import shutil
import subprocess
import sys

import explained
import runner
import schema
from mutants import File

FOLDERS = {
    "devices": "devices/*.c",
    "vmm/core": "vmm/core/*.c",
    "virtio": "virtio/*.c",
    "vmm/x86/boot": "vmm/x86/boot/*.c",
    "guest/tinybench/data": "guest/tinybench/data/s*.c",
}
FLAGS = ["-I.", "-D_GNU_SOURCE", '-DTINYVMM_VERSION="0"', "-std=gnu11"]
LIBS = ["-lcmocka", "-lfdt", "-laio", "-lz", "-ljansson", "-lm"]
SAN = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
SANITIZED_TESTS = 6  # those that fit best; they are slower
KILLED, SURVIVED, UNREACHED, REFUSED = "killed", "survived", "not reached", "did not compile"


def sources(globs):
    tracked = subprocess.run(["git", "ls-files", "*.c"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    wanted = globs or list(FOLDERS.values())
    return sorted((f for f in tracked if any(fnmatch.fnmatch(f, g) for g in wanted)),
                  key=lambda f: ([fnmatch.fnmatch(f, g) for g in wanted].index(True), f))


def read_results(path):
    results = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                try:
                    r = json.loads(line)
                except ValueError:
                    continue  # cut off when a run was ended
                results[r["key"]] = r
    return results


class Suite:
    """The unit test programs as `make check` built them, plain and with sanitizers."""

    def __init__(self, build, compiler, slow_seconds):
        self.build, self.compiler, self.slow_seconds = build, compiler, slow_seconds
        self.dir = os.path.join(build, "mutate")
        self.members = {}
        self.names = sorted(n[:-2] for n in os.listdir(os.path.join(build, "obj/tests/unit")) if n.endswith(".o")
                            and os.path.exists("tests/unit/%s.c" % n[:-2]))

    def command(self, kind, name, objects, out):
        flags = SAN if kind == "san" else []
        return [*self.compiler, *flags, "-pthread", "-o", out,
                "%s/%s/tests/unit/%s.o" % (self.build, kind, name), *objects,
                "%s/%s/libpure.a" % (self.build, kind), *LIBS]

    def links(self, name, path):
        """Whether the test program takes this file from the library."""
        if name not in self.members:
            out = subprocess.run([*self.command("obj", name, [], "/dev/null"), "-Wl,-t,-t"], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
            self.members[name] = set(out.split())
        # The linker prints members by their own name only, so files of one name are taken together.
        return any(m.endswith("(%s.o)" % os.path.basename(path)[:-2]) or
                   m.endswith(")%s.o" % os.path.basename(path)[:-2]) for m in self.members[name])


class FileRun:
    """All mutants of one file."""

    def __init__(self, suite, path, jobs, say):
        self.suite, self.path, self.jobs, self.say = suite, path, jobs, say
        self.dir = os.path.join(suite.dir, path.replace("/", "+"))
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.dir, "tmp"))
        with open(path, "rb") as f:
            self.hash = hashlib.sha256(f.read()).hexdigest()[:16]
        self.file = File(path, FLAGS)
        self.mutants = self.file.mutants

    def prepare(self):
        """Compiles the file, links the tests that need it, and finds what each of them reaches."""
        compiler = [*self.suite.compiler, *FLAGS, "-pthread"]
        self.builder = schema.Builder(self.file.src, self.path, self.mutants, compiler, self.dir + "/file.o")
        self.refused = {n for n, _ in self.builder.refused}
        with open(self.dir + "/runtime.c", "w", encoding="utf-8") as f:
            f.write(schema.RUNTIME % {"size": schema.SIZE})
        subprocess.run([*compiler, "-c", "-o", self.dir + "/runtime.o", self.dir + "/runtime.c"], check=True)
        self.tests = {}
        names = [n for n in self.suite.names if self.suite.links(n, self.path)]
        for name, test in self.each(lambda n: self.measured("obj", n), names):
            if test["usual"][1] > self.suite.slow_seconds:
                self.say("      %s: left out, it takes %.1f s of CPU time" % (name, test["usual"][1]))
            else:
                self.tests[name] = test
        self.sanitized = None

    def each(self, function, items):
        """(item, function(item)) in the order of items, as they come."""
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            yield from zip(items, pool.map(function, items))

    def measured(self, kind, name):
        """A linked test: its program, how long it takes, and which mutants it reaches."""
        program = "%s/%s-%s" % (self.dir, kind, name)
        objects = [self.dir + ("/file.o" if kind == "obj" else "/file-san.o"), self.dir + "/runtime.o"]
        subprocess.run(self.suite.command(kind, name, objects, program), check=True)
        seen = program + ".seen"
        with open(seen, "wb") as f:
            f.truncate(schema.SIZE)
        came, seconds, cpu = runner.run(program, self.dir + "/tmp", seen=seen)
        if came != runner.PASSED:
            sys.exit("mutate.py: %s fails without a mutant of %s" % (program, self.path))
        with open(seen, "rb") as f:
            reached = {n for n, byte in enumerate(f.read()) if byte}
        return {"program": program, "seconds": seconds, "usual": (seconds, cpu), "reached": reached}

    def judge(self, number, tests):
        """(status, test) of one mutant."""
        stem = os.path.basename(self.path)[:-2]
        order = sorted((stem not in name, t["seconds"], name) for name, t in tests.items() if number in t["reached"])
        for _, _, name in order:
            came = self.run_mutant(tests[name], number, (16 << 30) if tests is self.tests else 0)
            if came != runner.PASSED:
                return (KILLED if came == runner.FAILED else runner.TIMED_OUT), name
        return (SURVIVED if order else UNREACHED), None

    def run_mutant(self, test, number, address_space):
        came, _, _ = runner.run(test["program"], self.dir + "/tmp", number, None, test["usual"], address_space)
        if came == runner.TIMED_OUT:
            # A test that looks at a clock again and again takes more CPU time while the machine is less busy.
            _, seconds, cpu = runner.run(test["program"], self.dir + "/tmp")
            if seconds > test["usual"][0] or cpu > test["usual"][1]:
                test["usual"] = max(seconds, test["usual"][0]), max(cpu, test["usual"][1])
                came, _, _ = runner.run(test["program"], self.dir + "/tmp", number, None, test["usual"], address_space)
        return came

    def judge_sanitized(self, number):
        """What is left may still be seen by ASan or UBSan."""
        return self.judge(number, self.sanitized)

    def prepare_sanitized(self, numbers):
        numbered = [(n, m) for n, m in enumerate(self.mutants, 1) if n not in self.refused]
        if not self.builder.compiles(numbered, SAN, self.dir + "/file-san.o"):
            raise RuntimeError("%s: does not compile with sanitizers" % self.path)
        stem = os.path.basename(self.path)[:-2]
        names = sorted((n for n, t in self.tests.items() if t["reached"] & numbers),
                       key=lambda n: (stem not in n, self.tests[n]["seconds"]))[:SANITIZED_TESTS]
        self.sanitized = dict(self.each(lambda n: self.measured("san", n), names))

    def run(self, numbers, record):
        """Judges the mutants `numbers`, in order; record(mutant, status, test) for each."""
        self.prepare()
        left = []
        todo = [n for n in numbers if n not in self.refused]
        for n in sorted(set(numbers) & self.refused):
            record(self.mutants[n - 1], REFUSED, None)
        for n, (status, test) in self.each(lambda n: self.judge(n, self.tests), todo):
            if status == SURVIVED:
                left.append(n)
            else:
                record(self.mutants[n - 1], status, test)
        if left:
            self.prepare_sanitized(set(left))
            for n, (status, test) in self.each(self.judge_sanitized, left):
                record(self.mutants[n - 1], status if status != UNREACHED else SURVIVED, test)
        shutil.rmtree(self.dir)


def run_file(suite, args, path, chosen, results, out):
    """Runs what has no valid result yet."""
    this = FileRun(suite, path, args.jobs, lambda text: print(text, flush=True))
    todo = []
    for number, m in enumerate(this.mutants, 1):
        if chosen is not None and m.key not in chosen:
            continue
        old = results.get(m.key)
        if args.fresh or old is None or old["hash"] != this.hash or old["status"] in (SURVIVED, UNREACHED):
            todo.append(number)

    def record(m, status, test):
        r = {"key": m.key, "file": m.file, "line": m.line, "status": status, "test": test, "hash": this.hash}
        results[m.key] = r
        out.write(json.dumps(r) + "\n")
        out.flush()

    print("%s: %d mutants, %d to run" % (path, len(this.mutants), len(todo)), flush=True)
    if todo:
        this.run(todo, record)
    else:
        shutil.rmtree(this.dir)
    return [m for m in this.mutants if chosen is None or m.key in chosen]


def folder_of(path):
    return next((name for name, glob in FOLDERS.items() if fnmatch.fnmatch(path, glob)), os.path.dirname(path))


def show(mutants, results, reasons):
    """The survivors, then a row a folder. Returns whether every folder reaches its 90 %."""
    rows, good = {}, True
    for m in mutants:
        status = results[m.key]["status"]
        row = rows.setdefault(folder_of(m.file), {})
        if status in (SURVIVED, UNREACHED):
            why = reasons.get(m.key)
            if why is None:
                print("%s:%d: %s: %s\n    %s" % (m.file, m.line, m.function, status, m.key))
            status = status if why is None else "explained"
        row[status] = row.get(status, 0) + 1
    print("\n| folder | mutants | killed | of these timed out | explained | not killed | score |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for folder, row in rows.items():
        timed_out, why = row.get(runner.TIMED_OUT, 0), row.get("explained", 0)
        killed = row.get(KILLED, 0) + timed_out
        lost = row.get(SURVIVED, 0) + row.get(UNREACHED, 0)
        score = 100.0 * (killed + why) / max(killed + why + lost, 1)
        good = good and score >= 90
        print("| `%s` | %d | %d | %d | %d | %d | %.1f %% |" % (folder, killed + why + lost, killed, timed_out, why,
                                                          lost, score))
    refused = sum(row.get(REFUSED, 0) for row in rows.values())
    if refused:
        print("%d more did not compile" % refused)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--files", action="append", metavar="GLOB", help="instead of the folders of docs/testing.md")
    parser.add_argument("--sample", type=int, metavar="N", help="that many mutants, chosen with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--list", action="store_true", help="show the mutants, run nothing")
    parser.add_argument("--slow", type=float, default=4.0, metavar="SECONDS",
                        help="leave out tests that take more CPU time")
    args = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    if os.geteuid() == 0 and "MUTATE_ALONE" not in os.environ and shutil.which("unshare"):
        # No mutant may change the machine's own network.
        os.environ["MUTATE_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])

    paths = sources(args.files)
    every = [m for p in paths for m in File(p, FLAGS).mutants]
    if args.list:
        for m in every:
            print("%s:%d: %s" % (m.file, m.line, m.key))
        print("%d mutants" % len(every))
        return 0
    chosen = None
    if args.sample is not None and args.sample < len(every):
        chosen = {m.key for m in random.Random(args.seed).sample(every, args.sample)}
        print("%d of %d mutants, seed %d" % (args.sample, len(every), args.seed))
    suite = Suite(args.build, shlex.split(os.environ.get("CC", "gcc")), args.slow)
    os.makedirs(suite.dir, exist_ok=True)
    store = os.path.join(suite.dir, "results.jsonl")
    results = {} if args.fresh else read_results(store)
    with open(store, "w" if args.fresh else "a", encoding="utf-8") as out:
        mutants = [m for p in paths for m in run_file(suite, args, p, chosen, results, out)]
    reasons, wrong = explained.read(os.path.join(os.path.dirname(__file__), "explained"), paths, every, results)
    good = show(mutants, results, reasons)
    for line in wrong:
        print("mutate.py: %s" % line, file=sys.stderr)
    return 0 if good and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
