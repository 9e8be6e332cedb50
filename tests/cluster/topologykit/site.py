"""A second site: here a second clone on the same nodes, with servers, addresses and a ticket of its own. Pacemaker knows no more of booth
than whether a ticket is granted."""
import time

from suite import check
from labkit import resources
from topologykit import instances, reads
from topologykit.instances import DIRECTORY, PORT, SOCKET, servers

SITES = {"db": (3306, resources.SOCKET, "53"), "db2": (PORT, SOCKET, "54")}


def other(db):
    return "db2" if db == "db" else "db"


def address(lab, db):
    """(host, port) under which the other site reaches this one."""
    port, _socket, last = SITES[db]
    return lab.vip.rsplit(".", 1)[0] + "." + last, port


def ticket(lab, db, what):
    """--grant or --revoke, as booth does it."""
    lab.on_live_node(["crm_ticket", "--ticket", db, what, "--force"])


def ask(lab, db, name, query):
    return lab.sql(name, query, check=False, socket=SITES[db][1], timeout=30)


def rows(lab, db, name):
    return {int(row) for row in ask(lab, db, name, "SELECT id FROM lab.writes").stdout.split()}


def source(lab, db, name):
    """(host, port) that this server replicates from, when both threads run."""
    statement = "SHOW SLAVE STATUS" if lab.flavour.name == "mariadb" else "SHOW REPLICA STATUS"
    row = ask(lab, db, name, statement).stdout.rstrip("\n").split("\t")
    return (row[1], int(row[3])) if row[10:12] == ["Yes", "Yes"] else None


def replicates(lab, db):
    """This site replicates from the other one, each node or by a neighbour that does, and everybody has the same rows."""
    elsewhere, port, names = address(lab, other(db)), SITES[db][0], [node.name for node in lab.nodes]
    sources = {name: source(lab, db, name) for name in names}
    if elsewhere not in sources.values() or not all(one == elsewhere or one in [(name, port) for name in names] for one in sources.values()):
        return f"sources: {sources}"
    seen = {frozenset(rows(lab, db, name)) for name in names}
    home = lab.primary(other(db))
    if home:
        seen.add(frozenset(rows(lab, other(db), home)))
    return len(seen) == 1 or f"rows: {sorted(len(one) for one in seen)}"


def acknowledging(lab, db):
    """Replicas that acknowledge to this site's primary."""
    name = "Rpl_semi_sync_source_clients" if lab.flavour.name == "mysql" else "Rpl_semi_sync_master_clients"
    return int(ask(lab, db, lab.primary(db), f"SHOW GLOBAL STATUS LIKE '{name}'").stdout.split()[-1])


def create(lab):
    """db gets an address for the other site and a ticket; db2 is the other site, with empty nodes."""
    ticket(lab, "db", "--grant")
    instances.configure(lab, ids=101, tickets=SITES, other_site="{}:{}".format(*address(lab, "db")))
    for db in SITES:
        reads.create(lab, "reads-" + db, db, address(lab, db)[0])
    lab.on_live_node(["crm_resource", "--resource", "db", "--set-parameter", "other_site", "--parameter-value",
                      "{}:{}".format(*address(lab, "db2"))])


def names(lab, db, role):
    return lab.state().where(db, role)


def said(lab):
    """db2-state of each node; an attribute that no node has is an error to attrd_updater, and here only a text."""
    asked = lab.nodes[0].run(["attrd_updater", "--query", "--all", "--name", "db2-state"])
    return asked.stdout + asked.stderr


def filled(lab):
    """db2 is made, and filled over the first one's address; nobody of it acknowledges there, and the first one notices nothing of it."""
    application = lab.start_writers()
    try:
        application.wait_for_ack(timeout=60)
        at = time.monotonic()
        create(lab)
        lab.wait_until(lambda: len(names(lab, "db2", "Unpromoted")) == 3, 180, "db2 to be started")
        time.sleep(5)
    finally:
        log = application.stop()
    lab.wait_until(lambda: replicates(lab, "db2"), 180, "db2 to replicate from db")
    took, pause = time.monotonic() - at, log.longest_gap(after=at)
    check(not names(lab, "db2", "Promoted"), "db2 was promoted without its ticket")
    check(acknowledging(lab, "db") == 2, f"{acknowledging(lab, 'db')} replicas acknowledge to db")
    check(pause < 1.0, f"the first site's writes paused for {pause:.2f} s")
    lab.wait_until(lambda: said(lab).count("replica of the other site") == 3 or said(lab), 30, "crm_mon to say so")
    return f"filled and in sync after {took:.1f} s, the first site's longest pause meanwhile {pause:.2f} s"


def fails_over(lab):
    """The first site's primary dies, and the second goes with its address."""
    application = lab.start_writers()
    try:
        application.wait_for_ack(timeout=60)
        primary = lab.primary()
        lab.fault("kill-mysqld", primary)
        lab.wait_until(lambda: lab.primary() not in (None, primary), 60, "another node to be promoted")
        application.wait_for_ack(after=time.monotonic(), timeout=60)
    finally:
        log = application.stop()
    at = time.monotonic()
    lab.wait_until(lambda: replicates(lab, "db2"), 60, "db2 to have everything")
    check(not log.lost(rows(lab, "db2", lab.nodes[0].name)), "acknowledged writes are missing at the second site")
    return f"{primary} -> {lab.primary()}; db2 has everything {time.monotonic() - at:.1f} s later"


