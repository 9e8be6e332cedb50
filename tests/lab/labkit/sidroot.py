"""A root of Debian unstable beside the system: it has the real MySQL and Pacemaker 3."""
import glob
import hashlib
import os
import re
import shutil

from .paths import CACHE, LOGS, STATE, lock_of
from .shell import LabError, locked, read_text, run, run_logged, say, write_text

RECIPE = r"""set -e
mirror=$1 root=$2; shift 2
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
debootstrap --variant=minbase --include=ca-certificates sid "$root" "$mirror"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
printf '127.0.0.1 localhost\n' > "$root/etc/hosts"
# The machine's clock may be ahead of the archive's Release file.
printf 'Acquire::Check-Valid-Until "false";\nAPT::Install-Recommends "0";\n' > "$root/etc/apt/apt.conf.d/90lab"
printf 'path-exclude /usr/share/%s/*\n' doc man locale info > "$root/etc/dpkg/dpkg.cfg.d/90lab"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
if [ -e /etc/resolv.conf ]; then cat /etc/resolv.conf > "$root/etc/resolv.conf"; fi
inside() { chroot "$root" "$@"; }
inside apt-get -q update
inside apt-get -q -y --no-install-recommends install passwd "$@"
inside getent group mysql > /dev/null || inside groupadd --system mysql
inside getent passwd mysql > /dev/null ||
    inside useradd --system --gid mysql --home-dir /nonexistent --no-create-home --shell /bin/false mysql
inside apt-get clean
rm -rf "$root/var/lib/apt/lists"/*
mkdir -p "$root/var/lib/corosync" "$root/var/lib/mysql" "$root/var/log/mysql" "$root/var/log/corosync"
"""


def ensure(packages):
    """The directory of a root with the packages in it, built when there is none yet."""
    root = f"{CACHE}/sid-{stamp(packages)}"
    if os.path.isdir(root):
        return root
    with locked(lock_of("sid"), "another build of the Debian unstable root"):
        if not os.path.isdir(root):
            build(root, packages)
            prune(root)
    return root


def stamp(packages):
    """Changes when the recipe or the list of packages does."""
    return hashlib.sha256("\n".join([RECIPE, *sorted(set(packages))]).encode()).hexdigest()[:12]


def build(root, packages):
    mirror = debian_mirror()
    log = LOGS + "/sid.log"
    say(f"building a root of Debian unstable (some minutes, about 1.5 GB, only once; progress in {log})")
    unfinished = root + ".tmp"
    shutil.rmtree(unfinished, ignore_errors=True)
    write_text(log, "")
    # Its mounts and processes live in namespaces of their own, so that an interrupted build leaves none.
    run_logged(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
                "sh", "-c", RECIPE, "sh", mirror, unfinished, *dict.fromkeys(packages)],
               log, what="building the root of Debian unstable", env=proxy_environment())
    os.rename(unfinished, root)


def prune(current):
    """Removes older roots that no running lab has as its base."""
    in_use = "".join(read_text(file, "") for file in glob.glob(STATE + "/*/lab.json"))
    for old in glob.glob(CACHE + "/sid-*"):
        if old != current and not re.search(re.escape(old) + r'["/:]', in_use):
            shutil.rmtree(old, ignore_errors=True)


def proxy_environment():
    """apt's proxy, where one is configured, also for debootstrap's own downloads."""
    env = dict(os.environ)
    for scheme in ("http", "https"):
        proxy = run(["apt-config", "shell", "P", f"Acquire::{scheme}::Proxy"], check=False).stdout
        found = re.match(r"P='(.*)'", proxy)
        if found and found[1] not in ("", "DIRECT"):
            env[f"{scheme}_proxy"] = found[1]
    return env


def debian_mirror():
    """The Debian mirror that this machine's own apt uses."""
    release = read_text("/etc/os-release", "")
    codename = re.search(r"^VERSION_CODENAME=\"?(\w+)", release, re.M)
    for uri, suites, components in apt_sources():
        if codename and codename[1] in suites and "main" in components:
            return resolve_mirror_list(uri)
    raise LabError("found no Debian archive for this release in /etc/apt/sources.list or /etc/apt/sources.list.d: "
                   "the mysql flavour takes its packages from the same mirror")


def apt_sources():
    """Every (uri, suites, components) of apt's sources, in both of its formats."""
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*.list"))]:
        for line in read_text(path, "").splitlines():
            entry = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
            if entry:
                yield entry[1], [entry[2]], entry[3].split("#")[0].split()
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        text = re.sub(r"^#.*\n", "", read_text(path, ""), flags=re.M)
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", stanza, re.M))
            if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes").strip() != "no":
                for uri in fields.get("URIs", "").split():
                    yield uri, fields.get("Suites", "").split(), fields.get("Components", "").split()


def resolve_mirror_list(uri):
    """apt's mirror+file: lists hold real addresses; debootstrap needs one of those."""
    if not uri.startswith("mirror+file:"):
        return uri
    text = read_text(re.sub("^mirror\\+file:/*", "/", uri), "")
    found = re.search(r"^\s*(https?://\S+)", text, re.M)
    if not found:
        raise LabError(f"apt's mirror list {uri} names no http mirror")
    return found[1]
