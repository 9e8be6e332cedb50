"""Installs Debian packages on this machine, without letting them start services."""
import contextlib
import os
import shutil

from .paths import LOGS, lock_of
from .shell import LabError, locked, run, run_logged, say, write_text

POLICY = "/usr/sbin/policy-rc.d"
SAVED = POLICY + ".before-systole-lab"
NO_SERVICES = "#!/bin/sh\n# Written by the Systole lab while it installs packages: no service may start.\nexit 101\n"


def missing(packages):
    """Those of the packages that are not installed."""
    listed = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages], check=False).stdout
    here = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    return [name for name in dict.fromkeys(packages) if name not in here]


def install(packages):
    """Installs what is missing of the packages; does nothing, quickly, when all are there."""
    if not shutil.which("dpkg-query"):
        raise LabError("the lab installs Debian packages, and this machine has no dpkg: use Debian 12 or newer")
    if not missing(packages):
        return
    with locked(lock_of("install"), "another installation of the lab"):
        wanted = missing(packages)
        if wanted:
            say("installing", len(wanted), "packages:", " ".join(wanted))
            with services_held():
                apt_get("update")
                apt_get("install", *wanted)
            if missing(wanted):
                raise LabError(f"apt installed no package named {' or '.join(missing(wanted))}")


def apt_get(verb, *packages):
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    options = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300",
               "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"]
    try:
        run_logged(["apt-get", *options, verb, *packages], LOGS + "/install.log", what=f"apt-get {verb}", env=env)
    except LabError as failed:
        if verb != "update":        # a broken foreign source is no reason to stop: the installation decides
            raise
        say(failed)


@contextlib.contextmanager
def services_held():
    """While it lasts, packages start no service; afterwards the machine's own policy is back."""
    if os.path.lexists(POLICY) and not os.path.lexists(SAVED) and not is_ours():
        os.rename(POLICY, SAVED)
    write_text(POLICY, NO_SERVICES, 0o755)
    try:
        yield
    finally:
        restore_policy()


def is_ours():
    with open(POLICY, errors="replace") as file:
        return file.read() == NO_SERVICES


def restore_policy():
    if os.path.lexists(SAVED):
        os.rename(SAVED, POLICY)
    elif os.path.lexists(POLICY) and is_ours():
        os.unlink(POLICY)
