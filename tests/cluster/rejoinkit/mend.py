"""What a copy mends, and what crm_mon shows meanwhile."""
import os
import re
import time

from suite import Trial, check
from durabilitykit.hands import copies
from durabilitykit.look import DATADIR, others, set_parameters, wait_acknowledging, wait_whole

from .data import (COPY_S, asides, copied_by, data_mb, diverge, expect_everything, fill, recipient_and_donor, said, state_word, wait_refilled,
                   worker_log, write_on)

HERE = os.path.dirname(os.path.realpath(__file__))
DATA_MB = 150
LITTLE_MB = 40
RATE_MB = 10            # per second: slow enough for the monitors to see it
ELECTION_S = 60         # with a crashed server that starts again
STEPS = 3               # that must be seen of ten


# What is written on the replica alone and not into its binary log, and what the primary then writes; the error that the replica meets.
# As rows: a statement that finds no row on the replica is no error there.
CLASHES = {
    "1062": ("INSERT INTO lab.clash VALUES (2, 'here')", "INSERT INTO lab.clash VALUES (2, 'there')"),
    "1032": ("DELETE FROM lab.clash WHERE id = 1", "UPDATE lab.clash SET who = 'there' WHERE id = 1"),
}


def clash(lab, name, trial, number):
    before = copies(lab, name)
    here, there = CLASHES[number]
    write_on(lab, name, f"SET SESSION sql_log_bin = 0; {here}")
    lab.sql(trial.before, f"SET SESSION binlog_format = 'ROW'; {there}")
    started = time.monotonic()
    lab.wait_until(lambda: copies(lab, name) > before or said(lab, name), COPY_S, f"{name} to be filled again after error {number}", interval=0.2)
    wait_acknowledging(lab, COPY_S)
    took = time.monotonic() - started
    rows = [lab.sql(node, "SELECT id, who FROM lab.clash ORDER BY id") for node in lab.nodes]
    check(all(found == rows[0] for found in rows), f"lab.clash differs: {rows}")
    check(f"error {number}" in worker_log(lab, name), f"{name} was filled again, but not for error {number}: {worker_log(lab, name)[-500:]}")
    return took


def divergence(number):
    def test(lab):
        primary = wait_whole(lab)
        lab.sql(primary, "CREATE TABLE IF NOT EXISTS lab.clash (id INT PRIMARY KEY, who VARCHAR(10)); DELETE FROM lab.clash; "
                         "INSERT INTO lab.clash VALUES (1, 'all')")
        wait_whole(lab)
        lab.wait_in_sync()
        with Trial(lab, expect_move=False, settle=COPY_S) as trial:
            took = clash(lab, others(lab, trial.before)[0], trial, number)
        return f"in sync {took:.1f} s after the primary's write; {trial.note}"
    return test


def own_transaction(lab):
    """The replica's own transaction is in its binary log; on MariaDB the next one of the primary is then out of order (1950)."""
    wait_whole(lab)
    with Trial(lab, expect_move=False, settle=COPY_S) as trial:
        name = others(lab, trial.before)[0]
        before = copies(lab, name)
        started = time.monotonic()
        wait_refilled(lab, name, diverge(lab, name, noticed_at_once=False))
        took = time.monotonic() - started
    check(copies(lab, name) > before, f"{name} came back without a copy")
    kept = lab.node(name).run("cat $(ls -d /var/lib/systole/db/set-aside-* | tail -n 1)/gtids")
    check(kept.ok and kept.stdout.strip(), f"what only {name} had was not set aside: {kept.stderr.strip()}")
    return f"in sync {took:.1f} s after it; set aside: {kept.stdout.strip()[:80]}; {trial.note}"


def own_in_an_election(lab):
    """The primary's server is killed when a replica has a transaction of its own and, on MariaDB, can apply nothing after it. The primary's node
    lives: with its report there are enough without the replica's. Without the rule nobody is promoted before an operator decides."""
    wait_whole(lab)
    with Trial(lab, settle=COPY_S) as trial:
        name = others(lab, trial.before)[0]
        diverge(lab, name, noticed_at_once=False)
        trial.application.wait_for_ack(after=time.monotonic())
        lab.fault("kill-mysqld", trial.before)
        trial.application.wait_for_ack(after=time.monotonic(), timeout=ELECTION_S)
    return trial.note


