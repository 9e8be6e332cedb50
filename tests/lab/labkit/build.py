"""Builds the project for one flavour, out of its tree, and keeps the installed result by a hash of the sources."""
import glob
import hashlib
import os
import shutil

from .paths import CACHE, LOGS, PROJECT, STATE, lock_of
from .shell import LabError, locked, read_text, run, run_logged, say, write_text

CONFIGURE = ["--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var", "--with-ocfdir=/usr/lib/ocf"]
NOT_BUILT = ("tests/lab/", "tests/bench/", "tests/cluster/")
KEPT = 4

# $1: the work directory as the compiler sees it; $2: where to install; then configure's arguments.
RECIPE = """set -e
work=$1 destination=$2; shift 2
cd "$work/src"
if [ ! -e configure ] || [ "$work/again" -nt configure ]; then autoreconf -fi; fi
mkdir -p "$work/obj"
cd "$work/obj"
if [ ! -e Makefile ] || [ ../src/configure -nt config.status ]; then ../src/configure "$@"; fi
make -j2
make install DESTDIR="$destination"
"""


def ensure(flavour, base):
    """The directory of the installed agent for this flavour, built when the sources changed."""
    files = source_files()
    if "configure.ac" not in files:
        raise LabError(f"there is nothing to build yet: {PROJECT} has no configure.ac (`--no-agent` goes without)")
    installed = f"{CACHE}/agent/{flavour.name}-{source_hash(files, base)}"
    if os.path.isdir(installed):
        os.utime(installed)
        return installed
    work = f"{CACHE}/build/{flavour.name}-{hashlib.sha256(PROJECT.encode()).hexdigest()[:8]}"
    with locked(lock_of("build." + flavour.name), "another build of the agent"):
        if not os.path.isdir(installed):
            build(flavour, base, files, work, installed)
            prune(installed)
    return installed


def build(flavour, base, files, work, installed):
    log = f"{LOGS}/build-{flavour.name}.log"
    write_text(log, "")
    say(f"building the agent for {flavour.name} (progress in {log})")
    synchronise(files, work)
    shutil.rmtree(work + "/install", ignore_errors=True)
    what = f"building the agent for {flavour.name}"
    if base == "/":
        run_logged(["sh", "-c", RECIPE, "sh", work, work + "/install", *CONFIGURE], log, what=what)
    else:
        script = ('mount --bind "$2" "$1/mnt" && mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && '
                  'shift 2 && exec chroot "$0" "$@"')
        run_logged(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "sh", "-c", script, base, base, work,
                    "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                    "sh", "-c", RECIPE, "sh", "/mnt", "/mnt/install", *CONFIGURE], log, what=what)
    if not os.path.isdir(work + "/install"):
        raise LabError(f"the project builds, but its `make install` installed nothing (see {log})")
    os.makedirs(os.path.dirname(installed), exist_ok=True)
    os.rename(work + "/install", installed)


def source_files():
    """Paths below the project of what may go into a build: git's files, those not yet added included."""
    listed = run(["git", "-C", PROJECT, "-c", f"safe.directory={PROJECT}", "ls-files", "-z", "--cached", "--others",
                  "--exclude-standard"], check=False)
    if listed.ok:
        names = listed.stdout.split("\0")
    else:
        names = [os.path.relpath(os.path.join(top, name), PROJECT)
                 for top, _, found in os.walk(PROJECT) if "/.git" not in top for name in found]
    return sorted({name for name in names if name and not name.startswith(NOT_BUILT)
                   and os.path.isfile(os.path.join(PROJECT, name))})


def source_hash(files, base):
    """Changes when a source, the way of building, or the root it is built in does."""
    digest = hashlib.sha256(f"{RECIPE}{CONFIGURE}{base}".encode())
    for name in files:
        path = os.path.join(PROJECT, name)
        digest.update(f"{name}\0{os.stat(path).st_mode & 0o111}\0".encode())
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]


def synchronise(files, work):
    """Brings the private copy of the sources up to date; unchanged files keep their times, so make is quick."""
    source = work + "/src"
    old = set(read_text(work + "/files", "").splitlines())
    for gone in old - set(files):
        if os.path.exists(f"{source}/{gone}"):
            os.unlink(f"{source}/{gone}")
    changed = [name for name in files if copy_changed(os.path.join(PROJECT, name), f"{source}/{name}")]
    write_text(work + "/files", "\n".join(files))
    if any(name.startswith("m4/") or os.path.basename(name) in ("configure.ac", "Makefile.am") for name in changed):
        write_text(work + "/again", "")


def copy_changed(source, target):
    with open(source, "rb") as file:
        text = file.read()
    if os.path.isfile(target):
        with open(target, "rb") as file:
            if file.read() == text:
                return False
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(source, target)
    shutil.copymode(source, target)
    return True


def prune(current):
    """Keeps the newest results, and those that a running lab uses."""
    in_use = "".join(read_text(file, "") for file in glob.glob(STATE + "/*/lab.json"))
    others = sorted((path for path in glob.glob(CACHE + "/agent/*") if path != current), key=os.path.getmtime)
    for path in others[:-KEPT]:
        if path not in in_use:
            shutil.rmtree(path, ignore_errors=True)
