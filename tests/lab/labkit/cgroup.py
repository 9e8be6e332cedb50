"""A node's control group: to freeze it and to slow its disk. Works with version 1 and version 2."""
import os

from .shell import LabError, read_text

MOUNT = "/sys/fs/cgroup"
TOP = "systole-lab"
CONTROLLERS = {"freezer": None, "blkio": "io"}      # name in version 1: what to enable in version 2


class Cgroup:
    def __init__(self, lab, node):
        self.lab, self.node = lab, node

    def directory(self, controller):
        """The group's directory for a controller, or None when this machine has none."""
        if os.path.isdir(f"{MOUNT}/{controller}"):
            return f"{MOUNT}/{controller}/{TOP}/{self.lab}/{self.node}"
        if os.path.exists(f"{MOUNT}/cgroup.controllers"):
            return f"{MOUNT}/{TOP}/{self.lab}/{self.node}"
        return None

    def directories(self):
        return sorted({self.directory(name) for name in CONTROLLERS} - {None})

    def create(self):
        """Makes the directories and returns them: a process joins by writing 0 to their cgroup.procs."""
        for path in self.directories():
            os.makedirs(path, exist_ok=True)
        if os.path.exists(f"{MOUNT}/cgroup.controllers"):
            self.enable_io()
        return self.directories()

    def enable_io(self):
        """Version 2 hands a controller down level by level; a machine that refuses only loses the slow disk."""
        for parent in (MOUNT, f"{MOUNT}/{TOP}", f"{MOUNT}/{TOP}/{self.lab}"):
            try:
                write(parent + "/cgroup.subtree_control", "+io")
            except OSError:
                return

    def freeze(self, frozen):
        directory = self.directory("freezer")
        if not directory:
            raise LabError("this machine has no freezer control group, so a node cannot be frozen")
        if os.path.exists(directory + "/freezer.state"):
            write(directory + "/freezer.state", "FROZEN" if frozen else "THAWED")
        else:
            write(directory + "/cgroup.freeze", "1" if frozen else "0")

    def is_frozen(self):
        directory = self.directory("freezer") or "/nonexistent"
        state = read_text(directory + "/freezer.state") or read_text(directory + "/cgroup.freeze") or ""
        return state.strip() in ("FROZEN", "FREEZING", "1")

    def limit_writes(self, device, per_second):
        """At most so many writes per second to the device 'major:minor'; 0 lifts the limit."""
        directory = self.directory("blkio") or ""
        if os.path.exists(directory + "/blkio.throttle.write_iops_device"):
            write(directory + "/blkio.throttle.write_iops_device", f"{device} {per_second}")
        elif os.path.exists(directory + "/io.max"):
            write(directory + "/io.max", f"{device} wiops={per_second or 'max'}")
        else:
            raise LabError("this machine has no blkio or io control group, so a disk cannot be slowed")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
