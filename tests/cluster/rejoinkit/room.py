"""A disk that is too small for the copy: refused before anything is removed."""
import re
import time

from suite import check
from labkit.faults import FILLER
from durabilitykit.look import DATADIR, wait_for_sentence, wait_whole

from .data import asides, bulk_of, copies, diverge, expect_everything, fill, recipient_and_donor, schema_is_there, wait_refilled

DATA_MB = 100
LEFT_MB = 80            # less than the copy needs, enough for a server that runs


def leave_free(lab, name, megabytes):
    lab.node(name).run(f"space() {{ df --output=avail -B1 {DATADIR} | tail -n 1; }}; fallocate -l $(($(space) - {megabytes << 20})) {FILLER}", check=True)


def tables(lab, name):
    """The files of all tables, with their inodes: what was moved away or copied is seen."""
    return sorted(lab.node(name).run(f"find {DATADIR} -name '*.ibd' -printf '%i %P\\n'", check=True).stdout.splitlines())


def too_small(lab):
    wait_whole(lab)
    fill(lab, DATA_MB)
    name = recipient_and_donor(lab)[0]
    bulk = bulk_of(lab, name)
    leave_free(lab, name, LEFT_MB)
    try:
        before, schema = copies(lab, name), diverge(lab, name)
        files, server = tables(lab, name), lab.node(name).mysqld()
        sentence = wait_for_sentence(lab, r"needs \d+ MB.*\d+ MB (are |is )?free", 60, "crm_mon to say how much is needed and how much is free")
        needed, free = (int(number) for number in re.search(r"needs (\d+) MB.*?(\d+) MB", sentence).groups())
        check(free <= LEFT_MB < needed, f"it needs {needed} MB and has {free} MB, but {LEFT_MB} MB were left: {sentence}")
        check(needed >= DATA_MB, f"it says that {needed} MB are needed for more than {DATA_MB} MB of data")
        check(tables(lab, name) == files, f"{name}'s data directory has changed though the copy was refused")
        check(lab.node(name).mysqld() == server, f"the server of {name} was restarted or ended though the copy was refused")
        check(not asides(lab, name), f"{name} has {asides(lab, name)} though the copy was refused")
        check(bulk_of(lab, name) == bulk and schema_is_there(lab, name, schema), f"data of {name} is gone though the copy was refused")
        check(copies(lab, name) == before, f"a copy was begun on {name} though there is no room for it")
    finally:
        lab.fault("clear-disk-full", name)
    started = time.monotonic()
    wait_refilled(lab, name, schema)
    took = time.monotonic() - started
    wait_whole(lab)
    expect_everything(lab)
    return f"{sentence!r}; filled {took:.1f} s after there was room"


TESTS = [("a disk too small for the copy: refused, with the numbers, and nothing removed", too_small)]
