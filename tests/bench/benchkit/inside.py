"""inside: runs in a node. Calls an agent's monitor with Pacemaker's environment: COUNT times timed, and COUNT times traced.

Usage: inside.py AGENT ENVIRONMENT COUNT          prints one line of JSON

Timed: the wall time, and the CPU time of the process and of all its children that were waited for (wait4).
Traced: ptrace stops every process of the call when it forks and when it ends, so the counts are the kernel's and the peak memory
(VmHWM at the end, of the largest process) holds nothing of this program. A traced call's times mean nothing and are not taken.
"""
import ctypes
import json
import os
import re
import signal
import sys
import time

WARM_UP = 3
PAUSE = 0.02                # seconds between two calls
REFRESHED = "/run/systole"  # a file in there that was written during a call: the attributes were refreshed

PTRACE_TRACEME, PTRACE_CONT, PTRACE_SETOPTIONS = 0, 7, 0x4200
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_EXIT = 1, 2, 3, 4, 6
OPTIONS = sum(1 << event for event in (EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_EXIT)) | 1 << 20     # and die with us
WAIT_ALL = 0x40000000

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.restype = ctypes.c_long
LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def ptrace(request, pid, data=0):
    if LIBC.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {pid}")


def timed(agent, environment, null):
    started = time.monotonic()
    pid = os.posix_spawn(agent, [agent, "monitor"], environment,
                         file_actions=[(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)])
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - started
    return {"rc": os.waitstatus_to_exitcode(status), "wall_ms": 1000 * wall,
            "cpu_ms": 1000 * (usage.ru_utime + usage.ru_stime)}


def traced(agent, environment, null):
    before = newest(REFRESHED)
    pid = os.fork()
    if pid == 0:
        try:
            for number in (0, 1, 2):
                os.dup2(null, number)
            ptrace(PTRACE_TRACEME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.execve(agent, [agent, "monitor"], environment)
        finally:
            os._exit(126)
    os.waitpid(pid, 0)
    ptrace(PTRACE_SETOPTIONS, pid, OPTIONS)
    ptrace(PTRACE_CONT, pid)
    found = follow(pid)
    found["refreshed"] = newest(REFRESHED) != before
    return found


def follow(first):
    """Lets the processes run to their ends and counts. Memory in KiB."""
    counts = dict.fromkeys((EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_EXIT), 0)
    seen, peak, rc = {first}, 0, None
    while True:
        try:
            pid, status = os.waitpid(-1, WAIT_ALL)
        except ChildProcessError:
            break
        if not os.WIFSTOPPED(status):
            if pid == first:
                rc = os.waitstatus_to_exitcode(status)
            continue
        event, passed_on = status >> 16, 0
        if event:
            counts[event] = counts.get(event, 0) + 1
            if event == EVENT_EXIT:
                peak = max(peak, high_water(pid))
        elif pid in seen:
            passed_on = os.WSTOPSIG(status)
            passed_on = 0 if passed_on in (signal.SIGTRAP, signal.SIGSTOP) else passed_on
        seen.add(pid)               # the first stop of a new one is the tracer's, not a signal
        try:
            ptrace(PTRACE_CONT, pid, passed_on)
        except OSError:             # killed meanwhile
            pass
    return {"rc": rc, "forks": counts[EVENT_FORK] + counts[EVENT_VFORK], "threads": counts[EVENT_CLONE],
            "execs": counts[EVENT_EXEC] - 1, "peak_kib": peak}


def high_water(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            found = re.search(r"VmHWM:\s+(\d+)", file.read())
            return int(found[1]) if found else 0
    except OSError:
        return 0


def newest(directory):
    """The latest change of a file below a directory."""
    return max((os.stat(os.path.join(top, name)).st_mtime_ns for top, _, names in os.walk(directory) for name in names
                if name.endswith(("published", ".published"))), default=0)


def read_environment(path):
    with open(path, "rb") as file:
        pairs = [entry.partition(b"=") for entry in file.read().split(b"\0") if entry]
    return {name: value for name, _, value in pairs}


def main():
    agent, environment, count = sys.argv[1], read_environment(sys.argv[2]), int(sys.argv[3])
    null = os.open("/dev/null", os.O_RDWR)
    results = {}
    for name, call in (("timed", timed), ("traced", traced)):
        for _ in range(WARM_UP):
            call(agent, environment, null)
        results[name] = []
        for _ in range(count):
            time.sleep(PAUSE)
            results[name].append(call(agent, environment, null))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
