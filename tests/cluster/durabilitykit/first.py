"""The first start of a resource whose data directories hold something already."""
import threading
import time

from suite import check, wait_in_sync

from .look import DATADIR, wait_for_sentence

SERVER = {      # how an administrator initialises a data directory, and runs the server on it
    "mariadb": ("mariadb-install-db --no-defaults --user=mysql --datadir={0} --auth-root-authentication-method=socket --skip-test-db",
                "mariadbd --no-defaults"),
    "mysql": ("mysqld --no-defaults --initialize-insecure --user=mysql --datadir={0} --log-error=/tmp/by-hand.log",
              "mysqld --no-defaults --gtid-mode=ON --enforce-gtid-consistency=ON --mysqlx=OFF"),
}
OPTIONS = ("--user=mysql --datadir={0} --socket=/run/mysqld/mysqld.sock --log-bin=binlog --skip-networking --server-id={1} "
           "--log-error=/tmp/by-hand.log")


def start_over(lab):
    """No resource, no state of an earlier one, empty data directories; the nodes stay up."""
    lab.on_live_node("cibadmin --delete-all --force --xpath '//rsc_colocation[@id=\"vip-with-primary\"]'; "
                     "cibadmin --delete-all --force --xpath '//rsc_order[@then=\"vip\"]'; "
                     "cibadmin --delete-all --force --xpath '//primitive[@id=\"vip\"]'; "
                     "cibadmin --delete-all --force --xpath '//clone[@id=\"db-clone\"]'")

    def gone():
        state = lab.state()
        return not any(node.mysqld() for node in lab.nodes) and not state.roles.get("db") and not state.roles.get("vip")
    lab.wait_until(gone, 90, "the resources to be gone")
    lab.on_live_node("crm_resource --cleanup; crm_attribute --type crm_config --name systole-db --delete; true", timeout=60)
    for node in lab.nodes:
        node.run(f"rm -rf {DATADIR}/* {DATADIR}/.systole* /var/lib/systole/db /run/systole; "
                 "attrd_updater --private -n systole-db -D; attrd_updater --private -n systole-db-report -D; true", check=True)


def by_hand(lab, name, *statements, initialise=True):
    """Runs a server without the cluster, and shuts it down properly."""
    initialisation, server = SERVER[lab.flavour.name]
    node = lab.node(name)
    node.run("mkdir -p /run/mysqld; chown mysql: /run/mysqld", check=True)
    if initialise:
        node.run(initialisation.format(DATADIR), timeout=60, check=True)
    options = OPTIONS.format(DATADIR, node.number)
    node.run(f"setsid {server} {options} > /tmp/by-hand.out 2>&1 < /dev/null &", check=True)
    lab.wait_until(lambda: lab.sql(name, "SELECT 1", check=False).ok, 60, f"the server of {name} to answer")
    for statement in statements:
        lab.sql(name, statement)
    lab.sql(name, "SHUTDOWN")
    lab.wait_until(lambda: not node.mysqld(), 60, f"the server of {name} to end")


def copy_data(lab, source, target):
    """A copy of a data directory at rest, as rsync would make it."""
    archive = "/run/systole-lab/data.tar"           # in the directory that the nodes share
    lab.node(source).run(f"tar -C {DATADIR} -cf {archive} .", timeout=60, check=True)
    lab.node(target).run(f"tar -C {DATADIR} -xf {archive} && rm -f {archive} {DATADIR}/auto.cnf", timeout=60, check=True)


def shop(rows):
    return ["CREATE DATABASE IF NOT EXISTS shop", "CREATE TABLE IF NOT EXISTS shop.items (id INT PRIMARY KEY)",
            *(f"INSERT INTO shop.items VALUES ({row})" for row in rows)]


def expect_items(lab, wanted):
    def reached():
        found = {}
        for node in lab.nodes:
            result = lab.sql(node, "SELECT COUNT(*) FROM shop.items", check=False)
            found[node.name] = result.stdout.strip() if result.ok else result.stderr.strip()[-100:]
        return set(found.values()) == {str(wanted)} or str(found)
    lab.wait_until(reached, 120, f"all nodes to have the {wanted} rows that were there before", interval=0.5)


