"""One node: a machine made of namespaces, with power, a disk, a cable, and programs run in it."""
import fcntl
import glob
import os
import signal
import struct
import subprocess
import time

from . import process
from .cgroup import Cgroup
from .paths import NODE_FILES
from .shell import LabError, Result, last_words, locked, read_text, run, write_text

EXT4_IOC_SHUTDOWN = 0x8004587D
LOOP_GET_STATUS64 = 0x4C05
LOOP_INFO64_SIZE = 232
NO_LOG_FLUSH = 2            # drops what was not synced, as a power cut does
INSIDE = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]


class Node:
    def __init__(self, lab, number):
        self.lab = lab
        self.number = number
        self.name = f"node{number}"
        self.directory = f"{lab.directory}/nodes/{self.name}"
        self.upper = self.directory + "/upper"
        self.disk = f"{lab.disks}/{self.name}.img"
        self.cgroup = Cgroup(lab.name, self.name)

    def __repr__(self):
        return f"Node({self.name})"

    @property
    def address(self):
        return self.lab.network.address(self.number)

    # Power

    def init(self):
        """(pid, start time) of the node's init, as this machine sees it, or None when the node is off."""
        stat = read_text(self.directory + "/stat")
        found = process.fields_of(stat)
        if not found:
            return None
        who = (int(stat.split()[0]), int(found[19]))
        return who if process.is_alive(who) else None

    def alive(self):
        return self.init() is not None

    def power_on(self):
        """Boots the node; does nothing when it is on. Returns when its init is in place."""
        with locked(self.directory + "/power.lock"):
            write_text(self.directory + "/wanted", "on")
            if not self.alive():
                self.boot()

    def boot(self):
        for name in ("stat", "booted"):
            if os.path.exists(f"{self.directory}/{name}"):
                os.unlink(f"{self.directory}/{name}")
        for name in ("work", "root"):
            os.makedirs(f"{self.directory}/{name}", exist_ok=True)
        self.make_disk()
        self.wait_for_disk()
        command = ["unshare", "--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--", NODE_FILES + "/boot",
                   self.lab.name, self.name, self.directory, self.lab.lower, self.disk, self.address,
                   self.lab.shared, *self.cgroup.create()]
        with open(self.directory + "/boot.log", "w") as log:
            launcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                        start_new_session=True, env={**os.environ, process.MARK: self.lab.name})
        self.await_boot(launcher, "stat")
        self.lab.network.plug_in(self.name, self.init()[0])
        self.await_boot(launcher, "booted")

    def await_boot(self, launcher, name):
        end = time.monotonic() + 15
        while not os.path.exists(f"{self.directory}/{name}"):
            if launcher.poll() is not None or time.monotonic() > end:
                raise LabError(f"{self.name} did not boot: {last_words(self.directory + '/boot.log')}")
            time.sleep(0.005)

    def power_off(self, powercut=False):
        """Switches the node off at once: first its cable goes dead, then everything in it dies."""
        with locked(self.directory + "/power.lock"):
            write_text(self.directory + "/wanted", "off")
            self.cut_power(powercut)

    def cut_power(self, powercut):
        init = self.init()
        self.lab.network.remove(self.name)
        if init is None:
            return
        if powercut:
            self.drop_unsynced()
        inside = process.namespace(init[0], "mnt")
        process.send(init, signal.SIGKILL)
        for who in process.in_namespaces({inside} - {None}, "mnt"):     # whoever entered must let go, or it cannot die
            process.send(who, signal.SIGKILL)
        if self.cgroup.is_frozen():             # a frozen process of version 1 does not die
            self.cgroup.freeze(False)
        if not process.kill(init):
            raise LabError(f"{self.name} is still running 10 s after it was switched off")

    def drop_unsynced(self):
        """Shuts the data disk's file system down without writing: what was not synced is lost."""
        init = self.init()
        if init is None:
            raise LabError(f"{self.name} is off")
        directory = os.open(f"/proc/{init[0]}/root/var/lib/mysql", os.O_RDONLY)
        try:
            fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(directory)

    # Disk

    def make_disk(self):
        if os.path.exists(self.disk):
            return
        os.makedirs(os.path.dirname(self.disk), exist_ok=True)
        unfinished = self.disk + ".tmp"
        with open(unfinished, "w") as file:
            file.truncate(self.lab.disk_mib << 20)
        run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", unfinished])
        os.rename(unfinished, self.disk)

    def wait_for_disk(self):
        """A disk is mounted once only: waits until the node's previous life has let go of it."""
        end = time.monotonic() + 10
        while loop_devices(self.disk):
            if time.monotonic() > end:
                raise LabError(f"the disk of {self.name} is still in use by {loop_devices(self.disk)[0]}")
            time.sleep(0.01)

    def disk_device(self):
        """'major:minor' of the node's data disk."""
        devices = loop_devices(self.disk)
        if not devices:
            raise LabError(f"{self.name} is off")
        return read_text(f"/sys/block/{devices[0]}/dev").strip()

    # Programs

    def command(self, command, environment=()):
        """The command line that runs `command` in the node."""
        init = self.init()
        if init is None:
            raise LabError(f"{self.name} is off")
        return ["nsenter", "-t", str(init[0]), "-p", "-m", "-u", "-i", "-n", "-r", "-w", "--",
                *INSIDE, *environment, *command]

    def run(self, command, timeout=30.0, stdin=None, check=False):
        """Runs a program (a list, or a text for sh) in the node; status 124: stopped at the timeout, 75: node off."""
        if isinstance(command, str):
            command = ["sh", "-c", command]
        try:
            line = self.command(["timeout", "-s", "KILL", f"{timeout:.3f}", *command])
        except LabError as off:
            if check:
                raise
            return Result(75, "", str(off))
        started = time.monotonic()
        result = run(line, check=False, stdin=stdin, timeout=timeout + 5)
        if result.returncode in (137, -signal.SIGKILL) and time.monotonic() - started >= timeout:
            result = Result(124, result.stdout, result.stderr)
        if check and not result.ok:
            raise LabError(f"on {self.name} `{' '.join(command)}` ended with {result.returncode}: "
                           f"{(result.stderr or result.stdout).strip()}")
        return result

    def processes(self, *names):
        """(pid, start time) of the node's processes with these names, as this machine sees them."""
        init = self.init()
        if init is None:
            return []
        return sorted(who for who, name in process.in_pid_namespace(init[0]) if name in names)

    def mysqld(self):
        """(pid, start time) of the node's server as this machine sees it, or None."""
        found = self.processes("mysqld", "mariadbd")
        return found[0] if found else None

    def mysqld_pid(self):
        found = self.mysqld()
        return found[0] if found else None

    def path(self, path):
        """Where this machine sees a file of the live node."""
        init = self.init()
        if init is None:
            raise LabError(f"{self.name} is off")
        return f"/proc/{init[0]}/root{path}"


def loop_devices(image):
    """The loop devices (loop0, ...) that have this file: by its number, since its path is another one in another mount namespace."""
    if not os.path.exists(image):
        return []
    wanted, found = (os.stat(image).st_dev, os.stat(image).st_ino), []
    for path in glob.glob("/sys/block/loop*/loop"):
        name = path.split("/")[3]
        device = os.open("/dev/" + name, os.O_RDONLY)
        try:
            status = fcntl.ioctl(device, LOOP_GET_STATUS64, bytes(LOOP_INFO64_SIZE))
            if struct.unpack_from("QQ", status) == wanted:
                found.append(name)
        except OSError:                         # let go of meanwhile
            pass
        finally:
            os.close(device)
    return found
