"""What the runs break, and how: one table of kinds. A fault's function returns when the fault is over or the cluster has taken it on."""
import random
import signal
import time
from dataclasses import dataclass

from labkit import LabError, process
from labkit.shell import read_text

AGENT = b"systole/mysql"
SEEN_BY_CLUSTER = 12.0      # seconds after which an operator switches on a node that nobody has fenced


class Missed(Exception):
    """There was nothing to break: the fault does not count."""


class Scene:
    """One step: who was what before it, and what its faults share."""

    def __init__(self, lab, primary):
        replicas = [node.name for node in lab.nodes if node.name != primary]
        self.lab = lab
        self.roles = {"primary": primary, "replica": replicas[0], "other": replicas[-1]}
        self.cut = set()                # nodes whose unsynced data are gone
        self.moved = False              # an operator has moved the primary

    def node(self, action):
        return self.lab.node(self.roles[action.target])

    def others(self, node):
        return [other for other in self.lab.nodes if other is not node]


# Servers


def server_kill(scene, action):
    signal_server(scene.node(action), signal.SIGKILL)


def server_shutdown(scene, action):
    signal_server(scene.node(action), signal.SIGTERM)


def server_stop(scene, action):
    """The same process goes on after the hold, unless the cluster has killed it."""
    stopped = signal_server(scene.node(action), signal.SIGSTOP)
    time.sleep(action.hold)
    process.send(stopped, signal.SIGCONT)


