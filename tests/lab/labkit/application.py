"""The application that writes through the virtual IP: starting it, stopping it, reading what it noted (see writer.py)."""
import os
import shutil
import signal
import subprocess
import sys
import time

from .paths import HERE, PYTHON
from .shell import LabError, read_text

if HERE not in sys.path:
    sys.path.insert(0, HERE)
from writer import SETUP, Log, read_log     # noqa: E402

__all__ = ["Application", "Log", "SETUP", "read_log"]
INSIDE = "/run/systole-lab"                 # where the nodes see the lab's shared directory


class Application:
    """Writers that are running. A context manager: they end with the block."""
    count = 0

    def __init__(self, lab, at, host, writers, period_ms, log, program=None, port=3306):
        self.lab = lab
        program = program or HERE + "/writer.py"
        Application.count += 1
        name = f"writer-{os.getpid()}-{Application.count}.log"
        options = ["--host", host, "--port", str(port), "--writers", str(writers), "--period", str(period_ms),
                   *(["--tls"] if lab.flavour.client_tls else [])]
        self.path = os.path.abspath(log) if log else f"{lab.shared}/{name}"
        self.errors = self.path + ".errors"
        started = time.monotonic()
        with open(self.errors, "w") as errors:
            streams = {"stdin": subprocess.DEVNULL, "stdout": errors, "stderr": errors, "start_new_session": True}
            if at == "client":
                command = [PYTHON, "-B", program, *options, self.path]
                self.process = lab.client_popen(command, **streams)
            else:
                self.path = f"{lab.shared}/{name}"      # the only directory that the nodes and this machine share
                shutil.copy(program, lab.shared)
                command = ["python3", "-B", f"{INSIDE}/{os.path.basename(program)}", *options, f"{INSIDE}/{name}"]
                self.process = subprocess.Popen(lab.node(at).command(command), **streams)
        self.started = started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def log(self):
        """What was noted so far."""
        if self.process.poll() not in (None, 0, -15):
            raise LabError(f"the writers died: {read_text(self.errors, '').strip()[-300:]}")
        return read_log(self.path) if os.path.exists(self.path) else Log()

    def wait_for_ack(self, after=None, timeout=30.0):
        """Waits until a write is acknowledged after that moment (now, unless told); returns the moment of the first one."""
        after = time.monotonic() if after is None else after

        def first():
            return next(iter(self.log().times(after=after)), None)
        return self.lab.wait_until(first, timeout, "a write to be acknowledged", interval=0.05)

    def stop(self):
        """Ends the writers and returns what they noted."""
        self.end()
        return self.log()

    def end(self):
        """Ends the writers, whatever has become of them."""
        if self.process.poll() is None:
            self.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def terminate(self):
        """SIGTERM to the writers themselves: in a node, they are the child of the program that entered it."""
        pid = self.process.pid
        children = read_text(f"/proc/{pid}/task/{pid}/children", "").split()
        for target in children or [pid]:
            try:
                os.kill(int(target), signal.SIGTERM)
            except ProcessLookupError:
                pass
