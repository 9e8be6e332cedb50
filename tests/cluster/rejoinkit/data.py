"""A data set of a chosen size, what makes a replica diverge, and the proof that a node has everything again."""
import os
import re
import time
import xml.etree.ElementTree as ElementTree

from suite import LabError, check, wait_in_sync
from durabilitykit.hands import copies
from durabilitykit.look import DATADIR, others, wait_acknowledging, words

ROW_MB = 1
BATCH = 32              # rows of one transaction
COPY_S = 240            # a copy that was disturbed, its pauses between attempts, and a failover
WORKER_LOG = "/var/lib/systole/db/worker.log"
PROGRESS = "/run/systole/db/progress"


def fill(lab, megabytes):
    """Until the table of large rows has that many megabytes on all nodes. The binary log holds statements, so only the table gets large."""
    primary = lab.primary()
    lab.sql(primary, "CREATE TABLE IF NOT EXISTS lab.bulk (id INT PRIMARY KEY, data LONGBLOB NOT NULL) ENGINE=InnoDB")
    have = int(lab.sql(primary, "SELECT COUNT(*) FROM lab.bulk")[0][0])
    for first in range(have, megabytes // ROW_MB, BATCH):
        rows = ", ".join(f"({row}, REPEAT(SHA2({row}, 256), {ROW_MB << 14}))" for row in range(first, min(first + BATCH, megabytes // ROW_MB)))
        lab.sql(primary, f"USE lab; SET SESSION binlog_format = 'STATEMENT'; INSERT INTO bulk VALUES {rows}", timeout=120)
    wait_acknowledging(lab)
    lab.wait_in_sync(timeout=300)


def bulk_of(lab, name):
    """Rows and checksum of the table of large rows."""
    return lab.sql(name, "SELECT COUNT(*), COALESCE(SUM(CRC32(data)), 0) FROM lab.bulk", timeout=180)[0]


def expect_everything(lab):
    """All nodes have the same large rows, too."""
    found = {node.name: tuple(bulk_of(lab, node.name)) for node in lab.nodes}
    check(len(set(found.values())) == 1, f"the large tables differ (rows, checksum): {found}")


def data_mb(lab, name):
    """Of the files that a copy has to move."""
    found = lab.node(name).run(f"find {DATADIR} -xdev -name '.?*' -prune -o -name 'binlog.*' -prune -o -name '*relay*' -prune -o -type f -printf '%s\\n'",
                               check=True)
    return sum(int(size) for size in found.stdout.split()) / (1 << 20)


# Divergence

STOP_RECEIVER = {"mariadb": "STOP SLAVE IO_THREAD", "mysql": "STOP REPLICA IO_THREAD"}


def write_on(lab, name, statements):
    """On a replica, which is opened for that. Its monitor may close it again in the middle, so they must bear to be repeated."""
    for attempt in range(5):
        try:
            return lab.sql(name, f"{words(lab)['open']}; {statements}" if lab.flavour.name == "mysql" else statements)
        except LabError as refused:
            if attempt == 4 or "ERROR 1290" not in str(refused):
                raise


def diverge(lab, name, noticed_at_once=True):
    """A replica writes a table of its own: a transaction that nobody else has. Returns the schema. A replica that replicates is compared with its
    primary twice a minute, and one that is to be connected again at once."""
    schema = f"errant_{time.monotonic_ns() // 1000000}"
    write_on(lab, name, f"CREATE DATABASE IF NOT EXISTS {schema}; CREATE TABLE IF NOT EXISTS {schema}.own (id INT PRIMARY KEY); "
                        f"REPLACE INTO {schema}.own VALUES (1)")
    if noticed_at_once:
        lab.sql(name, STOP_RECEIVER[lab.flavour.name])
    return schema


def schema_is_there(lab, name, schema):
    """True, False, or None when the server does not answer."""
    found = lab.sql(name, f"SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{schema}'", check=False)
    return found.stdout.strip() == "1" if found.ok else None


def wait_refilled(lab, name, schema, timeout=COPY_S):
    """Until the node's own transaction is gone, and it acknowledges again like all others."""
    lab.wait_until(lambda: schema_is_there(lab, name, schema) is False or progress(lab, name) or said(lab, name), timeout,
                   f"{name} to be filled again", interval=0.2)
    wait_acknowledging(lab, timeout)


def progress(lab, name):
    return lab.node(name).run(["cat", PROGRESS]).stdout.strip()


def shown(lab, *options):
    """What crm_mon says on a node that has a cluster; a node that has just been switched on has none yet."""
    answers = (node.run(["crm_mon", "-1", "-A", "-r", *options]) for node in lab.answering_nodes())
    return next((answer.stdout for answer in answers if answer.ok), "")


def said(lab, name):
    """The sentences about a node in crm_mon, in one line."""
    text = shown(lab)
    return " | ".join(line.strip() for line in text[text.find("Failed Resource Actions"):].splitlines() if name in line)[-400:]


def state_word(lab, name):
    """A node's attribute db-state as crm_mon shows it; '' when it has none."""
    text = shown(lab, "--output-as=xml")
    found = ElementTree.fromstring(text).find(f"./node_attributes/node[@name='{name}']/attribute[@name='db-state']") if text else None
    return found.get("value", "") if found is not None else ""


def worker_log(lab, name):
    return lab.node(name).run(["cat", WORKER_LOG]).stdout


def asides(lab, name):
    """Directories of data that a copy has replaced, or is about to replace."""
    found = lab.node(name).run(f"ls -d {DATADIR}/.systole-set-aside* {DATADIR}/.systole-copy 2> /dev/null").stdout
    return [os.path.basename(path) for path in found.split()]


def wait_for_worker(lab, name, marker="worker"):
    """A re-provision begins with the worker that detaches itself; its donor has one, too."""
    lab.wait_until(lambda: worker_is_there(lab, name, marker), 60, f"the {marker} of {name} to begin", interval=0.02)


# A marker names a process by its number and its start; what is left of one that has died names nobody.
MARKED = 'read -r pid start rest < /run/systole/db/{} && [ "$(cut -d " " -f 22 /proc/$pid/stat)" = "$start" ]'


def worker_is_there(lab, name, marker="worker"):
    return lab.node(name).run(MARKED.format(marker)).ok


def refill(lab, name):
    """One copy that nobody disturbs. Returns how long its worker was there, and all from the divergence to the node that acknowledges again."""
    before = copies(lab, name)
    started = time.monotonic()
    schema = diverge(lab, name)
    wait_for_worker(lab, name)
    working = time.monotonic()
    lab.wait_until(lambda: not worker_is_there(lab, name), COPY_S, f"the worker of {name} to end", interval=0.1)
    worked = time.monotonic() - working
    wait_refilled(lab, name, schema)
    took = time.monotonic() - started
    check(copies(lab, name) > before, f"{name} came back without a copy, though it had a transaction of its own")
    wait_in_sync(lab)
    expect_everything(lab)
    return worked, took


def recipient_and_donor(lab):
    """Two replicas: the one that is to be filled, and the one that will be asked first."""
    primary = lab.primary()
    check(primary, "there is no primary")
    return others(lab, primary)[:2]


def copied_by(log):
    """Of the last copy of files in a worker's log: (megabytes, seconds)."""
    found = re.findall(r"provisioning: copied (\d+) MB in ([\d.]+) s", log)
    check(found, f"worker.log does not say how much was copied, and how long it took: {log[-500:]}")
    megabytes, seconds = found[-1]
    return int(megabytes), float(seconds)
