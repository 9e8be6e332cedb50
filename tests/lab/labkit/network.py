"""The lab's network: a bridge in a network namespace of its own, so that nothing is added to the machine's."""
import glob
import json
import os

from .paths import STATE
from .shell import LabError, read_text, run

BRIDGE = "bridge"


def free_subnet():
    """The first /24 below 10.77 that no lab has; the caller holds the lab's lock."""
    taken = set()
    for file in glob.glob(STATE + "/*/lab.json"):
        taken.add(json.loads(read_text(file, "{}")).get("subnet"))
    for number in range(1, 255):
        if f"10.77.{number}" not in taken:
            return f"10.77.{number}"
    raise LabError("all the 254 subnets of the lab are taken: end some labs with `lab down`")


class Network:
    """The switch and the client of one lab. Both are namespaces held by files in the lab's directory."""

    def __init__(self, directory, subnet):
        self.directory = directory
        self.subnet = subnet
        self.switch = directory + "/net/switch"
        self.client = directory + "/net/client"
        self.hosts = directory + "/hosts"

    def address(self, number):
        return f"{self.subnet}.{10 + number}"

    @property
    def vip(self):
        return f"{self.subnet}.50"

    @property
    def client_address(self):
        return f"{self.subnet}.100"

    def create(self):
        for namespace in (self.switch, self.client):
            os.makedirs(os.path.dirname(namespace), exist_ok=True)
            open(namespace, "w").close()
            run(["unshare", f"--net={namespace}", "true"])
        self.ip(f"link set lo up\n"
                f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"
                f"link set {BRIDGE} up")
        run(["nsenter", f"--net={self.switch}", "ip", "link", "add", "client", "type", "veth",
             "peer", "name", "eth0", "netns", self.client])
        self.ip(f"link set client master {BRIDGE} up")
        run(["nsenter", f"--net={self.client}", "ip", "-batch", "-"],
            stdin=f"link set lo up\naddress add {self.client_address}/24 dev eth0\nlink set eth0 up")

    def ip(self, batch, check=True):
        """Runs lines of `ip` commands in the switch."""
        return run(["nsenter", f"--net={self.switch}", "ip", "-batch", "-"], stdin=batch + "\n", check=check)

    def plug_in(self, port, init_pid):
        """Gives a booting node its cable."""
        self.remove(port)
        run(["nsenter", f"--net={self.switch}", "ip", "link", "add", port, "type", "veth",
             "peer", "name", "eth0", "netns", str(init_pid)])
        self.connect(port)

    def remove(self, port):
        if self.has_port(port):
            self.ip(f"link delete {port}", check=False)

    def has_port(self, port):
        return run(["nsenter", f"--net={self.switch}", "ip", "link", "show", port], check=False).ok

    def connect(self, port):
        self.ip(f"link set {port} master {BRIDGE} up")

    def disconnect(self, port):
        self.ip(f"link set {port} nomaster")

    def client_command(self, command):
        """A command line that runs `command` in the client's network, with the lab's names in /etc/hosts.

        Its private view of the mounts leaves out other labs, so that it keeps nothing of them when they end."""
        script = (f'for lab in {STATE}/*; do [ "$lab" = {self.directory} ] || umount -l -R "$lab" 2> /dev/null; done; '
                  f'mount --bind {self.hosts} /etc/hosts && exec "$@"')
        return ["nsenter", f"--net={self.client}", "unshare", "--mount", "sh", "-c", script, "sh", *command]
