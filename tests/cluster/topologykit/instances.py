"""Two databases on the same nodes: what happens to one is nothing to the other."""
import dataclasses
import time
import xml.etree.ElementTree as ElementTree

from suite import check
from durabilitykit.look import others, words
from labkit import process, resources
from labkit.application import SETUP
from labkit.shell import read_text, write_text

PORT = 3307
DIRECTORY = "/var/lib/mysql2"       # in the nodes' memory, where O_DIRECT is not to be had
SOCKET = "/run/mysqld/second.sock"
SECOND_CNF = """[mysqld]
innodb_buffer_pool_size = 64M
innodb_flush_method = fsync
mysqlx = OFF
"""
LONGEST = 2.0                       # both share two processors


def second(lab, **params):
    spec = resources.systole(lab.flavour, config="/etc/mysql/second.cnf", datadir=DIRECTORY, socket=SOCKET, port=PORT,
                             pid="/run/mysqld/second.pid", log="/var/log/mysql/second.log", **params)
    return dataclasses.replace(spec, id="db2")


def address(lab):
    return lab.vip.rsplit(".", 1)[0] + ".52"


def configure(lab, ids=None, tickets=(), **params):
    """db2, with its address. `ids`: the first node's server_id; else they are the cluster's. `tickets`: databases whose role goes by one."""
    for at, node in enumerate(lab.nodes):
        text = SECOND_CNF if lab.flavour.name == "mysql" else SECOND_CNF.replace("mysqlx = OFF\n", "")
        text += f"server_id = {ids + at}\n" if ids else ""
        write_text(node.path("/etc/mysql/second.cnf"), text)
        node.run(["install", "-d", "-m", "750", "-o", "mysql", "-g", "mysql", DIRECTORY], check=True)
    top = ElementTree.Element("configuration")
    wanted = ElementTree.SubElement(top, "resources")
    wanted.append(resources.clone(second(lab, **params)))
    wanted.append(resources.virtual_ip(address(lab), "vip2"))
    constraints = resources.constraints(second(lab), "vip2")
    for db in tickets:
        ElementTree.SubElement(constraints, "rsc_ticket", {
            "id": f"{db}-ticket", "rsc": f"{db}-clone", "rsc-role": "Promoted", "ticket": db, "loss-policy": "demote"})
    top.append(constraints)
    lab.on_live_node(["cibadmin", "--modify", "--allow-create", "--scope", "configuration", "--xml-pipe"],
                     stdin=ElementTree.tostring(top, encoding="unicode"))


def create(lab):
    configure(lab)
    lab.wait_until(lambda: settled(lab), 180, "the second database to be up")
    lab.wait_until(lambda: acknowledged(lab), 180, "the replicas of the second database to be filled")


def settled(lab):
    """db2 is up everywhere, and its address is with its primary."""
    state = lab.state()
    primary, replicas = state.where("db2", "Promoted"), state.where("db2", "Unpromoted")
    return (len(primary) == 1 and len(replicas) == len(lab.nodes) - 1 and state.where("vip2", "Started") == primary) or f"{primary} {replicas}"


def acknowledged(lab):
    """All replicas of db2 acknowledge: none is being filled any more."""
    status = lab.sql(lab.primary("db2"), f"SHOW GLOBAL STATUS LIKE '{words(lab)['clients']}'", check=False, socket=SOCKET).stdout.split()
    return status[-1:] == [str(len(lab.nodes) - 1)] or f"replicas that acknowledge: {status}"


def servers(lab, datadir):
    """(pid, start time) of the servers that work in this directory, by node."""
    found = {}
    for node in lab.nodes:
        for who in node.processes("mysqld", "mariadbd"):
            if f"--datadir={datadir}" in read_text(f"/proc/{who[0]}/cmdline", "").split("\0"):
                found[node.name] = who
    return found


def apart(lab):
    """The primaries are on different nodes; the first one's server dies."""
    create(lab)
    try:
        primary = lab.wait_settled(120, failures_ok=True)
        other = others(lab, primary)[0]
        if lab.primary("db2") == primary:
            lab.move(other, "db2")
            lab.wait_until(lambda: lab.primary("db2") == other and settled(lab), 60, f"db2 to be promoted on {other}")
            lab.clear("db2")
        place = lab.primary("db2")
        check(place != primary, f"both primaries are on {place}")
        lab.sql(place, SETUP, socket=SOCKET)
        before = servers(lab, DIRECTORY)
        first, untouched = lab.start_writers(), lab.start_writers(host=address(lab), port=PORT)
        try:
            for application in (first, untouched):
                application.wait_for_ack(timeout=60)
            at = time.monotonic()
            process.send(servers(lab, "/var/lib/mysql")[primary], 9)
            lab.wait_until(lambda: lab.primary() in others(lab, primary), 60, "another node to be promoted")
            first.wait_for_ack(timeout=60)
            lab.wait_settled(120, failures_ok=True)
        finally:
            log, noted = first.stop(), untouched.stop()
        check(lab.primary("db2") == place, f"db2 went from {place} to {lab.primary('db2')}")
        check(servers(lab, DIRECTORY) == before, f"servers of db2: {before} before, {servers(lab, DIRECTORY)} after")
        pause = noted.longest_gap(after=at)
        check(pause < LONGEST, f"db2 paused for {pause:.2f} s")
        rows = {int(row[0]) for row in lab.sql(place, "SELECT id FROM lab.writes", socket=SOCKET)}
        check(not noted.lost(rows), f"db2 has lost {noted.lost(rows)[:5]}")
        return (f"db went from {primary} to {lab.primary()}, paused for {log.longest_gap(after=at):.2f} s; db2 on {place} paused for "
                f"{pause:.2f} s, its servers ran on; acknowledged {len(log.acked)} and {len(noted.acked)}, lost 0")
    finally:
        remove(lab)


def stop(lab):
    lab.on_live_node(["crm_resource", "--resource", "db2-clone", "--meta", "--set-parameter", "target-role", "--parameter-value", "Stopped"])
    lab.wait_until(lambda: not servers(lab, DIRECTORY), 60, "the second database to stop")


def remove(lab):
    stop(lab)
    for kind, name in (("rsc_colocation", "vip2-with-primary"), ("rsc_order", "vip2-after-promote"), ("rsc_order", "vip2-after-demote"),
                       ("primitive", "vip2"), ("clone", "db2-clone")):
        lab.on_live_node(["cibadmin", "--delete", "--xml-text", f'<{kind} id="{name}"/>'])
    for node in lab.nodes:
        node.run(f"rm -rf {DIRECTORY} /var/lib/systole/db2; attrd_updater --private -n systole-db2 -D; "
                 "attrd_updater --private -n systole-db2-report -D; true", check=True)
    lab.on_live_node("crm_attribute --type crm_config --name systole-db2 --delete; true")
    lab.cleanup()


TESTS = [("two databases on the same nodes", apart)]
