"""Binary logs are kept for a node that is away, within limits, and expire as the option file says otherwise."""
import time

from suite import check
from durabilitykit.hands import copies
from durabilitykit.look import others, set_parameters, wait_acknowledging, wait_whole

EXPIRY_S = 2            # of the option file in these tests: soon
LOOK_S = 45             # the nodes look at each other every 30 s
ROTATIONS = 4
LIMIT = 256 * 1024      # bytes

VARIABLE = {            # what keeps a server from purging, and its value while it does not
    "mariadb": ("binlog_expire_logs_seconds", str(EXPIRY_S)),
    "mysql": ("binlog_expire_logs_auto_purge", "1"),
}


def standby(lab, name, on):
    lab.on_live_node(["crm_attribute", "--node", name, "--name", "standby", *(["--update", "on"] if on else ["--delete"])])
    if on:
        lab.wait_until(lambda: not lab.node(name).mysqld(), 60, f"the server of {name} to end")


def wait_for_expiry(lab, names, expires):
    """Until these servers purge their binary logs by themselves, or do not. Returns how long it took."""
    variable, value = VARIABLE[lab.flavour.name]
    wanted = value if expires else "0"
    started = time.monotonic()

    def reached():
        seen = {name: lab.sql(name, f"SELECT @@GLOBAL.{variable}")[0][0] for name in names}
        return set(seen.values()) == {wanted} or str(seen)
    lab.wait_until(reached, LOOK_S, f"{variable} to be {wanted} on {' and '.join(names)}", interval=0.5)
    return time.monotonic() - started


def binary_logs(lab, name):
    """Names and sizes, the oldest first."""
    return [(row[0], int(row[1])) for row in lab.sql(name, "SHOW BINARY LOGS")]


def rotate(lab, names, times=1):
    """Rotates, with more time between than logs are kept for: each rotation purges what has expired."""
    for _ in range(times):
        time.sleep(EXPIRY_S + 1)
        for name in names:
            lab.sql(name, "FLUSH BINARY LOGS")


def in_the_way(lab, name):
    """What keeps a server from purging: who reads its binary logs, and backup locks."""
    queries = ("SELECT id, host, time, state FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'",
               f"SELECT '{VARIABLE[lab.flavour.name][0]}', @@GLOBAL.{VARIABLE[lab.flavour.name][0]}",
               "SELECT object_type, lock_type, lock_status FROM performance_schema.metadata_locks WHERE object_type LIKE 'BACKUP%'")
    answers = (lab.sql(name, query, check=False) for query in queries)
    return "; ".join(" ".join(answer.stdout.split()) for answer in answers if answer.ok and answer.stdout.strip())


def wait_for_purge(lab, name, log):
    def purged():
        rotate(lab, [name])
        left = [file for file, _ in binary_logs(lab, name)]
        return log not in left or f"{len(left)} are left, from {left[0]} on; {in_the_way(lab, name)}"
    lab.wait_until(purged, 30, f"{log} to be purged on {name}")


def begin(lab, **parameters):
    """A short expiry, which is in force on all nodes once they have seen each other. Returns the primary, and a replica."""
    set_parameters(lab, **parameters)       # by itself: it would overtake the restarts of the next
    set_parameters(lab, additional_parameters=f"--binlog-expire-logs-seconds={EXPIRY_S}")
    primary = wait_whole(lab)
    wait_for_expiry(lab, [node.name for node in lab.nodes], True)
    rotate(lab, [primary], 2)
    return primary, others(lab, primary)[0]


def away(lab, name):
    """Puts a node into standby. Returns those that stay, and how long it took until they all keep their logs."""
    standby(lab, name, True)
    stay = others(lab, name)
    return stay, wait_for_expiry(lab, stay, False)


def kept_for_a_missing_node(lab):
    """A replica is down while the primary writes several binary logs, which would have expired: it returns without a copy."""
    primary, name = begin(lab)
    copies_before = copies(lab, name)
    try:
        stay, held = away(lab, name)
        oldest = {node: binary_logs(lab, node)[0][0] for node in stay}
        with lab.start_writers() as application:
            application.wait_for_ack()
            rotate(lab, stay, ROTATIONS)
            application.wait_for_ack(after=time.monotonic())
        for node in stay:
            left = binary_logs(lab, node)
            check(left[0][0] == oldest[node], f"{node} has purged {oldest[node]} while {name} was away: {left}")
            check(len(left) > ROTATIONS, f"{node} has only {left} after {ROTATIONS} rotations")
        standby(lab, name, False)
        wait_acknowledging(lab)
        check(wait_whole(lab) == primary, "the role has moved")
        check(copies(lab, name) == copies_before, f"{name} was filled by a copy")
        back = wait_for_expiry(lab, [node.name for node in lab.nodes], True)
        for node in stay:
            wait_for_purge(lab, node, oldest[node])
    finally:
        standby(lab, name, False)
        set_parameters(lab, additional_parameters=None)
    return f"kept after {held:.0f} s, {name} came back without a copy, expire again after {back:.0f} s"


def limit_reached(lab):
    """Binary logs that are larger than binlog_keep_size together expire although a node is missing."""
    primary, name = begin(lab, binlog_keep_size=str(LIMIT))
    try:
        stay, _held = away(lab, name)
        oldest = binary_logs(lab, primary)[0][0]
        with lab.start_writers() as application:
            application.wait_for_ack()
            lab.wait_until(lambda: sum(size for _, size in binary_logs(lab, primary)) > LIMIT, 60, f"{LIMIT} bytes of binary logs")
        took = wait_for_expiry(lab, [primary], True)
        wait_for_purge(lab, primary, oldest)
        rotate(lab, [primary], 2)
        wait_for_expiry(lab, [primary], False)          # small again, and the node is still missing
    finally:
        standby(lab, name, False)
        set_parameters(lab, binlog_keep_size=None)
        set_parameters(lab, additional_parameters=None)
    wait_whole(lab)
    return f"{primary} let them go {took:.0f} s after there were more than {LIMIT >> 10} KiB, with {len(stay)} of {len(lab.nodes)} nodes up"


TESTS = [
    ("a replica that was down while the primary wrote several binary logs returns without a copy", kept_for_a_missing_node),
    ("beyond the limit the logs go", limit_reached),
]
