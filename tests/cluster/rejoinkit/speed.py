"""A copy of files moves data at no less than half of what cp reaches between the same disks."""
import os
import shutil
import time

from suite import check
from durabilitykit.look import DATADIR, wait_whole

from .data import copied_by, data_mb, fill, recipient_and_donor, refill, worker_log

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


def moved_mb(lab, name, told):
    """MySQL does not say how much it has moved, but keeps count of it."""
    if told:
        return told
    counted = lab.sql(name, "SELECT COALESCE(SUM(data), 0) FROM performance_schema.clone_progress")[0][0]
    return int(counted) / (1 << 20) or data_mb(lab, name)


def half_of_cp(big):
    def test(lab):
        wait_whole(lab, 300)
        fill(lab, big)
        recipient, donor = recipient_and_donor(lab)
        worked, whole = refill(lab, recipient)
        told, seconds = copied_by(worker_log(lab, recipient))
        moved = moved_mb(lab, recipient, told)
        check(moved >= big, f"the copy has moved {moved:.0f} MB of {big} MB of rows")
        size, took, synced = cp(lab, donor, recipient)
        copy, plain = moved / seconds, size / took
        figures = f"copy {moved:.0f} MB in {seconds:.1f} s: {copy:.0f} MB/s; cp {size:.0f} MB in {took:.1f} s: {plain:.0f} MB/s " \
                  f"({size / synced:.0f} MB/s with sync); ratio {copy / plain:.2f}; the worker took {worked:.1f} s, in sync after {whole:.1f} s"
        check(copy >= SHARE * plain, f"{figures}: less than {SHARE}")
        return figures
    return test


def tests(options):
    return [(f"a copy is at least half as fast as cp, {options.big} MB", half_of_cp(options.big))]
