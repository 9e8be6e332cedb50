#!/usr/bin/python3 -B
"""writer: an application that writes through the virtual IP and notes every acknowledged row; and the reading of its notes.

Every writer has a connection of its own and tries one autocommit INSERT per period; the writers are staggered. Notes are
lines, in the order in which things were seen, with CLOCK_MONOTONIC seconds, which all processes of the machine share:

    S time session server       a session was opened
    A time session id           the row was acknowledged
    U time session id error     unknown: sent, and no answer came
    R time session id error     refused: the server said that it did not write the row
    F time error                no session could be opened (the first of a series, then once per second)
"""
import argparse
import errno
import os
import queue
import secrets
import select
import signal
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field

TIMEOUT = 0.3               # of a connect, of a handshake, of one INSERT
LOGIN_PATIENCE = 0.1        # after this another one is begun beside it
REFUSED_PATIENCE = 0.05     # of an INSERT to a server that refused the one before: its address may be gone
ROWS_PER_WRITER = 10_000_000
ROWS_PER_RUN = 1_000_000_000

SETUP = """CREATE DATABASE IF NOT EXISTS lab;
CREATE TABLE IF NOT EXISTS lab.writes (id BIGINT PRIMARY KEY, writer INT NOT NULL, server VARCHAR(64) NOT NULL)
    ENGINE=InnoDB;
CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED BY 'app-password';
GRANT SELECT, INSERT, UPDATE, DELETE ON lab.* TO 'app'@'%';"""


class Notes:
    """The file of notes: one write() per line, so what was noted is there even when this process is killed."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.sessions = 0
        self.lock = threading.Lock()

    def note(self, kind, *words):
        line = f"{kind} {time.monotonic():.6f} {' '.join(str(word) for word in words)}\n"
        os.write(self.descriptor, line.encode())

    def new_session(self, server):
        with self.lock:
            self.sessions += 1
            session = self.sessions
        self.note("S", session, server)
        return session


class Writer(threading.Thread):
    """One writer: an INSERT per period, over the same connection while the server answers; without one, a new attempt per period."""

    def __init__(self, options, notes, number, stop):
        super().__init__(daemon=True)
        self.options, self.notes, self.number, self.stop = options, notes, number, stop
        self.period = options.period / 1000
        self.due = time.monotonic() + self.period * number / options.writers
        self.next_id = options.run * ROWS_PER_RUN + number * ROWS_PER_WRITER
        self.connection = None
        self.session = None
        self.complained = 0.0

    def run(self):
        while self.wait_for_turn():
            if self.connection is None:
                self.open_session()
            if self.connection is not None:
                self.insert()

    def wait_for_turn(self):
        """Sleeps until this writer's next slot; slots that were missed are not made up for."""
        now = time.monotonic()
        if self.due < now:
            self.due += self.period * (int((now - self.due) / self.period) + 1)
        self.stop.wait(max(0.0, self.due - now))
        self.due += self.period
        return not self.stop.is_set()

    def open_session(self):
        """Probes until a server greets, then logs in. Attempts overlap: one that hangs, as when the address moves, delays no other."""
        race = LoginRace(self.options)
        probes = {}                                 # socket -> when it is given up
        due = time.monotonic()
        try:
            while not self.stop.is_set() and self.connection is None:
                now = time.monotonic()
                if now >= due:
                    due = max(due + self.period, now)
                    self.start_probe(probes, now)
                for probe in [probe for probe, end in probes.items() if now >= end]:
                    self.drop(probes, probe, "no answer")
                waiting = list(probes) if race.may_enter() else []
                ready, _, _ = select.select([race.news, *waiting], [], [], max(0.001, min(due - now, 0.02)))
                for probe in ready:
                    if probe is race.news:
                        self.take(race.result())
                    elif self.greeted(probes, probe) and race.may_enter():
                        del probes[probe]
                        race.enter(probe)
        finally:
            race.close()
            for probe in probes:
                probe.close()

    def take(self, result):
        if isinstance(result, Exception):
            self.complain(error_text(result))
        else:
            self.connection, server = result
            self.session = self.notes.new_session(server)

    def start_probe(self, probes, now):
        probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        probe.setblocking(False)
        probe.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        probes[probe] = now + TIMEOUT
        failed = probe.connect_ex((self.options.host, self.options.port))
        if failed not in (0, errno.EINPROGRESS):
            self.drop(probes, probe, errno.errorcode.get(failed, failed))

    def greeted(self, probes, probe):
        try:
            if probe.recv(1, socket.MSG_PEEK):
                return True
            self.drop(probes, probe, "closed")
        except BlockingIOError:
            pass
        except OSError as failed:
            self.drop(probes, probe, errno.errorcode.get(failed.errno, failed.errno))
        return False

    def drop(self, probes, probe, reason):
        del probes[probe]
        probe.close()
        self.complain(reason)

    def complain(self, reason):
        if time.monotonic() - self.complained > 1:
            self.complained = time.monotonic()
            self.notes.note("F", reason.replace(" ", "_") if isinstance(reason, str) else reason)

    def insert(self):
        row = self.next_id
        self.next_id += 1
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("INSERT INTO lab.writes (id, writer, server) VALUES (%s, %s, @@hostname)", (row, self.number))
            self.notes.note("A", self.session, row)
            self.connection._read_timeout = TIMEOUT
        except Exception as failed:
            refused = was_refused(failed)
            self.notes.note("R" if refused else "U", self.session, row, error_text(failed))
            if refused:
                self.connection._read_timeout = REFUSED_PATIENCE
            else:
                self.close()

    def close(self):
        """Drops the connection without a word to the server, which may not be there to hear it."""
        if self.connection is not None:
            try:
                self.connection._force_close()
            except Exception:
                pass
        self.connection = self.session = None


