"""Processes, known by pid and start time so that a reused pid is never taken for the old one."""
import glob
import os
import select
import signal

from .shell import read_text

MARK = "SYSTOLE_LAB"        # every process of a lab has this in its environment


def fields(pid):
    """The fields of /proc/PID/stat after the name: [0] is the state, [1] the parent, [19] the start time."""
    return fields_of(read_text(f"/proc/{pid}/stat"))


def fields_of(stat):
    return stat.rpartition(")")[2].split() if stat else None


def identity(pid):
    """(pid, start time) of a live process, else None. A zombie is dead."""
    found = fields(pid)
    return (int(pid), int(found[19])) if found and found[0] not in "ZX" else None


def is_alive(who):
    return who is not None and identity(who[0]) == tuple(who)


def send(who, number):
    """Signals exactly that process; False when it is gone."""
    try:
        descriptor = os.pidfd_open(who[0])
    except ProcessLookupError:
        return False
    try:
        if identity(who[0]) != tuple(who):
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)


def kill(who, timeout=10.0):
    """SIGKILL, and waits until the process is gone; True when it is."""
    try:
        descriptor = os.pidfd_open(who[0])
    except ProcessLookupError:
        return True
    try:
        if not send(who, signal.SIGKILL):
            return True
        waiter = select.poll()
        waiter.register(descriptor, select.POLLIN)
        return bool(waiter.poll(timeout * 1000))
    finally:
        os.close(descriptor)


def of_lab(name):
    """Every live process that carries the lab's mark, this one and its ancestors excepted."""
    wanted = f"{MARK}={name}".encode()
    spared = ancestors()
    for path in glob.glob("/proc/[0-9]*/environ"):
        pid = int(path.split("/")[2])
        if pid not in spared and has_mark(path, wanted):
            who = identity(pid)
            if who:
                yield who


def has_mark(path, wanted):
    try:
        with open(path, "rb") as file:
            return wanted in file.read().split(b"\0")
    except OSError:
        return False


def ancestors():
    """This process, its parent, and so on."""
    found, pid = set(), os.getpid()
    while pid > 0:
        found.add(pid)
        stat = fields(pid)
        pid = int(stat[1]) if stat else 0
    return found


def namespace(pid, kind):
    """What identifies a process's namespace of a kind (pid, mnt, ...), or None when the process is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None


def in_namespaces(wanted, kind):
    """Every live process in one of the namespaces. With 'mnt' also those outside that entered a node to run something."""
    for path in glob.glob("/proc/[0-9]*"):
        pid = path.rpartition("/")[2]
        if namespace(pid, kind) in wanted:
            who = identity(pid)
            if who:
                yield who


def in_pid_namespace(init_pid):
    """The live processes that share the pid namespace of `init_pid`, as (pid, start time), with their names."""
    wanted = namespace(init_pid, "pid")
    if wanted:
        for who in in_namespaces({wanted}, "pid"):
            yield who, read_text(f"/proc/{who[0]}/comm", "").strip()
