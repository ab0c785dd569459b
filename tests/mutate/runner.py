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

IDLE_SECONDS = 2.5
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
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


def run(program, tmp, mutant=0, seen=None, usual=(20.0, 60.0), address_space=0):
    """(what came of it, seconds, seconds of CPU time); `usual`: both as they are without a mutant."""
    env = {**os.environ, "MUTANT": str(mutant), "TMPDIR": tmp, "CMOCKA_TEST_ABORT": "1"}
    if seen:
        env["MUTANT_SEEN"] = seen
    usual_seconds, usual_cpu = usual
    start = time.monotonic()
    with subprocess.Popen([program], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True,
                          preexec_fn=lambda: limit(int(4 * usual_cpu) + 1, address_space)) as child:
        cpu = wait(child, start + 10 * usual_seconds + 20, max(IDLE_SECONDS, 2 * usual_seconds))
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    took = time.monotonic() - start
    if cpu is None or child.returncode == -signal.SIGXCPU:
        return TIMED_OUT, took, 0
    return (PASSED if child.returncode == 0 else FAILED), took, cpu


def wait(child, until, idle_seconds):
    """Sets child.returncode; the CPU time that it took, or None where it had to be ended."""
    fd = os.pidfd_open(child.pid)
    ended = False
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
                ended = True
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return None if ended else usage.ru_utime + usage.ru_stime
    finally:
        os.close(fd)
