"""One real server and the agent that runs it, called as Pacemaker calls it: an action, an environment, a code and a sentence."""
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cluster"))

from suite import Broken, Lab, LabError, Suite, check      # noqa: E402,F401
from labkit import process      # noqa: E402
from labkit.shell import read_text      # noqa: E402

PROGRAM = "/usr/lib/ocf/resource.d/systole/mysql"
DISK = "/var/lib/mysql"
DATADIR = DISK + "/data"            # not the disk itself: it can be removed, copied and given away
TEMPLATE = DISK + "/template"       # a data directory with the accounts and the table of SETUP
CREDENTIALS = "/etc/systole/credentials"
CONFIG = "/etc/mysql/lab.cnf"
SOCKET = "/run/mysqld/mysqld.sock"
PID_FILE = "/run/mysqld/mysqld.pid"
LOG = "/var/log/mysql/error.log"
PREFIX = "ocf-exit-reason:"

OK, GENERIC, ARGS, UNIMPLEMENTED, PERM, INSTALLED, CONFIGURED, NOT_RUNNING, PROMOTED, FAILED_PROMOTED = range(10)
DEGRADED, DEGRADED_PROMOTED = 190, 191

APPLICATION = ("app", "apppassword")
SETUP = f"""CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(20)) ENGINE=InnoDB;
CREATE USER 'app'@'localhost' IDENTIFIED BY '{APPLICATION[1]}'; GRANT ALL ON app.* TO 'app'@'localhost';"""


@dataclass
class Answer:
    """What an action said."""
    action: str
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def reasons(self):
        return [line[len(PREFIX):] for line in self.stderr.splitlines() if line.startswith(PREFIX)]

    @property
    def reason(self):
        return self.reasons[-1] if self.reasons else ""

    def __str__(self):
        return f"{self.action} -> {self.code} ({self.reason or self.stderr.strip() or 'no reason'})"