def signal_server(node, number, timeout=15.0):
    """A server that is only starting is waited for: the second of two faults finds it in its recovery."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for who in node.processes("mysqld", "mariadbd"):
            if "--pid-file=" in read_text(f"/proc/{who[0]}/cmdline", "") and process.send(who, number):     # no --version
                return who
        time.sleep(0.05)
    raise Missed(f"no server on {node.name} in {timeout:.0f} s")


# Nodes


def node_kill(scene, action):
    switch_off(scene, action, "kill-node")
    await_power(scene, scene.node(action), SEEN_BY_CLUSTER)


def power_cut(scene, action):
    scene.cut.add(scene.roles[action.target])
    switch_off(scene, action, "powercut")
    await_power(scene, scene.node(action), SEEN_BY_CLUSTER)


def node_blink(scene, action):
    """Off and on again from outside, perhaps before the cluster has noticed."""
    switch_off(scene, action, "kill-node")
    await_power(scene, scene.node(action), action.hold)


def switch_off(scene, action, fault):
    node = scene.node(action)
    await_true(node.alive, 10, f"{node.name} is off already")
    scene.lab.fault(fault, node)


def await_power(scene, node, patience):
    """Waits for fencing to switch the node on, then does it. Where two nodes lost unsynced data, the old primary is the first
    to return: its disk is the only place that is sure to hold what was acknowledged last (doc/what-can-be-lost.md)."""
    end = time.monotonic() + patience
    while not node.alive() and time.monotonic() < end:
        time.sleep(0.05)
    primary = scene.lab.node(scene.roles["primary"])
    if len(scene.cut) > 1 and node is not primary and not primary.alive():
        primary.power_on()
    node.power_on()


def node_fence(scene, action):
    node = scene.node(action)
    others = [other for other in scene.others(node) if other.alive() and not other.cgroup.is_frozen()]
    if not others:
        raise Missed("nobody is there to fence")
    started = node.init()
    others[0].run(["stonith_admin", "--reboot", node.name, "--timeout", "15"], timeout=25)
    if node.init() == started:
        raise Missed(f"{node.name} was not fenced in 25 s")
    await_power(scene, node, SEEN_BY_CLUSTER)


def node_freeze(scene, action):
    node = scene.node(action)
    await_true(node.alive, 10, f"{node.name} is off")
    life = node.init()
    scene.lab.fault("freeze", node)
    during(node, life, action.hold)
    node.cgroup.freeze(False)           # a group outlives the node: what is in it next must run


def cold_start(scene, action):
    """All nodes die at once. With unsynced data lost, the old primary is one of the first two to return, for the reason above."""
    primary = scene.roles["primary"]
    cut = action.kind == "cold-cut"
    order = [primary, *(node.name for node in scene.lab.nodes if node.name != primary)]
    random.Random(action.extra["order"]).shuffle(order)
    if cut and order[-1] == primary:
        order[-2:] = reversed(order[-2:])
    for node in scene.lab.live_nodes():
        scene.lab.fault("powercut" if cut else "kill-node", node)
    for name in order:
        scene.lab.node(name).power_on()
        time.sleep(action.extra["delay"])


# Network


def partition(scene, action):
    lasting(scene, action, "unplug")


def one_way(scene, action):
    node = scene.node(action)
    peers = scene.others(node)
    for peer in peers if action.extra["peers"] == "all" else peers[:1]:
        inject(scene, "block-peer", node, peer.name, action.extra["way"])
    during(node, node.init(), action.hold)
    for peer in peers:
        clear(scene, "block-peer", node, peer.name)


def replication_cut(scene, action):
    node = scene.node(action)
    lasting(scene, action, "block-replication", *([] if action.extra["peers"] == "all" else [scene.others(node)[0].name]))


def cluster_cut(scene, action):
    lasting(scene, action, "block-cluster")


def loss(scene, action):
    lasting(scene, action, "loss", action.extra["percent"])


def lasting(scene, action, fault, *arguments):
    node = scene.node(action)
    life = inject(scene, fault, node, *arguments)
    during(node, life, action.hold)
    if node.init() == life:
        clear(scene, fault, node)


def inject(scene, fault, node, *arguments):
    await_true(node.alive, 10, f"{node.name} is off")
    life = node.init()
    try:
        scene.lab.fault(fault, node, *arguments)
    except LabError as failed:
        raise Missed(str(failed)) from None
    return life


def during(node, life, seconds):
    """Waits; less long when the node is fenced meanwhile, which ends its faults."""
    end = time.monotonic() + seconds
    while node.init() == life and time.monotonic() < end:
        time.sleep(0.02)


def clear(scene, fault, node, *arguments):
    try:
        scene.lab.fault("clear-" + fault, node, *arguments)
    except LabError:
        pass                            # fenced in this moment: it boots without the fault


# The cluster's own


def agent_kill(scene, action):
    """SIGKILL to the agent in an action, a random time after it began. What does not happen by itself is provoked."""
    wanted, after = action.extra["action"], action.extra["after"]
    watch = AgentWatch(scene.lab.nodes, wanted, action.extra["skip"])
    undo = PROVOCATIONS[action.extra["by"]](scene, scene.node(action))
    end = time.monotonic() + 10
    try:
        while True:
            who = watch.next(end)
            time.sleep(after)
            if process.send(who, signal.SIGKILL):
                return
            after /= 2                  # it was over sooner than that
    finally:
        undo()


class AgentWatch:
    """Looks for the agent's processes below Pacemaker's executor, and for its detached worker, in all nodes."""

    def __init__(self, nodes, wanted, skip):
        self.nodes, self.wanted, self.skip = nodes, wanted, skip
        self.executors = {}             # node's name: (process or None, when it was looked up)
        self.seen = set(self.running())

    def next(self, end):
        """The next process that does the action, those that are to be passed over left out; waits until `end`."""
        while time.monotonic() < end:
            for who in self.running():
                if who not in self.seen:
                    self.seen.add(who)
                    if self.skip == 0:
                        return who
                    self.skip -= 1
            time.sleep(0.001 if self.wanted != "worker" else 0.05)
        raise Missed(f"no {self.wanted} was seen, or it had ended")

    def running(self):
        for node in self.nodes:
            for pid in self.workers(node) if self.wanted == "worker" else self.children(node):
                words = read_text(f"/proc/{pid}/cmdline", "").encode().split(b"\0")
                who = process.identity(pid)
                if who and words[0].endswith(AGENT) and (self.wanted == "worker" or words[1:2] == [self.wanted.encode()]):
                    yield who

    def children(self, node):
        pid = self.executor(node)
        return read_text(f"/proc/{pid}/task/{pid}/children", "").split() if pid else []

    def executor(self, node):
        """Its pid; a node that was rebooted, and an executor that was killed, are looked up again."""
        known = self.executors.get(node.name)
        if known is None or not (process.is_alive(known[0]) if known[0] else time.monotonic() - known[1] < 0.3):
            found = node.processes("pacemaker-execd")
            known = self.executors[node.name] = (found[0] if found else None, time.monotonic())
        return known[0][0] if known[0] else None

    def workers(self, node):
        """The worker is in a session of its own, and nobody's child any more but the init's."""
        init = node.init()
        return [pid for (pid, _), name in process.in_pid_namespace(init[0]) if name == "mysql"
                and (process.fields(pid) or [0, 0])[1] == str(init[0])] if init else []


def by_nothing(scene, node):
    return lambda: None


def by_server_kill(scene, node):
    signal_server(node, signal.SIGKILL)
    return lambda: None


def by_primary_kill(scene, _node):
    return by_server_kill(scene, scene.lab.node(scene.roles["primary"]))


def by_switchover(scene, _node):
    attempted(lambda: move(scene, scene.roles["replica"]))
    return lambda: clear_moves(scene)


def by_standby(scene, node):
    standby_on(scene, node)
    return lambda: standby_off(scene, node)


def by_return(scene, node):
    """From standby: the watch begins when the node starts its server again."""
    standby_on(scene, node)
    try:
        scene.lab.wait_until(lambda: not node.mysqld(), 20, "the server to stop")
    except LabError:
        pass
    standby_off(scene, node)
    return lambda: None


# What makes the cluster run an action of the agent: each returns what takes it back.
PROVOCATIONS = {"nothing": by_nothing, "server-kill": by_server_kill, "primary-kill": by_primary_kill, "switchover": by_switchover,
                "standby": by_standby, "return": by_return}

AGENT_ACTIONS = {                   # action: (what makes the cluster run it, the longest time after its start, weight)
    "monitor": (("nothing",), 0.03, 2),
    "notify": (("primary-kill", "switchover"), 0.25, 3),
    "promote": (("primary-kill", "switchover"), 0.08, 4),
    "demote": (("switchover", "standby", "primary-kill"), 0.1, 2),
    "start": (("server-kill", "return"), 0.6, 3),
    "stop": (("standby", "server-kill"), 0.1, 2),
    "worker": (("primary-kill",), 1.0, 1),
}


def draw_agent_kill(dice):
    action = dice.choices(list(AGENT_ACTIONS), [weight for _, _, weight in AGENT_ACTIONS.values()])[0]
    causes, longest, _ = AGENT_ACTIONS[action]
    return {"action": action, "by": dice.choice(causes), "after": round(dice.uniform(0, longest), 3),
            "skip": dice.choice((0, 0, 1, 2)) if action in ("notify", "monitor") else 0}


def switchover(scene, action):
    target = scene.roles[action.extra["to"]]
    try:
        move(scene, target)
        scene.lab.wait_until(lambda: scene.lab.primary() == target, action.hold, "the switchover", interval=0.2)
    except LabError:
        pass                            # with another fault at work it may not come about; the operator takes it back
    finally:
        clear_moves(scene)


def move(scene, target):
    scene.moved = True
    try:
        operate(scene, ["crm_resource", "--move", "--promoted", "--resource", "db-clone", "--node", target])
    except LabError as failed:
        if "already exists" not in str(failed):     # an attempt before, whose answer was lost
            raise


def clear_moves(scene):
    retried(lambda: operate(scene, ["crm_resource", "--clear", "--resource", "db-clone"]))


def operate(scene, command):
    """What an operator types, on a node that has quorum: what he types elsewhere is undone when the partitions merge."""
    for node in scene.lab.answering_nodes():
        life = node.init()
        try:
            if node.run(["crm_node", "--quorum"], timeout=5).stdout.strip() == "1":
                return node.run(command, timeout=15, check=True)
        except LabError:
            if node.init() == life:
                raise
            # It died under his hands: he goes to the next.
    raise LabError("no node has quorum")


def standby(scene, action):
    node = scene.node(action)
    standby_on(scene, node)
    time.sleep(action.hold)
    standby_off(scene, node)


def standby_on(scene, node):
    attempted(lambda: operate(scene, ["crm_attribute", "--node", node.name, "--name", "standby", "--update", "on"]))


def standby_off(scene, node):
    retried(lambda: operate(scene, ["crm_attribute", "--node", node.name, "--name", "standby", "--delete"]))


def take_back(scene):
    """Partitions that merged may have brought back what an operator had taken back before: he looks again."""
    try:
        for name, node in scene.lab.state().nodes.items():
            if node.get("standby") == "true":
                operate(scene, ["crm_attribute", "--node", name, "--name", "standby", "--delete"])
        if scene.moved:
            operate(scene, ["crm_resource", "--clear", "--resource", "db-clone"])
            scene.moved = False
    except LabError:
        pass                            # he will look again


def retried(command, timeout=60.0):
    """For what an operator takes back: without quorum or a DC he tries again."""
    end = time.monotonic() + timeout
    while True:
        try:
            return command()
        except LabError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def attempted(command):
    """For what an operator begins: another fault may keep him from it."""
    try:
        return retried(command, 10)
    except LabError as failed:
        raise Missed(str(failed)) from None


def daemon_kill(scene, action):
    """pacemakerd starts its daemons again; a node without Corosync is switched off and on when nobody has fenced it."""
    node = scene.node(action)
    life = inject(scene, "kill-daemon", node, action.extra["daemon"])
    if action.extra["daemon"] == "corosync":
        during(node, life, SEEN_BY_CLUSTER)
        if node.init() == life:
            node.power_off()
        await_power(scene, node, 1.0)


def await_true(predicate, timeout, otherwise):
    end = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > end:
            raise Missed(otherwise)
        time.sleep(0.02)


def draw_return(dice):
    return {"order": dice.randrange(1000), "delay": dice.choice((0, 0.5, 3, 8))}


DAEMONS = ("pacemaker-controld", "pacemaker-execd", "pacemaker-attrd", "pacemaker-based", "pacemaker-fenced", "corosync")


@dataclass(frozen=True)
class Kind:
    name: str
    weight: int
    inject: object
    meaning: str
    bound: float = 90       # seconds after the fault is over in which everything must be whole again
    hold: tuple = ()        # shortest and longest duration, in seconds
    draw: object = None     # dice -> what else the kind needs


KINDS = {kind.name: kind for kind in (
    Kind("server-kill", 12, server_kill, "kill -9 of a server"),
    Kind("server-shutdown", 5, server_shutdown, "a clean shutdown behind the cluster's back"),
    Kind("server-stop", 6, server_stop, "SIGSTOP, and SIGCONT after the hold", hold=(0.3, 20)),
    Kind("node-kill", 7, node_kill, "a node dies and is fenced"),
    Kind("node-blink", 4, node_blink, "a node dies and is back soon, perhaps unnoticed", hold=(0.1, 3)),
    Kind("node-fence", 4, node_fence, "stonith_admin --reboot"),
    Kind("node-freeze", 4, node_freeze, "every process of a node stands still", hold=(0.3, 6)),
    Kind("power-cut", 8, power_cut, "a node dies, and what it had not synced is lost"),
    Kind("cold-start", 2, cold_start, "all nodes die at once and return one by one", bound=120, draw=draw_return),
    Kind("cold-cut", 3, cold_start, "the same, and what they had not synced is lost", bound=120, draw=draw_return),
    Kind("partition", 8, partition, "a node's cable is pulled", hold=(0.3, 8)),
    Kind("one-way", 6, one_way, "packets between nodes pass in one direction only", hold=(0.5, 6), bound=120,
         draw=lambda dice: {"way": dice.choice(("in", "out")), "peers": dice.choice(("all", "one"))}),
    Kind("replication-cut", 7, replication_cut, "the databases cannot reach each other, all else can", hold=(0.5, 12),
         draw=lambda dice: {"peers": dice.choice(("all", "one"))}),
    Kind("cluster-cut", 5, cluster_cut, "Corosync cannot reach its peers, the databases can", hold=(0.5, 8)),
    Kind("loss", 6, loss, "packets are lost", hold=(1, 8), bound=120, draw=lambda dice: {"percent": dice.choice((3, 10, 20, 35))}),
    Kind("agent-kill", 20, agent_kill, "kill -9 of the agent in an action", draw=draw_agent_kill),
    Kind("switchover", 9, switchover, "crm_resource --move and --clear", hold=(1, 30),
         draw=lambda dice: {"to": dice.choice(("replica", "other"))}),
    Kind("standby", 5, standby, "a node in standby for a while", hold=(0.5, 8)),
    Kind("daemon-kill", 6, daemon_kill, "kill -9 of Corosync or a daemon of Pacemaker",
         draw=lambda dice: {"daemon": dice.choice(DAEMONS)}),
)}
