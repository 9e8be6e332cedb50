"""Six nodes: a primary and two replicas that vote, a node in between that does not, and two leaves below it."""
import re
import time

from suite import Trial, check, wait_in_sync
from durabilitykit.look import expect_nobody_open, wait_for_sentence, words
from durabilitykit.voters import wait_for_voters
from labkit.shell import read_text
from topologykit.maintenance import hands_off

VOTERS, BETWEEN, LEAVES = ("node1", "node2", "node3"), "node4", ("node5", "node6")
ATTACH_S = 30
LATE_S = 8
ALONE_S = 8.0           # a node that dies, its fencing, and two seconds


def name_source(lab, name, source):
    """For good, as an administrator does it; None: it votes."""
    what = ["--update", source] if source else ["--delete"]
    lab.on_live_node(["crm_attribute", "--node", name, "--name", "systole-db-source", *what])


def source_of(lab, name):
    """Whom it replicates from, when both of its threads run."""
    statement = "SHOW SLAVE STATUS" if lab.flavour.name == "mariadb" else "SHOW REPLICA STATUS"
    result = lab.sql(name, statement, check=False)
    row = result.stdout.rstrip("\n").split("\t") if result.ok and result.stdout.strip() else []
    return row[1] if len(row) > 11 and (row[10], row[11]) == ("Yes", "Yes") else None


def wait_sources(lab, wanted, timeout=ATTACH_S):
    """Seconds until each of these nodes replicates from the one that is wanted."""
    started = time.monotonic()

    def reached():
        found = {name: source_of(lab, name) for name in wanted}
        return found == wanted or f"they replicate from {found}"
    lab.wait_until(reached, timeout, f"the sources {wanted}", interval=0.2)
    return time.monotonic() - started


def as_named(primary):
    return {**{name: primary for name in (*VOTERS, BETWEEN) if name != primary}, **{leaf: BETWEEN for leaf in LEAVES}}


def dumps(lab, name):
    """The sessions of those that replicate from it."""
    return {row[0] for row in lab.sql(name, "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")}


def refills(lab, name):
    """What it had when its primary died, nobody had acknowledged, and the next one lacks: each time that it was filled again for that."""
    text = read_text(lab.node(name).path("/var/lib/systole/db/worker.log"), "")
    return re.findall(r"diverged: has (\S+) which the primary \S+ lacks; it is filled again", text)


def acknowledges(lab, name):
    return str(lab.sql(name, f"SELECT @@GLOBAL.{words(lab)['replica']}")[0][0])


def start(lab):
    name_source(lab, BETWEEN, "primary")
    for leaf in LEAVES:
        name_source(lab, leaf, BETWEEN)
    lab.resource()
    primary = lab.wait_settled(180, failures_ok=True)
    lab.set_up_application()
    wait_in_sync(lab)
    check(primary in VOTERS, f"{primary} is the primary, and does not vote")
    took = wait_sources(lab, as_named(primary), 60)
    found = {node.name: acknowledges(lab, node.name) for node in lab.nodes if node.name != primary}
    check(all((found[name] == "1") == (name in VOTERS) for name in found), f"who acknowledges: {found}")
    return f"{primary} is the primary, the record is {wait_for_voters(lab, VOTERS, 3)}; the leaves were attached {took:.1f} s later"


def of_voter(_lab, primary):
    return next(name for name in VOTERS if name != primary)


def of_primary(_lab, primary):
    return primary


def of_between(_lab, _primary):
    return BETWEEN


def of_leaf(_lab, _primary):
    return LEAVES[0]


def killed(fault, whose):
    """It dies, and what must move moves; when it has returned everything is as the attributes say."""
    def test(lab):
        primary = lab.wait_settled(120, failures_ok=True)
        wait_sources(lab, as_named(primary))
        victim, moved, below, before = whose(lab, primary), [], dumps(lab, BETWEEN), refills(lab, BETWEEN)
        with Trial(lab, expect_move=victim == primary) as trial:
            lab.fault(fault, victim)
            if victim == primary:
                lab.wait_until(lambda: lab.primary() not in (None, primary), 60, "another node to be promoted")
                survivor = lab.primary()
                check(survivor in VOTERS, f"{survivor} was promoted, and does not vote")
                took = wait_sources(lab, {**{name: survivor for name in (*VOTERS, BETWEEN) if name not in (survivor, victim)},
                                          **{leaf: BETWEEN for leaf in LEAVES}})
                moved.append(f"all follow {survivor} {took:.1f} s after it was promoted")
            if victim == BETWEEN and fault == "kill-node":
                took = wait_sources(lab, {leaf: primary for leaf in LEAVES})
                moved.append(f"the leaves replicate from {primary} after {took:.1f} s")
        back = wait_sources(lab, as_named(lab.primary()), 60)
        if victim == primary and refills(lab, BETWEEN) != before:
            moved.append(f"{BETWEEN} was filled again, for it had {refills(lab, BETWEEN)[-1]}, which nobody had acknowledged")
        elif victim not in (BETWEEN, *LEAVES):
            check(dumps(lab, BETWEEN) == below, f"the leaves have connected anew: {below} before, {dumps(lab, BETWEEN)} now")
            moved.append("the leaves have kept their connections")
        wait_in_sync(lab)
        return "; ".join([*moved, f"as named {back:.1f} s after all had settled", trial.note])
    return test