def promoted(lab, db):
    """Seconds from the ticket's grant to a primary."""
    at = time.monotonic()
    ticket(lab, db, "--grant")
    lab.wait_until(lambda: lab.primary(db) is not None, 60, f"{db} to be promoted")
    return time.monotonic() - at


def planned(lab):
    """The role goes from one site to the other: nothing is lost, and the first one becomes the second."""
    application = lab.start_writers()
    try:
        application.wait_for_ack(timeout=60)
        ticket(lab, "db", "--revoke")
        lab.wait_until(lambda: not names(lab, "db", "Promoted"), 60, "db to give its role up")
    finally:
        log = application.stop()
    lab.wait_until(lambda: replicates(lab, "db2"), 60, "db2 to have the rest")
    took = promoted(lab, "db2")
    check(not log.lost(rows(lab, "db2", lab.primary("db2"))), "acknowledged writes are missing at the second site")
    writes = lab.start_writers(host=instances.address(lab), port=PORT)
    try:
        writes.wait_for_ack(timeout=60)
        time.sleep(1)
    finally:
        log = writes.stop()
    lab.wait_until(lambda: replicates(lab, "db"), 60, "db to replicate from db2")
    check(acknowledging(lab, "db2") == 2, f"{acknowledging(lab, 'db2')} replicas acknowledge to db2")
    check(not log.lost(rows(lab, "db", lab.nodes[0].name)), "acknowledged writes are missing at the first site")
    check(not names(lab, "db", "Promoted"), "db is promoted without its ticket")
    return f"db2 was promoted after {took:.1f} s, and db replicates from it; acknowledged {len(log.acked)}, lost 0"


def disaster(lab):
    """The active site is cut off, takes writes, and is gone. The other one is promoted. What it lacks, the first keeps until it is told to
    give it up."""
    lab.on_live_node(["crm_resource", "--resource", "reads-db2", "--meta", "--set-parameter", "target-role", "--parameter-value", "Stopped"])
    lab.wait_until(lambda: not names(lab, "reads-db2", "Started"), 60, "the address of db2 to be gone")
    unseen = lab.start_writers(host=instances.address(lab), port=PORT)
    try:
        unseen.wait_for_ack(timeout=60)
        time.sleep(1)
    finally:
        alone = unseen.stop()
    lab.on_live_node(["crm_resource", "--resource", "db2-clone", "--meta", "--set-parameter", "target-role", "--parameter-value", "Stopped"])
    lab.wait_until(lambda: not servers(lab, DIRECTORY), 60, "db2 to be gone")
    ticket(lab, "db2", "--revoke")
    took = promoted(lab, "db")
    writes = lab.start_writers()
    try:
        writes.wait_for_ack(timeout=60)
        for resource in ("reads-db2", "db2-clone"):
            lab.on_live_node(["crm_resource", "--resource", resource, "--meta", "--delete-parameter", "target-role"])
        lab.wait_until(lambda: said(lab).count("diverged") == 3 or said(lab), 120, "db2 to be back, and diverged")
    finally:
        log = writes.stop()
    for node in lab.nodes:
        check(not alone.lost(rows(lab, "db2", node.name)), f"{node.name} has given up what db2 has acknowledged")
    back = time.monotonic()
    for node in lab.nodes:
        lab.on_live_node(["crm_attribute", "--node", node.name, "--lifetime", "reboot", "--name", "systole-db2-fill", "--update", "yes"])
    lab.wait_until(lambda: replicates(lab, "db2"), 120, "db2 to follow db")
    check(not log.lost(rows(lab, "db2", lab.nodes[0].name)), "acknowledged writes are missing at the second site")
    return (f"promoted after {took:.1f} s; the site that had gone kept its own {len(alone.acked)} writes, and was filled again when told to, "
            f"{time.monotonic() - back:.1f} s")


def removed(lab):
    """The tests after these know one database without a ticket. The addresses go last: a server whose replica is behind one that has gone
    writes to it for a minute (net_write_timeout), also when it is to stop."""
    instances.stop(lab)
    for db in SITES:
        reads.remove(lab, "reads-" + db, db)
        lab.on_live_node(["cibadmin", "--delete", "--xml-text", f'<rsc_ticket id="{db}-ticket"/>'])
    lab.on_live_node(["crm_resource", "--resource", "db", "--delete-parameter", "other_site"])
    instances.remove(lab)
    lab.wait_settled(120, failures_ok=True)


def two_sites(lab):
    """One after the other: each finds the sites as the one before has left them."""
    try:
        return "; ".join(step(lab) for step in (filled, fails_over, planned, disaster))
    finally:
        removed(lab)


TESTS = [("a second site", two_sites)]
