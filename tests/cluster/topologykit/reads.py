"""Addresses for reads: the node attribute db-reads, and an IPaddr2 resource that goes by it."""
import threading
import time

from suite import Trial, check
from durabilitykit.look import others

MAX_LAG_S = 4
MONITOR_S = 2           # of a replica
READS = """
<configuration>
 <resources>
  <primitive id="{name}" class="ocf" provider="heartbeat" type="IPaddr2">
   <meta_attributes id="{name}-meta"><nvpair id="{name}-critical" name="critical" value="false"/></meta_attributes>
   <instance_attributes id="{name}-params"><nvpair id="{name}-ip" name="ip" value="{ip}"/>
    <nvpair id="{name}-mask" name="cidr_netmask" value="24"/></instance_attributes>
   <operations><op id="{name}-monitor" name="monitor" interval="5s" timeout="20s"/></operations>
  </primitive>
 </resources>
 <constraints>
  <rsc_location id="{name}-where-current" rsc="{name}">
   <rule id="{name}-rule" score="-INFINITY" boolean-op="or">
    <expression id="{name}-not-now" attribute="{db}-reads" operation="ne" value="1"/>
    <expression id="{name}-not-known" attribute="{db}-reads" operation="not_defined"/>
   </rule>
  </rsc_location>
  <rsc_colocation id="{name}-with-{db}" rsc="{name}" with-rsc="{db}-clone" score="INFINITY"/>
  <rsc_colocation id="{name}-beside-primary" rsc="{name}" with-rsc="{db}-clone" with-rsc-role="Promoted" score="-100"/>
 </constraints>
</configuration>"""


def create(lab, name, db, ip):
    """An address for reads from the database db."""
    lab.on_live_node(["cibadmin", "--modify", "--allow-create", "--scope", "configuration", "--xml-pipe"],
                     stdin=READS.format(name=name, db=db, ip=ip))


def remove(lab, name, db):
    for kind, suffix in (("rsc_location", "where-current"), ("rsc_colocation", f"with-{db}"), ("rsc_colocation", "beside-primary")):
        lab.on_live_node(["cibadmin", "--delete", "--xml-text", f'<{kind} id="{name}-{suffix}"/>'])
    lab.on_live_node(["cibadmin", "--delete", "--xml-text", f'<primitive id="{name}"/>'])


def start(lab):
    """A second address, for reads."""
    primary = lab.wait_settled(120, failures_ok=True)
    create(lab, "reads", "db", lab.vip.rsplit(".", 1)[0] + ".51")
    found = wait_for_reader(lab, lambda name: name and name != primary, 30, "a replica to serve reads")
    return f"{primary} is the primary, {found} serves reads"


def reader(lab):
    found = lab.state().where("reads", "Started")
    return found[0] if len(found) == 1 else None


def wait_for_reader(lab, wanted, timeout, what):
    def found():
        here = reader(lab)
        return [here] if wanted(here) else f"{here}"
    return lab.wait_until(found, timeout, what)[0]


class Watch:
    """Where the address is, looked at all the time: each change with its moment."""

    def __init__(self, lab):
        self.lab, self.seen, self.over = lab, [], False
        self.thread = threading.Thread(target=self.look)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()

    def look(self):
        while not self.over:
            here = reader(self.lab)
            if not self.seen or self.seen[-1][1] != here:
                self.seen.append((time.monotonic(), here))
            time.sleep(0.3)

    def places(self):
        return [here for _, here in self.seen if here]


def behind(lab):
    """It leaves a replica that falls behind, once, and the node is good for reads again when that has caught up."""
    lab.wait_settled(120, failures_ok=True)
    slow = reader(lab)
    with Trial(lab, writers=1) as trial, Watch(lab) as watch:      # it has to catch up
        with lab.session(slow) as session, session.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            at = time.monotonic()
            wait_for_reader(lab, lambda name: name not in (None, slow), 60, "another node to serve reads")
            left = time.monotonic() - at
            time.sleep(10)
        at = time.monotonic()
        wait_for_attribute(lab, slow, "1")
        back = time.monotonic() - at
    check(left < MAX_LAG_S + 2 * MONITOR_S + 3, f"reads left {slow} after {left:.1f} s")
    check(len(watch.places()) <= 2, f"the address went to and fro: {watch.places()}")
    return f"left {slow} {left:.1f} s after it had stopped to apply (max_lag {MAX_LAG_S} s), good again {back:.1f} s later; {trial.note}"


def wait_for_attribute(lab, name, value):
    def has():
        shown = lab.on_live_node(["attrd_updater", "--query", "--node", name, "--name", "db-reads"]).stdout
        return f'value="{value}"' in shown or shown.strip()
    lab.wait_until(has, 60, f"db-reads of {name} to be {value}")


def dead(lab):
    """It leaves a replica whose server dies."""
    lab.wait_settled(120, failures_ok=True)
    victim = reader(lab)
    with Trial(lab) as trial:
        at = time.monotonic()
        lab.fault("kill-mysqld", victim)
        wait_for_reader(lab, lambda name: name not in (None, victim), 60, "another node to serve reads")
        left = time.monotonic() - at
    check(left < 2 * MONITOR_S + 5, f"reads left {victim} after {left:.1f} s")
    return f"left {victim} after {left:.1f} s; {trial.note}"


def on_primary(lab):
    """Where only the primary can have it, it goes there, and the role stays."""
    primary = lab.wait_settled(120, failures_ok=True)
    with Trial(lab, longest=1.0) as trial:
        try:
            for name in others(lab, primary):
                lab.on_live_node(["crm_resource", "--ban", "--resource", "reads", "--node", name])
            wait_for_reader(lab, lambda name: name == primary, 30, "the primary to serve reads")
            time.sleep(3)
            found = lab.primary()
        finally:
            for name in others(lab, primary):
                lab.on_live_node(["crm_resource", "--clear", "--resource", "reads", "--node", name])
    check(found == primary, f"the role went from {primary} to {found}")
    wait_for_reader(lab, lambda name: name not in (None, primary), 30, "a replica to serve reads")
    return trial.note


def primary_dies(lab):
    """Its death takes no reads from the replicas."""
    primary = lab.wait_settled(120, failures_ok=True)
    with Trial(lab, expect_move=True) as trial, Watch(lab) as watch:
        lab.fault("kill-node", primary)
        lab.wait_until(lambda: lab.primary() in others(lab, primary), 60, "another node to be promoted")
    check(primary not in watch.places(), f"reads were on {primary}")
    return f"reads on {' -> '.join(watch.places())}; {trial.note}"


TESTS = [("reads have an address on a replica", start),
         ("reads leave a replica that lags, and it is taken again", behind),
         ("reads leave a replica whose server has died", dead),
         ("reads that only the primary can serve leave the role where it is", on_primary),
         ("reads go on when the primary dies", primary_dies)]
