# SPDX-License-Identifier: MIT
"""Runs a test program, and ends it when it spins, waits for ever or takes too long.

Under load a program takes longer, but not more CPU time: so a spin is bounded by CPU time, and a wait is
for ever only if no process of the session ran or wanted to run meanwhile.
"""
import ctypes
import os
import resource
import select
import signal
import subprocess
import time

IDLE_SECONDS = 4
PR_SET_PDEATHSIG = 1
PASSED, FAILED, TIMED_OUT = "passed", "failed", "timed out"


def session(sid):
    """(ticks of CPU time, whether one is runnable) of all processes of a session."""
    ticks, runnable = 0, False
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, encoding="latin-1") as f:
                fields = f.read().rpartition(")")[2].split()
            if int(fields[3]) != sid:
                continue
            ticks += sum(map(int, fields[11:15]))
            for task in os.listdir("/proc/%s/task" % pid):
                with open("/proc/%s/task/%s/stat" % (pid, task), encoding="latin-1") as f:
                    runnable |= f.read().rpartition(")")[2].split()[0] == "R"
        except OSError:
            continue
    return ticks, runnable


def limit(cpu_seconds, address_space):
    """In the child: it ends with its parent, and leaves no core."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


def run(program, tmp, mutant=0, seen=None, usual_seconds=60.0, address_space=0):
    """(what came of it, seconds); `usual_seconds` is how long the program takes without a mutant."""
    env = {**os.environ, "MUTANT": str(mutant), "TMPDIR": tmp}
    if seen:
        env["MUTANT_SEEN"] = seen
    cpu_seconds = int(usual_seconds * 4) + 1
    start = time.monotonic()
    with subprocess.Popen([program], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True,
                          preexec_fn=lambda: limit(cpu_seconds, address_space)) as child:
        status = wait(child, start + 10 * usual_seconds + 20, max(IDLE_SECONDS, 2 * usual_seconds))
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    took = time.monotonic() - start
    if status is None or status == -signal.SIGXCPU or (status == -signal.SIGKILL and took > cpu_seconds):
        return TIMED_OUT, took
    return (PASSED if status == 0 else FAILED), took


def wait(child, until, idle_seconds):
    """The status, or None where it had to be ended."""
    fd = os.pidfd_open(child.pid)
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        before, ran = None, time.monotonic()
        while not poll.poll(500):
            now = time.monotonic()
            ticks, runnable = session(child.pid)
            if ticks != before or runnable:
                before, ran = ticks, now
            if now - ran > idle_seconds or now > until:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return None
        return child.wait()
    finally:
        os.close(fd)