def without_clone(lab):
    """CLONE is refused, and what is installed on all nodes serves instead: on MySQL a stand-in for xtrabackup."""
    primary = wait_whole(lab)
    fill(lab, LITTLE_MB)
    account = lab.sql(primary, "SELECT user FROM mysql.user WHERE host = '%' AND repl_slave_priv = 'Y' LIMIT 1")[0][0]
    for node in lab.nodes:
        for program in ("xtrabackup", "xbstream"):
            with open(os.path.join(HERE, program), encoding="ascii") as file:
                node.run(f"cat > /usr/bin/{program} && chmod 755 /usr/bin/{program}", stdin=file.read(), check=True)
    lab.sql(primary, f"REVOKE BACKUP_ADMIN ON *.* FROM '{account}'@'%'")
    try:
        lab.wait_in_sync()
        with Trial(lab, expect_move=False, settle=COPY_S) as trial:
            name = others(lab, primary)[0]
            before = copies(lab, name)
            wait_refilled(lab, name, diverge(lab, name))
        check(copies(lab, name) > before, f"{name} came back without a copy")
    finally:
        lab.sql(lab.primary() or primary, f"GRANT BACKUP_ADMIN ON *.* TO '{account}'@'%'")
        for node in lab.live_nodes():
            node.run("rm -f /usr/bin/xtrabackup /usr/bin/xbstream")
    megabytes, seconds = copied_by(worker_log(lab, name))
    expect_everything(lab)
    return f"{name} was filled with files, {megabytes:.0f} MB in {seconds:.1f} s; {trial.note}"


def damaged_files(lab):
    """The disk has lost parts of InnoDB's own files while the server was down."""
    wait_whole(lab)
    with Trial(lab, expect_move=False, settle=COPY_S) as trial:
        name = others(lab, trial.before)[0]
        before = copies(lab, name)
        files = ["ibdata1", "mysql.ibd"] if lab.flavour.name == "mysql" else ["ibdata1"]
        write = "; ".join(f"dd if=/dev/urandom of={DATADIR}/{file} bs=16k seek=1 count=60 conv=notrunc" for file in files)
        lab.fault("kill-mysqld", name)
        lab.node(name).run(write, check=True)
        started = time.monotonic()
        lab.wait_until(lambda: copies(lab, name) > before or said(lab, name), COPY_S, f"{name} to be filled again", interval=0.2)
        wait_acknowledging(lab, COPY_S)
        took = time.monotonic() - started
    kept = lab.node(name).run(f"ls {DATADIR}/.systole-damaged/*/ibdata1").stdout.strip()
    check(kept, f"the damaged files of {name} were not kept")
    lab.node(name).run(f"rm -r {DATADIR}/.systole-damaged", check=True)
    return f"in sync {took:.1f} s after it; kept: {kept}; {trial.note}"


def percent(lab):
    """Slowed down, a copy can be watched: the node's attribute goes up in steps of ten, and is a replica's again at the end."""
    primary = wait_whole(lab)
    fill(lab, DATA_MB)
    set_parameters(lab, provision_rate=str(RATE_MB))
    try:
        wait_whole(lab)
        name = recipient_and_donor(lab)[0]
        schema = diverge(lab, name)
        seen = watch_percent(lab, name, primary)
        wait_refilled(lab, name, schema)
    finally:
        set_parameters(lab, provision_rate=None)
    wait_whole(lab)
    expect_everything(lab)
    check(seen == sorted(seen), f"the percent did not only go up: {seen}")
    check(all(step % 10 == 0 for step in seen), f"the percent did not go in steps of ten: {seen}")
    check(len(seen) >= STEPS, f"of a copy of {data_mb(lab, name):.0f} MB with {RATE_MB} MB/s crm_mon showed only {seen} percent")
    lab.wait_until(lambda: not asides(lab, name) or f"{asides(lab, name)}", 60, f"{name} to remove what the copy has replaced")
    return f"crm_mon showed {seen} percent of a copy with {RATE_MB} MB/s"


def watch_percent(lab, name, primary):
    """The steps that crm_mon has shown for the node, until it has its copy."""
    before, seen = copies(lab, name), []

    def ended():
        now = lab.primary()
        check(now == primary, f"the role went from {primary} to {now}, though only provision_rate was changed")
        found = re.fullmatch(r"provisioning (\d+)%", state_word(lab, name))
        if found and int(found[1]) not in seen[-1:]:
            seen.append(int(found[1]))
        log = worker_log(lab, name)
        return copies(lab, name) > before and re.search(r"worker: done", log[log.rfind("provisioning: copies from"):])
    lab.wait_until(lambda: bool(ended()) or said(lab, name), COPY_S, f"{name} to be filled again", interval=0.3)
    return seen


def tests(server):
    """MariaDB has no CLONE: there files are what comes first."""
    return TESTS + ([("where CLONE is refused, xtrabackup copies files", without_clone)] if server == "mysql" else [])


TESTS = [
    ("an errant transaction is mended by a copy", own_transaction),
    ("the primary dies while a replica has an errant transaction", own_in_an_election),
    ("error 1062 on a replica is mended by a copy", divergence("1062")),
    ("error 1032 on a replica is mended by a copy", divergence("1032")),
    ("files that are damaged are replaced by a copy, and kept", damaged_files),
    ("crm_mon shows the percent of a copy", percent),
]
