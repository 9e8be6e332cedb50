"""The power switch: a process outside of all nodes, which the fence agent in the nodes asks over a unix socket.

One line in, `ACTION NODE [WHO ASKS]`; one line out, `OK ...` or `ERR ...`.
"""
import os
import socketserver
import subprocess
import threading
import time

from . import process
from .paths import HERE, PYTHON
from .shell import LabError, read_text

SOCKET = "power.sock"


def start(lab):
    """Starts the switch of a lab and waits until it answers."""
    code = f"import sys; sys.path.insert(0, {HERE!r}); from labkit import power; power.serve({lab.name!r})"
    with open(lab.directory + "/power.log", "a") as log:
        started = subprocess.Popen([PYTHON, "-I", "-c", code], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   cwd="/", start_new_session=True, env={**os.environ, process.MARK: lab.name})
    end = time.monotonic() + 10
    while not os.path.exists(f"{lab.shared}/{SOCKET}"):
        if started.poll() is not None or time.monotonic() > end:
            raise LabError(f"the power switch did not start: {read_text(lab.directory + '/power.log', '').strip()}")
        time.sleep(0.005)


def serve(name):
    """The switch itself: runs until it is killed."""
    from .lab import Lab
    lab = Lab(name)
    path = f"{lab.shared}/{SOCKET}"
    pid, start_time = process.identity(os.getpid())
    with open(lab.directory + "/power.pid", "w") as file:
        file.write(f"{pid} {start_time}")
    if os.path.exists(path):
        os.unlink(path)
    server = Server(path + ".new", Handler)
    server.lab = lab
    os.rename(path + ".new", path)          # whoever sees the socket can connect to it
    server.serve_forever()


def is_running(lab):
    words = read_text(lab.directory + "/power.pid", "").split()
    return len(words) == 2 and process.is_alive((int(words[0]), int(words[1])))


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 32


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        started = time.monotonic()
        action, node, asker = (self.rfile.readline(200).decode().split() + ["", "", ""])[:3]
        try:
            answer = "OK " + answer_to(self.server.lab, action, node)
        except (LabError, OSError) as failed:
            answer = f"ERR {failed}"
        note(f"{action} {node} for {asker or 'nobody'}: {answer} after {1000 * (time.monotonic() - started):.0f} ms")
        self.wfile.write(answer.strip().encode() + b"\n")


def answer_to(lab, action, name):
    if action == "list":
        return " ".join(node.name for node in lab.nodes)
    if action == "list-status":
        return " ".join(node.name for node in lab.nodes)
    if action == "monitor":
        return ""
    node = lab.node(name)
    if action == "status":
        return "on" if node.alive() else "off"
    if action == "on":
        node.power_on()
    elif action in ("off", "reboot"):
        time.sleep(float(lab.setting("fencing-takes")))
        node.power_off(powercut=lab.setting("powercut") == "yes")
        if action == "reboot" and lab.setting("reboot-after") != "never":
            threading.Thread(target=power_on_later, args=(node, float(lab.setting("reboot-after"))), daemon=True).start()
    else:
        raise LabError(f"unknown action {action!r}")
    return ""


def power_on_later(node, delay):
    """The second half of a reboot. Whoever switches the node meanwhile has the last word."""
    changed = os.stat(node.directory + "/wanted").st_mtime_ns
    time.sleep(delay)
    if os.stat(node.directory + "/wanted").st_mtime_ns != changed:
        return
    try:
        node.power_on()
        note(f"{node.name} is on again")
    except (LabError, OSError) as failed:
        note(f"{node.name} did not come back: {failed}")


def note(text):
    print(f"{time.strftime('%H:%M:%S')} {time.monotonic():.3f} {text}", flush=True)