class LoginRace:
    """Logins that run at once, each over a socket that a server has greeted; `news` is readable when one of them has ended."""

    def __init__(self, options):
        self.options = options
        self.news, self.ended = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.results, self.last, self.over, self.lock = queue.SimpleQueue(), 0.0, False, threading.Lock()

    def may_enter(self):
        """A machine that is short of time is not helped by more of them."""
        return time.monotonic() - self.last >= LOGIN_PATIENCE

    def enter(self, probe):
        self.last = time.monotonic()
        threading.Thread(target=self.run, args=(probe,), daemon=True).start()

    def run(self, probe):
        try:
            connection = log_in(self.options, probe)
            with connection.cursor() as cursor:
                cursor.execute("SELECT @@hostname")
                result = connection, cursor.fetchone()[0]
        except Exception as failed:
            result = failed
        with self.lock:
            if not self.over:
                self.results.put(result)
                self.ended.send(b".")
            elif not isinstance(result, Exception):
                result[0]._force_close()

    def result(self):
        """A connection and its server's name, or why there is none."""
        self.news.recv(1)
        self.last = 0.0                             # the next need not wait for this one
        return self.results.get()

    def close(self):
        with self.lock:
            self.over = True
            while not self.results.empty():
                result = self.results.get()
                if not isinstance(result, Exception):
                    result[0]._force_close()
            self.news.close()
            self.ended.close()


# Made once, and it knows no authorities: reading those anew for every login takes ten times as long as the login, one at a time.
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


def log_in(options, probe):
    """A pymysql connection over a socket that a server has greeted."""
    import pymysql
    probe.setblocking(True)
    probe.settimeout(TIMEOUT)
    connection = pymysql.Connection(
        host=options.host, port=options.port, user=options.user, password=options.password, autocommit=True,
        connect_timeout=TIMEOUT, read_timeout=TIMEOUT, write_timeout=TIMEOUT, defer_connect=True,
        ssl=TLS if options.tls else None)
    try:
        connection.connect(sock=probe)
    except BaseException:
        probe.close()
        raise
    return connection


REFUSALS = {1290, 1792, 1836, 3032}     # read only, offline


def was_refused(failed):
    """True when the server answered that the row was not written; a lost connection says nothing."""
    import pymysql
    return isinstance(failed, pymysql.err.MySQLError) and failed.args and failed.args[0] in REFUSALS


def error_text(failed):
    number = failed.args[0] if failed.args else ""
    text = failed.args[1] if len(failed.args) > 1 else ""
    return f"{type(failed).__name__}:{number}:{text}".replace(" ", "_").replace("\n", "_")[:160]


# Reading the notes


@dataclass
class Session:
    server: str
    opened: float
    acks: list = field(default_factory=list)


