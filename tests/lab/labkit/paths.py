"""Where the lab keeps things: state in /run (gone after `down`), caches and disks in /var/cache."""
import os

STATE = "/run/systole-lab"
CACHE = "/var/cache/systole-lab"
DISKS = CACHE + "/disks"
LOGS = CACHE + "/log"
LOCK = CACHE + "/lock"

HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
NODE_FILES = os.path.join(HERE, "node")
PROJECT = os.path.dirname(os.path.dirname(HERE))


def lock_of(what):
    return f"{CACHE}/lock.{what}"

PYTHON = "/usr/bin/python3"     # Debian's: the one that has the packages