def ahead(lab):
    """The leaf below the primary has what no voter has when that dies: it is set aside there, and they are filled again by themselves."""
    primary = lab.wait_settled(120, failures_ok=True)
    wait_sources(lab, as_named(primary))
    replicas, before = [name for name in VOTERS if name != primary], refills(lab, BETWEEN)
    stop = "STOP SLAVE IO_THREAD" if lab.flavour.name == "mariadb" else "STOP REPLICA IO_THREAD"

    def written(name):
        return int(lab.sql(name, "SELECT COUNT(*) FROM lab.writes")[0][0])
    with Trial(lab, expect_move=True) as trial:
        hands_off(lab, True)            # no monitor starts the receivers again
        try:
            for name in replicas:
                lab.sql(name, stop)
            lab.wait_until(lambda: written(BETWEEN) > max(written(name) for name in replicas), 10, f"{BETWEEN} to have more than the voters",
                           interval=0.1)
            lab.fault("kill-node", primary)
        finally:
            hands_off(lab, False)
        lab.wait_until(lambda: lab.primary() in replicas, 60, "another node to be promoted")
        wait_sources(lab, as_named(lab.primary()), 60)
    refilled = refills(lab, BETWEEN)[len(before):]
    check(len(refilled) == 1, f"{BETWEEN} was filled again for {refilled}")
    wait_sources(lab, as_named(lab.primary()), 60)
    wait_in_sync(lab)
    return f"{BETWEEN} had {refilled[0]}, which nobody had acknowledged, and was filled again; {trial.note}"


def loop(lab):
    """Two that name each other replicate from the primary, and crm_mon says why."""
    primary = lab.wait_settled(120, failures_ok=True)
    name_source(lab, BETWEEN, LEAVES[0])
    try:
        took = wait_sources(lab, {BETWEEN: primary, LEAVES[0]: primary}, 60)
        said = wait_for_sentence(lab, "a leaf of it", 60, "crm_mon to say that the sources are a loop")
        with Trial(lab) as trial:
            pass
    finally:
        name_source(lab, BETWEEN, "primary")
    wait_sources(lab, as_named(lab.primary()), 60)
    return f"both replicate from {primary} after {took:.1f} s: {said!r}; {trial.note}"


def late(lab):
    """A leaf that is to be some seconds late is, also when its source dies; others are not."""
    primary, leaf = lab.wait_settled(120, failures_ok=True), LEAVES[0]
    lab.on_live_node(["crm_attribute", "--node", leaf, "--name", "systole-db-delay", "--update", f"{LATE_S}s"])
    try:
        lab.wait_until(lambda: delay_of(lab, leaf) == LATE_S or f"a delay of {delay_of(lab, leaf)} s", 30, f"{leaf} to be late")
        with Trial(lab, longest=1.0) as trial:
            time.sleep(LATE_S + 2)
            lab.fault("kill-node", BETWEEN)
            took = wait_sources(lab, {leaf: primary})
            acked = trial.application.log().acked
            row = max(acked, key=lambda row: acked[row][0])
            began = time.monotonic()
            # MySQL counts from where its source has applied it, and that one is back by then, and has to catch up.
            lab.wait_until(lambda: lab.sql(leaf, f"SELECT id FROM lab.writes WHERE id = {row}"), 3 * LATE_S, f"row {row} on {leaf}", interval=0.1)
            seen = time.monotonic() - began
            check(seen > LATE_S - 2, f"a row of now was on {leaf} {seen:.1f} s later, and was to be {LATE_S} s late")
        wait_sources(lab, as_named(lab.primary()), 60)
    finally:
        lab.on_live_node(["crm_attribute", "--node", leaf, "--name", "systole-db-delay", "--delete"])
    lab.wait_until(lambda: delay_of(lab, leaf) == 0, 30, f"{leaf} to be late no more")
    return f"a row came to {leaf} {seen:.1f} s later; its source died: from {primary} after {took:.1f} s; {trial.note}"


