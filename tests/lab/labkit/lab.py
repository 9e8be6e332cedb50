"""Lab: a cluster of nodes, from nothing to gone."""
import concurrent.futures
import glob
import json
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import time

from . import application, build, cluster, faults, install, power, process, quorum, resources, sidroot
from .flavours import FLAVOURS
from .network import Network, free_subnet
from .node import Node, loop_devices
from .paths import DISKS, HERE, LOCK, NODE_FILES, PYTHON, STATE, lock_of
from .query import ask, connect
from .shell import LabError, locked, read_text, run, write_text

SETTINGS = {"reboot-after": "1", "powercut": "no", "fencing-takes": "0"}    # of the power switch: seconds or never; yes or no; seconds

LAB_CNF = """# The lab's servers are small. What replication needs is the agent's business.
[mysqld]
innodb_buffer_pool_size = 64M
max_connections = 200
max_connect_errors = 1000000000
"""


CLIENT_CNF = "/etc/systole/client.cnf"


class Lab:
    """One lab, by its name. `Lab("x").up(...)` makes it; `Lab("x")` alone refers to one that is up."""

    def __init__(self, name="lab"):
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,15}", name):
            raise LabError(f"a lab's name has 1 to 16 of a-z 0-9 -, and starts with a letter: not {name!r}")
        self.name = name
        self.directory = f"{STATE}/{name}"
        self.shared = self.directory + "/shared"
        self._facts = None
        self._nodes = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    # What it is

    @property
    def facts(self):
        """What `up` wrote down: server, nodes, subnet, token, qdevice, lower, disk_mib, in_memory, agent, owner,
        complete."""
        if self._facts is None:
            text = read_text(self.directory + "/lab.json")
            if text is None:
                raise LabError(f"there is no lab {self.name!r}: `lab up` makes it")
            self._facts = json.loads(text)
        return self._facts

    def write_facts(self, **facts):
        self._facts = {**(self._facts or {}), **facts}
        write_text(self.directory + "/lab.json", json.dumps(self._facts, indent=1) + "\n")

    @property
    def flavour(self):
        return FLAVOURS[self.facts["server"]]

    @property
    def lower(self):
        return self.facts["lower"]

    @property
    def disk_mib(self):
        return self.facts["disk_mib"]

    @property
    def disks(self):
        """Where the nodes' data disks are: on the machine's disk, or in the lab's directory, which is in memory."""
        return self.directory + "/disks" if self.facts["in_memory"] else f"{DISKS}/{self.name}"

    @property
    def network(self):
        return Network(self.directory, self.facts["subnet"])

    @property
    def vip(self):
        return self.network.vip

    @property
    def nodes(self):
        if self._nodes is None:
            self._nodes = [Node(self, number) for number in range(1, self.facts["nodes"] + 1)]
        return self._nodes

    def node(self, which):
        """A node by its number or its name; a Node stays what it is."""
        if isinstance(which, Node):
            return which
        for node in self.nodes:
            if str(which) in (node.name, str(node.number)):
                return node
        raise LabError(f"lab {self.name!r} has no node {which!r}, only {', '.join(node.name for node in self.nodes)}")

    def live_nodes(self):
        return [node for node in self.nodes if node.alive()]

    def answering_nodes(self):
        """The nodes that are on and not frozen: a command in them does not hang."""
        return [node for node in self.live_nodes() if not node.cgroup.is_frozen()]

    def exists(self):
        return os.path.isdir(self.directory)

    def setting(self, name):
        """A setting of the power switch."""
        return read_text(f"{self.directory}/settings/{name}", SETTINGS[name]).strip()

    def set(self, name, value):
        if name not in SETTINGS:
            raise LabError(f"unknown setting {name!r}: there are {', '.join(SETTINGS)}")
        write_text(f"{self.directory}/settings/{name}", str(value))

    # Up

    def up(self, server="mariadb", nodes=3, token=1000, agent=True, disk_mib=2048, in_memory=False, in_cluster=True,
           wait=True, qdevice=False):
        """Makes the lab and, unless told otherwise, waits until all nodes are online with a DC (and a quorum device votes). Returns the Lab.

        in_memory: the data disks are files in memory, for tests that measure: three nodes that flush to one disk wait for each other,
        which nodes of their own do not. What a power cut loses is the same.
        """
        require_root()
        if server not in FLAVOURS:
            raise LabError(f"unknown server {server!r}: there are {', '.join(FLAVOURS)}")
        if not 1 <= nodes <= 9:
            raise LabError("a lab has 1 to 9 nodes")
        if qdevice and nodes % 2:
            raise LabError("a quorum device is for an even number of nodes: its algorithm ffsplit breaks the tie of two halves")
        base, installed = prepare(server, agent)
        with locked(lock_of("lab." + self.name), f"another command on lab {self.name!r}"):
            layer = self.directory + "/agent"
            self.claim(server=server, nodes=nodes, token=token, agent=installed, disk_mib=disk_mib,
                       in_memory=in_memory, base=base,
                       lower=f"{layer}:{base}" if installed else base, in_cluster=in_cluster, qdevice=qdevice)
            try:
                if installed:
                    # Copied off the machine's disk: two layers of an overlay must not lie one inside the other.
                    shutil.copytree(installed, layer, symlinks=True)
                self.make()
            except BaseException:
                self.tear_down()
                raise
        if wait and in_cluster:
            self.wait_online()
        return self

    def claim(self, **facts):
        """Takes the name and a subnet that no other lab has."""
        with locked(LOCK):
            if self.exists():
                if self.facts_readable() and self.facts.get("complete") and self.live_nodes():
                    raise LabError(f"lab {self.name!r} is up already: `lab down` ends it, `--name` makes another")
                self.tear_down()
            os.makedirs(self.directory)
            run(["mount", "-t", "tmpfs", "-o", "size=50%,mode=755", "systole-lab", self.directory])
            self._nodes = None
            self.write_facts(subnet=free_subnet(), complete=False, **facts)

    def facts_readable(self):
        self._facts = None
        try:
            return bool(self.facts)
        except (LabError, ValueError):
            return False

    def make(self):
        os.makedirs(self.shared)
        self.write_files()
        self.network.create()
        power.start(self)
        if self.facts["qdevice"]:
            quorum.start(self)
        with concurrent.futures.ThreadPoolExecutor(len(self.nodes)) as pool:
            for done in [pool.submit(node.power_on) for node in self.nodes]:
                done.result()
        self.write_facts(complete=True)

    def write_files(self):
        """Writes what the nodes have of their own into their layers, before they boot."""
        names = [(node.number, node.name, node.address) for node in self.nodes]
        hosts = "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for _, name, address in names)
        hosts += f"{self.network.vip} vip\n{self.network.client_address} client\n"
        write_text(self.network.hosts, hosts)
        base = self.facts["base"]
        device = self.network.client_address if self.facts["qdevice"] else None
        accounts = {"administration": ("systole", secrets.token_hex(16)),
                    "replication": ("systole_repl", secrets.token_hex(16)),
                    "site": ("systole_site", secrets.token_hex(16))}
        files = {"/etc/hosts": hosts,
                 "/etc/corosync/corosync.conf": cluster.corosync_conf(self.name, names, self.facts["token"], device),
                 "/etc/systole-lab/cib.xml": cluster.seed_cib(base),
                 "/etc/mysql/lab.cnf": LAB_CNF}
        if not self.facts["in_cluster"]:
            files["/etc/systole-lab/no-cluster"] = ""
        if device:
            files["/etc/systole-lab/qdevice"] = ""
        for node in self.nodes:
            os.makedirs(node.upper)
            for directory in ("/etc/corosync", "/var/lib/corosync", "/var/lib/pacemaker", "/var/log/corosync",
                              "/var/log/pacemaker", "/var/log/mysql"):
                hide_lower(node.upper + directory)
            for path, text in {**files, "/etc/hostname": node.name + "\n"}.items():
                write_text(node.upper + path, text)
            write_secrets(node.upper, accounts)
            install_file("fence_lab", node.upper + "/usr/sbin/fence_lab")
            install_file("init", node.upper + "/usr/lib/systole-lab/init")
            install_file("../writer.py", node.upper + "/usr/lib/systole-lab/writer.py")
            os.makedirs(node.upper + "/var/lib/mysql")

    def wait_online(self, timeout=60):
        """Waits until every node is online and one of them is the DC."""
        names = {node.name for node in self.nodes}

        def reached():
            state = self.state()
            if not (state.dc and state.online == names):
                return f"online: {' '.join(sorted(state.online)) or 'none'}"
            return not self.facts["qdevice"] or all(self.device_votes(node) for node in self.nodes) or "the quorum device does not vote"
        self.wait_until(reached, timeout, "all nodes to be online")

    # Down

    def down(self):
        """Removes everything that the lab made, however much of it is left."""
        require_root()
        with locked(lock_of("lab." + self.name), f"another command on lab {self.name!r}"):
            with locked(LOCK):
                self.tear_down()

    def tear_down(self):
        self.end_processes()
        self.remove_cgroups()
        self.detach_disks()
        unmount_below(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        if os.path.isdir(STATE) and not os.listdir(STATE):
            os.rmdir(STATE)
        shutil.rmtree(f"{DISKS}/{self.name}", ignore_errors=True)
        if os.path.isdir(DISKS) and not os.listdir(DISKS):
            os.rmdir(DISKS)
        self._facts = self._nodes = None

    def end_processes(self):
        """Kills what carries the lab's mark, and what entered a node of it, until none is left."""
        ours = process.namespace(os.getpid(), "mnt")
        entered, remaining = set(), set()
        end = time.monotonic() + 15
        while True:
            thaw_all(self.name)
            found = set(process.of_lab(self.name))
            entered |= {process.namespace(pid, "mnt") for pid, _ in found} - {ours, None}
            found |= set(process.in_namespaces(entered, "mnt"))
            remaining |= found
            for who in remaining:
                process.send(who, signal.SIGKILL)
            remaining = {who for who in remaining if not process.kill(who, timeout=0.5)}
            if not found and not remaining:
                return
            if time.monotonic() > end:
                pids = " ".join(str(pid) for pid, _ in sorted(remaining or found))
                raise LabError(f"processes of lab {self.name!r} do not end: {pids}")

    def remove_cgroups(self):
        """A group counts a large process as long as the kernel takes it down, a moment longer than it is seen."""
        end = time.monotonic() + 5
        while (left := [found for where in ("", "/*") for found in glob.glob(f"/sys/fs/cgroup{where}/systole-lab/{self.name}/")]) \
                and time.monotonic() < end:
            for directory in left:
                for node_directory in glob.glob(directory + "*/"):
                    remove_directories_up(node_directory.rstrip("/"), 1)
                remove_directories_up(directory.rstrip("/"), 2)
            time.sleep(0.01)

    def detach_disks(self):
        end = time.monotonic() + 5
        for image in glob.glob(f"{DISKS}/{self.name}/*") + glob.glob(self.directory + "/disks/*"):
            while loop_devices(image) and time.monotonic() < end:
                time.sleep(0.01)
            for device in loop_devices(image):
                run(["losetup", "-d", "/dev/" + device], check=False)

    # The cluster

    def state(self, node=None):
        """The cluster's state as a node sees it; without one, as a node of the partition with quorum sees it."""
        return self._look([self.node(node)] if node else self.answering_nodes())[1]

    def _look(self, candidates):
        """The first of the nodes that has quorum, or else that knows a DC, or else that answers, and what it sees; (None, nothing) without one."""
        best = (None, cluster.ClusterState())
        for candidate in candidates:
            result = candidate.run(["crm_mon", "-1", "--output-as=xml"], timeout=10)
            if not result.ok:
                continue
            state = cluster.parse_state(result.stdout)
            if state.quorum:
                return candidate, state
            if best[0] is None or (state.dc and not best[1].dc):
                best = (candidate, state)
        return best

    def device_votes(self, node):
        """True when a node counts the vote of the quorum device."""
        return bool(re.search(r" A,V.*\(local\)", self.node(node).run(["corosync-quorumtool", "-s"]).stdout))

    def primary(self, resource="db"):
        """The name of the node that is promoted, or None when there is none (or more than one)."""
        return self.state().promoted(resource)

    def vip_node(self):
        """The name of the node that has the virtual IP, or None."""
        found = self.state().where("vip", "Started")
        return found[0] if len(found) == 1 else None

    def configure(self, spec, properties=None, stickiness="1"):
        """Pushes fencing, the promotable resource of an AgentSpec and the VIP into the CIB, in one step."""
        names = [node.name for node in self.nodes]
        xml = resources.configuration(spec, names, self.vip, properties, stickiness)
        self.on_live_node(["cibadmin", "--modify", "--allow-create", "--scope", "configuration", "--xml-pipe"], stdin=xml)

    def resource(self, stateful=False, properties=None, stickiness="1", **params):
        """The recommended configuration: ocf:systole:mysql with more parameters, or ocf:pacemaker:Stateful."""
        spec = resources.STATEFUL if stateful else resources.systole(self.flavour)
        self.configure(spec.with_params(**params), properties, stickiness)

    def on_live_node(self, command, timeout=30.0, stdin=None):
        """Runs a cluster command on a node of the partition with quorum, not on one that only boots; its failure is a LabError."""
        live = self.answering_nodes()
        if not live:
            raise LabError(f"all nodes of lab {self.name!r} are off or frozen")
        return (self._look(live)[0] or live[0]).run(command, timeout=timeout, stdin=stdin, check=True)

    def wait_until(self, predicate, timeout, what, interval=0.3):
        """Waits until predicate() is true and returns what it said. A text or a false value means: not yet.

        Looking costs what is looked at: a shorter interval delays a failover that it measures."""
        end = time.monotonic() + timeout
        while True:
            said = predicate()
            if said and not isinstance(said, str):
                return said
            if time.monotonic() > end:
                detail = f" ({said})" if said else ""
                raise LabError(f"waited {timeout} s in vain for {what}{detail}")
            time.sleep(interval)

    def unsettled(self, resource="db", nodes=None, failures_ok=False):
        """Why the cluster is not settled, in a few words; '' when it is."""
        wanted = {node.name for node in self.nodes} if nodes is None else set(nodes)
        state = self.state()
        promoted, unpromoted = state.where(resource, "Promoted"), state.where(resource, "Unpromoted")
        reasons = [
            (not (state.dc and state.quorum), "no DC with quorum"),
            (not wanted <= state.online, f"online: {' '.join(sorted(state.online)) or 'none'}"),
            (bool(state.unclean), f"unclean: {' '.join(sorted(state.unclean))}"),
            (len(promoted) != 1, f"promoted: {' '.join(promoted) or 'none'}"),
            (set(promoted) | set(unpromoted) != wanted, f"unpromoted: {' '.join(unpromoted) or 'none'}"),
            (state.where("vip", "Started") != promoted, f"vip: {' '.join(state.where('vip', 'Started')) or 'nowhere'}"),
            (bool(state.failures) and not failures_ok, "failed: " + "; ".join(state.failures)),
            (bool(state.pending), "; ".join(state.pending)),
        ]
        for unmet, reason in reasons:
            if unmet:
                return reason
        return "" if self.is_idle(state.dc) else "the controller is busy"

    def is_idle(self, dc):
        """True when the DC has nothing left to do. `dc` is only where to look first: partitions that have merged may name a former one."""
        def says_idle(node):
            return "S_IDLE" in node.run(["crmadmin", "-S", node.name], timeout=10).stdout
        return bool(dc) and (says_idle(self.node(dc)) or any(says_idle(node) for node in self.answering_nodes() if node.name != dc))

    def wait_settled(self, timeout=60, resource="db", nodes=None, failures_ok=False):
        """Waits for one Promoted, the rest (of `nodes`) Unpromoted, the VIP with it, nothing failed, nothing to do.

        Pacemaker remembers a failed action until `cleanup`: after a fault that it notices, say failures_ok.
        Returns the primary's name."""
        self.wait_until(lambda: self.unsettled(resource, nodes, failures_ok) or True, timeout, "the cluster to settle")
        return self.primary(resource)

    def cleanup(self, node=None, patience=30):
        """Forgets failed actions, as an operator does: when the cluster has nothing to do, or when it never ends having something to do.

        Monitors that Pacemaker has just ordered are lost otherwise; half a minute later it takes that for a failure."""
        try:
            time.sleep(0.3)             # what was just changed has been noticed
            self.wait_until(lambda: self.is_idle(self.state().dc), patience, "the controller to be idle")
        except LabError:
            pass
        self.on_live_node(["crm_resource", "--cleanup", *(["--node", node] if node else [])], timeout=60)

    def move(self, target, resource="db"):
        """Wants the role on that node, as an operator does; returns at once."""
        self.on_live_node(["crm_resource", "--move", "--promoted", "--resource", resource + "-clone", "--node", target])

    def clear(self, resource="db"):
        """Takes back what a move, or a ban, has tied the role to."""
        self.on_live_node(["crm_resource", "--clear", "--resource", resource + "-clone"])

    # The servers

    def sql(self, node, query, timeout=15.0, check=True, socket=resources.SOCKET):
        """Runs SQL on a node's server through its socket, as its root (or the administration account). Rows of texts.

        With check=False a Result is returned instead, as of a client program."""
        node = self.node(node)
        result = ask(node, socket, CLIENT_CNF, query, timeout)
        if not check:
            return result
        if not result.ok:
            raise LabError(f"SQL on {node.name} failed ({result.returncode}): {result.stderr.strip()} in: {query}")
        return [line.split("\t") for line in result.stdout.splitlines()]

    def session(self, node, timeout=120.0):
        """A session on a node's server, for what must stay open: a pymysql connection."""
        return connect(self.node(node), resources.SOCKET, CLIENT_CNF, timeout)

    def position(self, node):
        """What a node's server has executed, as its GTID text."""
        variable = "gtid_executed" if self.flavour.name == "mysql" else "gtid_current_pos"
        # MySQL writes one server per line.
        return "".join(line for row in self.sql(node, f"SELECT @@GLOBAL.{variable}") for line in row)

    def wait_in_sync(self, timeout=60, nodes=None):
        """Waits until the servers of all nodes (or of `nodes`) have the same position; nobody may be writing."""
        def reached():
            try:
                positions = {self.node(node).name: self.position(node) for node in nodes or self.nodes}
            except LabError as failed:
                return str(failed)
            return True if len(set(positions.values())) == 1 else str(positions)
        self.wait_until(reached, timeout, "all servers to have the same position", interval=0.2)

    # Faults and the outside

    def fault(self, name, node, *arguments):
        """Injects a fault (see faults.FAULTS), or ends one: fault('clear-NAME', node)."""
        faults.inject(self, name, self.node(node), *arguments)

    def client(self, command, timeout=30.0, stdin=None, check=False):
        """Runs a program of this machine in the client's network."""
        return run(self.network.client_command(command), timeout=timeout, stdin=stdin, check=check)

    def client_popen(self, command, **options):
        """The same without waiting; the process ends with the lab."""
        env = {**os.environ, process.MARK: self.name}
        return subprocess.Popen(self.network.client_command(command), env=env, **options)

    def start_waiter(self):
        """A client that waits for an answer of the primary for ever; what it prints when it is told that none will come is to be read."""
        waiting = self.client_popen([PYTHON, "-B", HERE + "/waiter.py", self.network.vip, *(["--tls"] if self.flavour.client_tls else [])],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        ready, _, _ = select.select([waiting.stdout], [], [], 30)
        if not ready or waiting.stdout.readline() != "asks\n":
            waiting.kill()
            raise LabError("the client that is to wait has no connection")
        return waiting

    def set_up_application(self, timeout=90.0):
        """Creates the table and the account that writers use, on the primary: may wait for its first replicas."""
        self.sql(self.primary(), application.SETUP, timeout=timeout)

    def start_writers(self, at="client", host=None, writers=5, period_ms=50, log=None, program=None, port=3306):
        """Starts an application that writes through the VIP (or to `host`) from the client or from a node.

        `program`: a file that calls writer.main() with another kind of writer."""
        return application.Application(self, at, host or self.vip, writers, period_ms, log, program, port)

    def rows(self, node):
        """The ids that are in the application's table on a node."""
        return {int(row[0]) for row in self.sql(node, "SELECT id FROM lab.writes", timeout=60)}

    def collect_logs(self, directory):
        """Copies the logs of all nodes, running or not, and the cluster's state into a directory."""
        os.makedirs(directory, exist_ok=True)
        for node in self.nodes:
            target = f"{directory}/{node.name}"
            os.makedirs(target, exist_ok=True)
            for source in (node.upper + "/var/log/pacemaker", node.upper + "/var/log/corosync",
                           node.upper + "/var/log/mysql", node.directory + "/boot.log",
                           *glob.glob(node.upper + "/var/lib/systole/*/worker.log")):
                copy_logs(source, target)
            if node.alive():
                for path in glob.glob(node.path("/var/lib/mysql") + "/*.err"):
                    copy_logs(path, target)
        copy_logs(self.directory + "/power.log", directory)
        for name, command in (("crm_mon.txt", ["crm_mon", "-1", "-A", "-f", "-r"]), ("cib.xml", ["cibadmin", "-Q"])):
            for node in self.answering_nodes()[:1]:
                result = node.run(command)
                write_text(f"{directory}/{name}", result.stdout + result.stderr)
        return directory


def prepare(server, agent=True):
    """Installs and builds what is missing: (root of the nodes, directory of the installed agent or None)."""
    flavour = FLAVOURS[server]
    if agent and "configure.ac" not in build.source_files():
        build.ensure(flavour, "/")          # says so before anything is downloaded
    install.install(flavour.outside)
    base = "/" if flavour.base == "host" else sidroot.ensure(flavour.inside)
    return base, build.ensure(flavour, base) if agent else None


def all_labs():
    """The names of the labs that are up, or of which something is left."""
    found = set(os.listdir(STATE)) if os.path.isdir(STATE) else set()
    return sorted(found | (set(os.listdir(DISKS)) if os.path.isdir(DISKS) else set()))


def require_root():
    if os.geteuid() != 0:
        raise LabError("the lab makes namespaces and mounts: run it as root")


def hide_lower(directory):
    """An overlay directory that shows nothing of the layers below it."""
    os.makedirs(directory)
    os.setxattr(directory, "trusted.overlay.opaque", b"y")


def write_secrets(upper, accounts):
    os.makedirs(upper + "/etc/systole", mode=0o700)
    os.chmod(upper + "/etc/systole", 0o700)
    text = "\n".join(f"[{group}]\nuser={user}\npassword={password}\n" for group, (user, password) in accounts.items())
    write_text(upper + resources.CREDENTIALS, text, 0o600)
    user, password = accounts["administration"]
    write_text(upper + CLIENT_CNF,
               f"[client]\nuser={user}\npassword={password}\nsocket={resources.SOCKET}\n", 0o600)


def install_file(name, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(f"{NODE_FILES}/{name}", target)
    os.chmod(target, 0o755)


def copy_logs(source, target):
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif os.path.exists(source):
        shutil.copy(source, target)


def thaw_all(name):
    """A frozen process does not die of SIGKILL."""
    for path in glob.glob(f"/sys/fs/cgroup/freezer/systole-lab/{name}/*/freezer.state"):
        with open(path, "w") as file:
            file.write("THAWED")


def remove_directories_up(path, levels):
    for _ in range(levels):
        try:
            os.rmdir(path)
        except OSError:
            return
        path = os.path.dirname(path)


def unmount_below(directory):
    """Unmounts everything at and below a directory, the last mounted first."""
    mounts = [line.split()[4] for line in read_text("/proc/self/mountinfo", "").splitlines()]
    for point in reversed([point for point in mounts if point == directory or point.startswith(directory + "/")]):
        run(["umount", "-l", point], check=False)
