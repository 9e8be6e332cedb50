"""What can go wrong with a node. Each fault is one function; those that last have one that ends them."""
import re
import signal
from dataclasses import dataclass

from . import process
from .shell import LabError, run

FILLER = "/var/lib/mysql/.lab-filler"


def kill_mysqld(lab, node):
    signal_mysqld(node, signal.SIGKILL)


def kill_mysqld_tree(lab, node):
    for who in node.processes("mysqld_safe", "mariadbd-safe"):
        process.send(who, signal.SIGKILL)
    signal_mysqld(node, signal.SIGKILL)


def shutdown_mysqld(lab, node):
    signal_mysqld(node, signal.SIGTERM)


def stop_mysqld(lab, node):
    signal_mysqld(node, signal.SIGSTOP)


def cont_mysqld(lab, node):
    signal_mysqld(node, signal.SIGCONT)


def signal_mysqld(node, number):
    found = node.processes("mysqld", "mariadbd")
    if not found:
        raise LabError(f"no server is running on {node.name}")
    for who in found:
        process.send(who, number)


def kill_node(lab, node):
    """The node is gone, and stays off until fencing (or `lab on`) switches it on."""
    require_on(node)
    node.power_off()


def powercut(lab, node):
    """As kill-node, and what was not synced to the data disk is lost."""
    require_on(node)
    node.power_off(powercut=True)


def freeze(lab, node):
    require_on(node)
    node.cgroup.freeze(True)


def thaw(lab, node):
    node.cgroup.freeze(False)


def unplug(lab, node):
    require_on(node)
    lab.network.disconnect(node.name)


def plug(lab, node):
    require_on(node)
    lab.network.connect(node.name)


def block_peer(lab, node, peer, direction="both"):
    """Drops what passes between the node and a peer; `in`: only what comes from it, `out`: only what goes to it."""
    address = lab.node(peer).address
    require_direction(direction)
    rules = [f"add rule inet {{table}} in ip saddr {address} drop"] if direction != "out" else []
    rules += [f"add rule inet {{table}} out ip daddr {address} drop"] if direction != "in" else []
    filter_rules(node, f"lab_peer_{lab.node(peer).name}", rules)


def clear_block_peer(lab, node, peer):
    clear_filter(node, f"lab_peer_{lab.node(peer).name}")


def block_replication(lab, node, *peers):
    """Drops TCP port 3306 between the node and its peers (all of them unless named); the cluster's own traffic passes."""
    others = [lab.node(peer) for peer in peers] or [other for other in lab.nodes if other is not node]
    rules = []
    for other in others:
        for port in ("sport", "dport"):
            rules.append(f"add rule inet {{table}} in ip saddr {other.address} tcp {port} 3306 drop")
            rules.append(f"add rule inet {{table}} out ip daddr {other.address} tcp {port} 3306 drop")
    filter_rules(node, "lab_replication", rules)


def clear_block_replication(lab, node):
    clear_filter(node, "lab_replication")


def block_cluster(lab, node):
    """Drops Corosync's packets between the node and all others; the databases and the clients do not notice."""
    filter_rules(node, "lab_cluster", [f"add rule inet {{table}} {chain} udp {port} 5405 drop"
                                       for chain in ("in", "out") for port in ("sport", "dport")])


def clear_block_cluster(lab, node):
    clear_filter(node, "lab_cluster")


def kill_daemon(lab, node, name):
    """SIGKILL to a daemon of the cluster: corosync, or one of Pacemaker's, which pacemakerd starts again."""
    found = node.processes(name[:15])           # what the kernel keeps of a name
    if not found:
        raise LabError(f"no {name} is running on {node.name}")
    for who in found:
        process.send(who, signal.SIGKILL)


def loss(lab, node, percent="20"):
    """Loses that many percent of the packets that come in."""
    if not re.fullmatch(r"\d{1,2}|100", str(percent)):
        raise LabError(f"loss takes percent from 0 to 100, not {percent!r}")
    rule = f'add rule inet {{table}} in meta iifname "eth0" numgen random mod 100 < {percent} drop'
    filter_rules(node, "lab_loss", [rule])


def clear_loss(lab, node):
    clear_filter(node, "lab_loss")


def disk_full(lab, node):
    """Fills the disk: all but the last bytes at once, and those by writing until nothing more fits."""
    node.run(f"""space() {{ df --output=avail -B1 /var/lib/mysql | tail -n 1; }}
        fallocate -l $(($(space) - 16777216)) {FILLER}
        cat /dev/zero >> {FILLER} 2> /dev/null
        test $(space) -lt 65536""", check=True)


