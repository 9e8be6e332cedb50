"""A copy of files moves data at no less than half of what cp reaches between the same disks."""
import os
import shutil
import time

from suite import check
from durabilitykit.look import DATADIR, wait_whole

from .data import copied_by, fill, recipient_and_donor, refill, worker_log

SHARE = 0.5
TARGET = DATADIR + "/.lab-copy"


def forget_cached(path):
    """The server reads its files past the cache, and so must cp when it is compared: what is cached of a file is dropped."""
    for directory, _, names in os.walk(path):
        for name in names:
            descriptor = os.open(os.path.join(directory, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def cp(lab, donor, recipient):
    """cp -r of the donor's data into the recipient's disk: (megabytes, seconds, seconds until it is on the disk)."""
    source, target = lab.node(donor).path(DATADIR), lab.node(recipient).path(TARGET)
    forget_cached(source)
    entries = [f"{source}/{name}" for name in os.listdir(source)
               if not name.startswith(".") and name not in ("lost+found", "ib_logfile0", "#innodb_redo") and "binlog" not in name and "relay" not in name]
    os.makedirs(target)
    try:
        started = time.monotonic()
        done = os.spawnlp(os.P_WAIT, "cp", "cp", "-r", *entries, target)
        took = time.monotonic() - started
        os.spawnlp(os.P_WAIT, "sync", "sync", "-f", target)
        synced = time.monotonic() - started
        size = sum(os.path.getsize(os.path.join(top, name)) for top, _, names in os.walk(target) for name in names) / (1 << 20)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    check(done == 0, f"cp ended with {done}")
    return size, took, synced


CLONED = """SELECT SUM(data), TIMESTAMPDIFF(MICROSECOND, MIN(begin_time), MAX(end_time)) FROM performance_schema.clone_progress
            WHERE stage IN ('FILE COPY', 'PAGE COPY', 'REDO COPY')"""


def copy_phase(lab, name):
    """(megabytes, seconds): MySQL keeps the figures of its last copy itself, without what goes before and after the transfer."""
    if lab.flavour.name == "mysql":
        data, microseconds = lab.sql(name, CLONED)[0]
        check("NULL" not in (data, microseconds), f"{name} knows of no copy")
        return int(data) / (1 << 20), int(microseconds) / 1e6
    return copied_by(worker_log(lab, name))


def half_of_cp(big):
    """cp goes before and after the copy, for the machine is not always as fast."""
    def test(lab):
        wait_whole(lab, 300)
        fill(lab, big)
        recipient, donor = recipient_and_donor(lab)
        plain = [cp(lab, donor, recipient)]
        worked, whole = refill(lab, recipient)
        moved, seconds = copy_phase(lab, recipient)
        check(moved >= big, f"the copy has moved {moved:.0f} MB of {big} MB of rows")
        plain.append(cp(lab, donor, recipient))
        size, took, synced = (sum(column) for column in zip(*plain))
        # What CLONE has copied is on the disk; what comes in by the channel is synced later, as cp's is not at all.
        copy, rate = moved / seconds, size / (synced if lab.flavour.name == "mysql" else took)
        figures = f"copy {moved:.0f} MB in {seconds:.1f} s: {copy:.0f} MB/s; cp, twice, {size:.0f} MB in {took:.1f} s: {size / took:.0f} MB/s " \
                  f"({size / synced:.0f} MB/s with sync); ratio {copy / rate:.2f}; the worker took {worked:.1f} s, in sync after {whole:.1f} s"
        check(copy >= SHARE * rate, f"{figures}: less than {SHARE}")
        return figures
    return test


def tests(options):
    return [(f"a copy is at least half as fast as cp, {options.big} MB", half_of_cp(options.big))]
