"""The quorum device: corosync-qnetd beside the client, outside of all nodes. It votes, and dies with no node."""
import os
import subprocess
import time

from . import process
from .shell import LabError, last_words

PORT = 5403


def start(lab):
    """Starts corosync-qnetd, without TLS, in the client's network, and waits until it listens. It ends with the lab."""
    log = lab.directory + "/qnetd.log"
    # Its lock and its socket have fixed names: each lab's has a /run/corosync-qnetd of its own.
    script = "mkdir -p /run/corosync-qnetd && mount -t tmpfs qnetd /run/corosync-qnetd && exec corosync-qnetd -f -s off"
    with open(log, "a") as out:
        started = subprocess.Popen(lab.network.client_command(["sh", "-c", script]), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   cwd="/", start_new_session=True, env={**os.environ, process.MARK: lab.name})
    end = time.monotonic() + 15
    while not lab.client(["ss", "-Htln", f"sport = :{PORT}"]).stdout.strip():
        if started.poll() is not None or time.monotonic() > end:
            raise LabError(f"corosync-qnetd did not start: {last_words(log)}")
        time.sleep(0.05)