def serve(lab, wanted):
    started = time.monotonic()
    lab.resource()
    primary = lab.wait_settled(180, failures_ok=True)
    took = time.monotonic() - started
    expect_items(lab, wanted)
    lab.set_up_application()
    with lab.start_writers() as application:
        application.wait_for_ack(timeout=60)
    wait_in_sync(lab)
    return primary, f"{primary} is the primary after {took:.1f} s; {wanted} rows are on all nodes"


def called_off(lab):
    """Attributes change all the while, and Pacemaker calls its plans off: between an election and its promotion, too. The next election finds
    empty nodes that wait for the primary of the one before."""
    start_over(lab)
    ended = threading.Event()

    def change():
        number = 0
        while not ended.wait(0.03):
            number += 1
            lab.nodes[0].run(["attrd_updater", "--name", "weather", "--update", str(number)])
    changes = threading.Thread(target=change)
    started = time.monotonic()
    lab.resource()
    changes.start()
    try:
        lab.wait_until(lambda: len(lab.state().where("db", "Unpromoted")) + len(lab.state().where("db", "Promoted")) == len(lab.nodes), 60,
                       "the servers to be started")
        time.sleep(2)
    finally:
        ended.set()
        changes.join()
        lab.nodes[0].run(["attrd_updater", "--name", "weather", "--delete"])
    quiet = time.monotonic()
    primary = lab.wait_settled(60, failures_ok=True)
    failed = [line.strip() for line in lab.on_live_node(["crm_mon", "-1"]).stdout.splitlines() if "promote on" in line]
    check(not failed, f"a promotion has failed: {failed}")
    lab.set_up_application()
    wait_in_sync(lab)
    return f"{primary} is the primary after {quiet - started:.1f} s of changes, and {time.monotonic() - quiet:.1f} s"


def data_on_one(lab):
    start_over(lab)
    by_hand(lab, "node2", *shop(range(5)))
    primary, note = serve(lab, 5)
    check(primary == "node2", f"{primary} was promoted, but the data were on node2")
    return note


def data_on_two(lab):
    """One has what the other has, and more."""
    start_over(lab)
    by_hand(lab, "node3", *shop(range(5)))
    copy_data(lab, "node3", "node1")
    by_hand(lab, "node3", *shop(range(5, 8)), initialise=False)
    return serve(lab, 8)[1]


def data_on_all(lab):
    start_over(lab)
    by_hand(lab, "node1", *shop(range(5)))
    for target in ("node2", "node3"):
        copy_data(lab, "node1", target)
    by_hand(lab, "node2", *shop(range(5, 7)), initialise=False)
    return serve(lab, 7)[1]


def diverged(lab):
    """Two nodes with data that the other lacks: nobody is promoted, and crm_mon says who has what."""
    start_over(lab)
    by_hand(lab, "node1", *shop(range(5)))
    by_hand(lab, "node2", *shop(range(7)))
    lab.resource()
    try:
        said = wait_for_sentence(lab, r"node[12] has .*(which this node lacks|diverged)", 60, "crm_mon to say who has what")
        # crm_mon shows an instance as promoted while a promotion that has failed is being undone: the servers themselves say it.
        opened = [name for name in ("node1", "node2", "node3")
                  if lab.sql(name, "SELECT @@GLOBAL.read_only", check=False).stdout.strip() == "0"]
        check(not opened, f"{opened} take writes")
    finally:
        lab.cleanup()
    # As the guide says: keep the one that counts, empty the others.
    for name in ("node1", "node3"):
        lab.on_live_node(["crm_attribute", "--node", name, "--name", "standby", "--update", "on"])
        lab.wait_until(lambda name=name: not lab.node(name).mysqld(), 60, f"the server of {name} to end")
        lab.node(name).run(f"rm -rf {DATADIR}/*", check=True)
        lab.on_live_node(["crm_attribute", "--node", name, "--name", "standby", "--delete"])
    lab.cleanup()
    lab.wait_settled(180, failures_ok=True)
    expect_items(lab, 7)
    lab.set_up_application()
    wait_in_sync(lab)
    return repr(said)


TESTS = [
    ("first start with elections that are called off", called_off),
    ("first start with data on one node", data_on_one),
    ("first start with data on two nodes, one ahead", data_on_two),
    ("first start with data on all nodes", data_on_all),
    ("first start with diverged data on two nodes", diverged),
]