def clear_disk_full(lab, node):
    node.run(["rm", "-f", FILLER], check=True)


def slow_disk(lab, node, writes_per_second="20"):
    if not re.fullmatch(r"[1-9]\d*", str(writes_per_second)):
        raise LabError(f"slow-disk takes writes per second, not {writes_per_second!r}")
    node.cgroup.limit_writes(node.disk_device(), int(writes_per_second))


def clear_slow_disk(lab, node):
    node.cgroup.limit_writes(node.disk_device(), 0)


def disk_error(lab, node):
    """Every later access to the data disk is an I/O error, until the node is switched off and on."""
    node.drop_unsynced()


def require_on(node):
    if not node.alive():
        raise LabError(f"{node.name} is off")


def require_direction(direction):
    if direction not in ("in", "out", "both"):
        raise LabError(f"a direction is in, out or both, not {direction!r}")


def filter_rules(node, table, rules):
    """Replaces one nft table in the node's network (with this machine's nft: the node need not have one)."""
    script = [f"add table inet {table}", f"delete table inet {table}", f"add table inet {table}",
              f"add chain inet {table} in {{ type filter hook input priority 0 ; }}",
              f"add chain inet {table} out {{ type filter hook output priority 0 ; }}"]
    nft(node, "\n".join(script + [rule.format(table=table) for rule in rules]))


def clear_filter(node, table):
    nft(node, f"add table inet {table}\ndelete table inet {table}")


def nft(node, script):
    init = node.init()
    if init is None:
        raise LabError(f"{node.name} is off")
    run(["nsenter", "-t", str(init[0]), "-n", "nft", "-f", "-"], stdin=script + "\n")


@dataclass(frozen=True)
class Fault:
    apply: object
    clear: object = None
    arguments: str = ""
    meaning: str = ""


FAULTS = {
    "kill-mysqld": Fault(kill_mysqld, None, "", "SIGKILL to the node's server"),
    "kill-mysqld-tree": Fault(kill_mysqld_tree, None, "", "the same, and to mysqld_safe where there is one"),
    "shutdown-mysqld": Fault(shutdown_mysqld, None, "", "SIGTERM to the server, behind the cluster's back"),
    "stop-mysqld": Fault(stop_mysqld, cont_mysqld, "", "SIGSTOP to the server"),
    "kill-node": Fault(kill_node, lambda lab, node: node.power_on(), "", "the node loses its power; fencing finds out"),
    "powercut": Fault(powercut, lambda lab, node: node.power_on(), "", "the same, and unsynced data are lost"),
    "freeze": Fault(freeze, thaw, "", "every process of the node stands still"),
    "unplug": Fault(unplug, plug, "", "the node's network cable is pulled"),
    "block-peer": Fault(block_peer, clear_block_peer, "PEER [in|out]", "no packets between the node and one other"),
    "block-replication": Fault(block_replication, clear_block_replication, "[PEER...]",
                               "no TCP port 3306 between the node and others"),
    "block-cluster": Fault(block_cluster, clear_block_cluster, "", "no packets of Corosync; all others pass"),
    "kill-daemon": Fault(kill_daemon, None, "NAME", "SIGKILL to corosync, pacemaker-controld, pacemaker-attrd ..."),
    "loss": Fault(loss, clear_loss, "[PERCENT]", "incoming packets are lost (20 %)"),
    "disk-full": Fault(disk_full, clear_disk_full, "", "the data disk is filled up"),
    "slow-disk": Fault(slow_disk, clear_slow_disk, "[WRITES/S]", "the data disk is slowed (20 writes per second)"),
    "disk-error": Fault(disk_error, None, "", "the data disk gives I/O errors until the node's next power-on"),
}
OTHER_NAMES = {"cont-mysqld": "clear-stop-mysqld", "thaw": "clear-freeze", "plug": "clear-unplug"}


def inject(lab, name, node, *arguments):
    """Does what `lab fault NAME NODE ARGUMENTS` says."""
    full = OTHER_NAMES.get(name, name)
    clearing = full.startswith("clear-")
    fault = FAULTS.get(full.removeprefix("clear-"))
    if fault is None:
        raise LabError(f"unknown fault {name!r}: `lab fault` lists them")
    function = fault.clear if clearing else fault.apply
    if function is None:
        raise LabError(f"{full.removeprefix('clear-')} is over at once: there is nothing to clear")
    try:
        function(lab, node, *arguments)
    except TypeError as failed:
        if "positional argument" not in str(failed):
            raise
        raise LabError(f"usage: lab fault {name} NODE {fault.arguments}".strip()) from None