class Agent:
    """The agent of the lab's only node."""

    def __init__(self, lab):
        self.lab, self.node = lab, lab.node(1)
        self.mysql = lab.flavour.name == "mysql"
        self.secrets = []               # no action may ever print one of these
        self.spoken = []                # everything that every action has printed
        self.params = {"binary": lab.flavour.daemon, "config": CONFIG, "datadir": DATADIR, "credentials": CREDENTIALS}
        lab.wait_until(lambda: self.node.processes("sleep"), 10, "the node to have booted", interval=0.02)
        self.learn_secrets(read_text(self.node.path(CREDENTIALS)))
        self.write("/etc/mysql/app.cnf", f"[client]\nuser={APPLICATION[0]}\npassword={APPLICATION[1]}\nsocket={SOCKET}\n")

    def learn_secrets(self, credentials):
        self.secrets += re.findall(r"password\s*=\s*\"?([^\s\"]{6,})", credentials)

    # Calling it

    def environment(self, interval, timeout, env, params):
        values = {"OCF_ROOT": "/usr/lib/ocf", "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1",
                  "OCF_RESOURCE_INSTANCE": "db:0", "OCF_RESOURCE_TYPE": "mysql", "OCF_RESOURCE_PROVIDER": "systole",
                  "OCF_EXIT_REASON_PREFIX": PREFIX, "OCF_RESKEY_CRM_meta_timeout": str(int(timeout * 1000)),
                  "OCF_RESKEY_CRM_meta_interval": str(int(interval * 1000))}
        values |= {f"OCF_RESKEY_{name}": str(value) for name, value in {**self.params, **params}.items() if value is not None}
        values |= env or {}
        return [f"{name}={value}" for name, value in values.items() if value is not None]

    def command(self, action, interval=0, timeout=30, env=None, **params):
        return ["env", *self.environment(interval, timeout, env, params), PROGRAM, *([action] if action else [])]

    def call(self, action, interval=0, timeout=30, env=None, **params):
        """One action. The rules that hold for every action are checked here."""
        return self.heard(action, self.command(action, interval, timeout, env, **params), timeout + 5)

    def heard(self, action, command, limit):
        started = time.monotonic()
        result = self.node.run(command, timeout=limit)
        answer = Answer(action, result.returncode, result.stdout, result.stderr, time.monotonic() - started)
        self.spoken.append(result.stdout + result.stderr)
        check(answer.code != 124, f"{action} did not end within its timeout")
        check(answer.code < 128 or answer.code in (DEGRADED, DEGRADED_PROMOTED), f"{action} ended with {answer.code}: {result.stderr}")
        check(len(answer.reasons) <= 1, f"{action} printed {len(answer.reasons)} exit reasons: {result.stderr}")
        if answer.reasons:
            check(result.stderr.splitlines()[-1].startswith(PREFIX), f"{action}'s exit reason is not the last line: {result.stderr}")
        check(not any(secret in result.stdout + result.stderr for secret in self.secrets), f"{action} printed a password")
        if answer.code not in (OK, PROMOTED, NOT_RUNNING) and f"OCF_EXIT_REASON_PREFIX={PREFIX}" in command:
            check(answer.reason, f"{action} failed with {answer.code} and gave no reason: {result.stderr}")
        return answer

    def expect(self, code, action, interval=0, timeout=30, env=None, **params):
        answer = self.call(action, interval, timeout, env, **params)
        check(answer.code == code, f"{action} answered {answer.code} instead of {code}: {answer.stderr.strip()}")
        return answer

    def refuses(self, code, action, words, **options):
        """The code, and a sentence with all the words."""
        answer = self.expect(code, action, **options)
        for word in [words] if isinstance(words, str) else words:
            check(word in answer.reason, f"{action}'s reason does not say \"{word}\": {answer.reason}")
        return answer

    def begin(self, action, timeout=30, env=None, **params):
        """Starts an action and does not wait. It is the leader of its process group, as under Pacemaker."""
        return subprocess.Popen(self.node.command(self.command(action, 0, timeout, env, **params)), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    # The node

    def write(self, path, text, mode=0o644, owner=0):
        real = self.node.path(path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, "w") as file:
            file.write(text)
        os.chmod(real, mode)
        os.chown(real, owner, owner)
        return path

    def config(self, *lines):
        """An option file of the user's: the lab's, and more."""
        text = read_text(self.node.path(CONFIG)) + "".join(line + "\n" for line in lines)
        return self.write("/etc/mysql/test.cnf", text)

    def sh(self, command, check=True, timeout=30):
        return self.node.run(command, timeout=timeout, check=check)

    def servers(self):
        """(pid, start time) of every server of the node."""
        return self.node.processes("mysqld", "mariadbd")

    def sql(self, query, check=True, timeout=15):
        return self.lab.sql(self.node, query, timeout=timeout, check=check)

    def value(self, expression):
        return self.sql(f"SELECT {expression}")[0][0]

    def client(self, query, timeout=20):
        """An ordinary account's session, which goes on in the background."""
        return subprocess.Popen(self.node.command(["timeout", str(timeout), *self.client_command(query)]), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def client_command(self, query):
        return [self.lab.flavour.client, "--defaults-file=/etc/mysql/app.cnf", "--batch", "--skip-column-names", "-e", query]

    def write_row(self, note="x"):
        """True when an ordinary account can write."""
        return self.sh(self.client_command(f"INSERT INTO app.t (note) VALUES ('{note}')"), check=False).ok

    def rows(self):
        return int(self.value("COUNT(*) FROM app.t"))

    def hold_blindly(self, query, timeout=20):
        """A session of root's that goes on in the background."""
        command = [self.lab.flavour.client, "--no-defaults", "--socket=" + SOCKET, "--user=root", "-e", query]
        return subprocess.Popen(self.node.command(["timeout", str(timeout), *command]), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def hold(self, query, shown, timeout=20):
        """The same; returns when the server shows it."""
        session = self.hold_blindly(query, timeout)
        self.lab.wait_until(lambda: int(self.value(f"COUNT(*) FROM information_schema.processlist WHERE info LIKE '{shown}'")) > 1,
                            10, f"a session to do {query}")
        return session

    # States to begin from

    def kill_servers(self):
        for who in self.servers():
            check(process.kill(who), f"the server {who[0]} does not die")

    def clear(self):
        """Nothing runs, nothing is remembered, and the data directory is empty."""
        self.kill_servers()
        self.sh(f"rm -rf {DATADIR} /var/lib/systole /run/systole {LOG} {SOCKET} {SOCKET}.lock {PID_FILE} && "
                f"install -d -o mysql -g mysql -m 750 {DATADIR}")

    def restore(self):
        """The same with data: what a clean stop leaves."""
        self.clear()
        self.sh(f"rmdir {DATADIR} && cp -a --reflink=auto --sparse=always {TEMPLATE} {DATADIR}")

    def started(self, **params):
        self.restore()
        self.expect(OK, "start", **params)

    def promoted(self, **params):
        self.started(**params)
        self.expect(OK, "promote", **params)

    def signal_server(self, number):
        found = self.servers()
        check(len(found) == 1, f"{len(found)} servers run")
        process.send(found[0], number)
        return found[0]

    def kill_server(self):
        found = self.servers()
        check(len(found) == 1, f"{len(found)} servers run")
        self.kill_servers()

    def launched(self):
        """The server of this resource has been launched: before that, programs of the same name only say their version."""
        marker = read_text(self.node.path("/run/systole/db/server"), "")
        return [who for who in self.servers() if marker]

    def nothing_runs(self):
        check(not self.servers(), "a server runs")
        self.expect(NOT_RUNNING, "monitor")