@dataclass
class Log:
    """What a writer noted: acknowledged {id: (time, server)}, unknown and refused {id: (time, server, error)}."""
    acked: dict = field(default_factory=dict)
    unknown: dict = field(default_factory=dict)
    refused: dict = field(default_factory=dict)
    sessions: dict = field(default_factory=dict)
    failures: list = field(default_factory=list)

    def times(self, after=None, until=None):
        """The times of the acknowledgements, in order."""
        return sorted(moment for moment, _ in self.acked.values()
                      if (after is None or moment >= after) and (until is None or moment <= until))

    def gaps(self, after=None, until=None):
        """(length, start) of each time without an acknowledgement that ends after `after`; `until` counts as an end."""
        moments = self.times(until=until)
        if until is not None:
            moments.append(until)
        return [(later - earlier, earlier) for earlier, later in zip(moments, moments[1:])
                if after is None or later >= after]

    def longest_gap(self, after=None, until=None):
        """The longest time between two acknowledged writes that ended after `after`, in seconds."""
        return max((length for length, _ in self.gaps(after, until)), default=float("inf"))

    def outages(self, after=None, until=None, threshold=0.25):
        """The gaps longer than the threshold, as (length, start), in order of time."""
        return sorted((gap for gap in self.gaps(after, until) if gap[0] > threshold), key=lambda gap: gap[1])

    def lost(self, present):
        """The acknowledged ids that are not among the ids present in the table."""
        return sorted(set(self.acked) - set(present))

    def acked_by(self, server):
        return sorted(row for row, (_, by) in self.acked.items() if by == server)

    def doubles(self):
        """Where two servers acknowledged at the same time: (time, server, other server).

        An acknowledgement of one server between the opening and the last acknowledgement of another server's session."""
        found = []
        for session in self.sessions.values():
            if session.acks:
                found += [(moment, server, session.server) for moment, server in self.acked.values()
                          if server != session.server and session.opened < moment < session.acks[-1]]
        return sorted(found)

    def summary(self):
        return (f"acknowledged {len(self.acked)}, unknown {len(self.unknown)}, refused {len(self.refused)}, "
                f"sessions {len(self.sessions)}")


def read_log(path):
    """Reads a writer's notes; a last line cut short by a kill is left out."""
    log = Log()
    with open(path, errors="replace") as file:
        for line in file:
            if line.endswith("\n"):
                read_note(log, line.split())
    return log


def read_note(log, words):
    kind, moment = words[0], float(words[1])
    if kind == "S":
        log.sessions[words[2]] = Session(words[3], moment)
    elif kind == "A":
        session = log.sessions[words[2]]
        session.acks.append(moment)
        log.acked[int(words[3])] = (moment, session.server)
    elif kind in "UR":
        server = log.sessions[words[2]].server
        (log.unknown if kind == "U" else log.refused)[int(words[3])] = (moment, server, words[4])
    elif kind == "F":
        log.failures.append((moment, " ".join(words[2:])))


def main(kind=Writer):
    """The program. Another program may bring writers of its own kind."""
    top = argparse.ArgumentParser(description="Writes rows through an address and notes every acknowledgement.")
    top.add_argument("--host", default="vip")
    top.add_argument("--port", type=int, default=3306)
    top.add_argument("--user", default="app")
    top.add_argument("--password", default="app-password")
    top.add_argument("--tls", action="store_true")
    top.add_argument("--writers", type=int, default=5)
    top.add_argument("--period", type=float, default=50, help="milliseconds between two writes of one writer")
    top.add_argument("--seconds", type=float, help="how long (default: until it is told to stop)")
    top.add_argument("--run", type=int, default=secrets.randbelow(9_000_000_000),
                     help="first part of the rows' ids (default: one that nobody else has)")
    top.add_argument("log", help="file of notes, appended to")
    options = top.parse_args()
    options.host = socket.gethostbyname(options.host)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    import pymysql                  # noqa: F401  (not in the first INSERT's time)
    notes = Notes(options.log)
    writers = [kind(options, notes, number, stop) for number in range(options.writers)]
    for writer in writers:
        writer.start()
    end = None if options.seconds is None else time.monotonic() + options.seconds
    while not stop.wait(0.1):
        if end is not None and time.monotonic() > end:
            stop.set()
    for writer in writers:
        writer.join(2)
    print(read_log(options.log).summary(), flush=True)
    os._exit(0)                     # the interpreter's own end crashes while a thread is in the middle of TLS


if __name__ == "__main__":
    sys.exit(main())
