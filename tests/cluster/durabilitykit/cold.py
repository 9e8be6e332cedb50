"""Power cuts of all nodes at once, and the orders in which they return; the newest data on two nodes only."""
import itertools
import threading
import time

from suite import check, judge_data

from .look import boot_broken, crm_mon, mend_server, others, set_parameters, wait_for_sentence, wait_whole

ROLES = ("primary", "fresh", "stale")       # fresh: the replica that has everything; stale: the one that lacks the newest
BETWEEN = 3.0                               # seconds between two returns
ALONE_FOR = 8.0                             # how long the only node that has returned is watched
SETTLE = 120


class Outage:
    """All nodes lose their power under load. The fence device leaves what it switches off, so the test chooses the order of return."""

    def __init__(self, lab, stale_first, powercut=True):
        self.lab, self.powercut = lab, powercut
        self.lab.set("reboot-after", "never")
        self.primary = wait_whole(lab)
        first, second = others(lab, self.primary)
        self.stale, self.fresh = (first, second) if stale_first else (second, first)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.set("reboot-after", "1")
        for node in self.lab.nodes:
            node.power_on()

    def name_of(self, role):
        return getattr(self, role)

    def cut(self):
        """Writes that only the primary and one replica have, then darkness."""
        application = self.lab.start_writers()
        try:
            application.wait_for_ack()
            self.lab.fault("block-replication", self.stale)
            application.wait_for_ack(after=time.monotonic() + 0.5)
            behind = self.lab.rows(self.stale)
            application.wait_for_ack(after=time.monotonic() + 0.1)
            threads = [threading.Thread(target=node.power_off, args=(self.powercut,)) for node in self.lab.nodes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self.log = application.stop()
        self.newest = len(self.log.lost(behind))
        check(self.newest > 0, f"{self.stale} had everything: the test would show nothing")

    def switch_on(self, *roles):
        for number, role in enumerate(roles):
            if number:
                time.sleep(BETWEEN)
            if len(self.lab.live_nodes()) == len(self.lab.nodes) - 1:
                self.lab.set("reboot-after", "1")       # the others may fence the last one when it is on already
            self.lab.node(self.name_of(role)).power_on()

    def wait_for_primary(self):
        started = time.monotonic()
        self.lab.wait_until(lambda: bool(self.lab.primary()), SETTLE, "a node to be promoted", interval=0.3)
        return self.lab.primary(), time.monotonic() - started

    def expect_no_primary(self, seconds, why):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for node in self.lab.live_nodes():
                promoted = self.lab.state(node).where("db", "Promoted")
                check(not promoted, f"{' '.join(promoted)} is promoted, {why}")
            time.sleep(0.5)

    def judge(self):
        wait_whole(self.lab)
        judge_data(self.lab, self.log)
        with self.lab.start_writers() as application:       # it serves again
            application.wait_for_ack(timeout=60)


def cold_start(lab, order, stale_first):
    with Outage(lab, stale_first) as outage:
        outage.cut()
        outage.switch_on(*order)
        promoted, took = outage.wait_for_primary()
        outage.judge()
    role = next(role for role in ROLES if outage.name_of(role) == promoted)
    return (f"the {role} was promoted {took:.1f} s after the last return; {outage.newest} acknowledged writes were not on the stale one, "
            f"0 lost")


def primary_never_returns(lab):
    """Its disk is the only one that synced each commit without power_safe; with it the others' are enough."""
    with Outage(lab, stale_first=True) as outage:
        outage.cut()
        outage.switch_on("stale", "fresh")
        promoted, took = outage.wait_for_primary()
        lab.wait_until(lambda: not outage.log.lost(lab.rows(promoted)), 30, f"{promoted} to have all that was acknowledged")
        with lab.start_writers() as application:
            application.wait_for_ack(timeout=60)
        outage.switch_on("primary")
        outage.judge()
    return f"{promoted} was promoted {took:.1f} s after the second return; the old primary, back later, is in sync"


def one_returns(lab):
    """One of three decides nothing; nor do two when one of them has no server: crm_mon says what is missing."""
    with Outage(lab, stale_first=False) as outage:
        outage.cut()
        outage.switch_on("stale")
        outage.expect_no_primary(ALONE_FOR, "though it is the only node that has returned")
        first = wait_for_sentence(lab, "WITHOUT quorum", 10, "crm_mon to say that there is no quorum")
        boot_broken(lab, outage.fresh)
        try:
            lab.wait_until(lambda: lab.state().quorum and lab.node(outage.stale).mysqld(), 60, "two nodes, and one server")
            outage.expect_no_primary(ALONE_FOR, "though only one node's data are there")
            second = crm_mon(lab)
        finally:
            mend_server(lab, outage.fresh)
            lab.cleanup()
        outage.switch_on("primary")
        outage.judge()
    check("must report" in second, f"{outage.newest} newest writes, 0 lost; but crm_mon did not say that a report was missing")
    return f"{outage.newest} acknowledged writes were not on the first one, 0 lost; {first!r}"


def with_power_safe(test):
    def run(lab):
        set_parameters(lab, power_safe="true")
        return test(lab)
    return run


def of_order(order, stale_first):
    return f"power cut of all; they return: {', '.join(order)}", with_power_safe(lambda lab: cold_start(lab, order, stale_first))


ORDERS = list(itertools.permutations(ROLES))
ALL = [of_order(order, number % 2 == 0) for number, order in enumerate(ORDERS)]
FEW = [ALL[ORDERS.index(order)] for order in (("stale", "fresh", "primary"), ("stale", "primary", "fresh"))]
LAST = [
    ("power cut of all; the primary never returns", with_power_safe(primary_never_returns)),
    ("power cut of all; one returns", with_power_safe(one_returns)),
]


def tests(all_orders):
    return (ALL if all_orders else FEW) + LAST