def delay_of(lab, name):
    statement = "SHOW SLAVE STATUS" if lab.flavour.name == "mariadb" else "SHOW REPLICA STATUS"
    with lab.session(name) as session, session.cursor() as cursor:
        cursor.execute(statement)
        found = dict(zip((column[0] for column in cursor.description), cursor.fetchone()))
    return int(found["SQL_Delay"])


def votes_again(lab):
    """A leaf becomes a voter, and one again that it was: the record follows."""
    primary = lab.wait_settled(120, failures_ok=True)
    leaf = LEAVES[1]
    name_source(lab, leaf, None)
    try:
        wait_sources(lab, {leaf: primary}, 60)
        wait_for_voters(lab, (*VOTERS, leaf), 4)
        lab.wait_until(lambda: acknowledges(lab, leaf) == "1", 10, f"{leaf} to acknowledge")
        with Trial(lab, longest=1.0) as trial:
            time.sleep(2)
    finally:
        name_source(lab, leaf, BETWEEN)
    wait_sources(lab, as_named(lab.primary()), 60)
    wait_for_voters(lab, VOTERS, 3)
    return f"{leaf} voted, and does not any more; {trial.note}"


def two_voters_die(lab):
    """With three voters left of six nodes a majority is two: leaves count for nothing, though they hold quorum."""
    primary = lab.wait_settled(120, failures_ok=True)
    first, second = (name for name in VOTERS if name != primary)
    lab.set("reboot-after", "never")
    server = lab.node(second).processes("mysqld", "mariadbd")
    try:
        for name in (primary, first):
            lab.node(name).power_off(False)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            expect_nobody_open(lab, (second, BETWEEN, *LEAVES), "and one of three voters is there")
            time.sleep(0.5)
        said = wait_for_sentence(lab, "must report", 30, f"crm_mon to say why {second} is not promoted")
        check(lab.node(second).processes("mysqld", "mariadbd") == server, f"the server of {second} was restarted for nothing")
    finally:
        lab.set("reboot-after", "1")
        for node in lab.nodes:
            node.power_on()
    lab.wait_settled(180, failures_ok=True)
    wait_sources(lab, as_named(lab.primary()), 60)
    wait_in_sync(lab)
    return f"nobody was promoted: {said!r}"


def two_voters(lab):
    """One of three nodes is a leaf: what holds for two nodes holds for the two others, and it is not among those that count."""
    primary = lab.wait_settled(120, failures_ok=True)
    replica, leaf = (node.name for node in lab.nodes if node.name != primary)
    name_source(lab, leaf, replica)
    try:
        wait_sources(lab, {replica: primary, leaf: replica}, 60)
        recorded = wait_for_voters(lab, (primary, replica), 2)
        with Trial(lab, longest=ALONE_S) as trial:
            lab.fault("kill-node", replica)
        wait_for_voters(lab, (primary, replica), 2)
        wait_sources(lab, {replica: primary, leaf: replica}, 60)
        with Trial(lab, expect_move=True) as second:
            lab.fault("kill-node", primary)
        check(second.after == replica, f"{second.after} was promoted, and does not vote")
    finally:
        name_source(lab, leaf, None)
    wait_for_voters(lab, [node.name for node in lab.nodes], 3)
    return f"{recorded}; the replica's node: {trial.note}; the primary's node: {second.note}"


BESIDE = [("a leaf beside two that vote", two_voters)]
TESTS = [
    ("a cascade: the primary's node dies", killed("kill-node", of_primary)),
    ("a cascade: the primary dies with what only a leaf has", ahead),
    ("a cascade: the node in between dies", killed("kill-node", of_between)),
    ("a cascade: the server in between dies", killed("kill-mysqld", of_between)),
    ("a cascade: a leaf's node dies", killed("kill-node", of_leaf)),
    ("a cascade: a replica that votes dies", killed("kill-node", of_voter)),
    ("a cascade: two that name each other", loop),
    ("a cascade: a leaf that is late", late),
    ("a cascade: a leaf becomes a voter, and a leaf again", votes_again),
    ("a cascade: two of three voters are gone", two_voters_die),
]
