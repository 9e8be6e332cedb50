"""What must hold while things go wrong: closed until promoted, no secret anywhere, bounded ends, and busy is not dead."""
import glob
import signal
import threading
import time

import pymysql

from agent import (DATADIR, DEGRADED_PROMOTED, FAILED_PROMOTED, GENERIC, LOG, NOT_RUNNING, OK, PID_FILE, PROMOTED, SOCKET, check, process, read_text)


def closed_from_the_first_second(agent):
    """Whatever the user's file says, an ordinary account cannot write until the promotion. Tried all the time while it starts."""
    opened = ["read_only=0", *(["super_read_only=0", "offline_mode=0"] if agent.mysql else [])]
    config = agent.config(*opened)
    agent.restore()
    script = f"i=0; while [ $i -lt 4000 ] && [ ! -e /tmp/enough ]; do i=$((i+1)); {' '.join(agent.client_command('')[:-2])} -e \"INSERT INTO app.t (note) VALUES ('early')\" " \
             "2>&1 | cut -c1-80; done | sort | uniq -c"
    agent.sh("rm -f /tmp/enough")
    found = []
    poller = threading.Thread(target=lambda: found.append(agent.sh(script, check=False, timeout=40).stdout))
    poller.start()
    agent.expect(OK, "start", config=config)
    agent.kill_server()
    agent.expect(OK, "start", config=config)
    time.sleep(0.2)
    agent.sh("touch /tmp/enough")
    poller.join()
    check(agent.rows() == 0, f"{agent.rows()} rows were written before any promotion")
    check("read-only" in found[0] or "read_only" in found[0], f"no write reached the server while it started: {found[0]}")
    agent.kill_server()
    agent.expect(OK, "start", additional_parameters="--skip-read-only" if agent.mysql else "--read-only=0", config=config)
    check(not agent.write_row(), "additional_parameters opened a replica")
    return " ".join(found[0].split())[:150]


def watch_processes(until, secrets, seen):
    """Looks at every process's arguments and environment, again and again."""
    looks = 0
    while not until.is_set():
        for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as file:
                    text = file.read().decode(errors="replace")
            except OSError:
                continue
            seen += [(path, text[:60]) for secret in secrets if secret in text]
        looks += 1
    seen.append(looks)


def no_secret_anywhere(agent):
    agent.clear()
    ends, seen = threading.Event(), []
    watcher = threading.Thread(target=watch_processes, args=(ends, agent.secrets, seen))
    watcher.start()
    try:
        for action in ("start", "promote", "monitor", "reload-agent", "demote", "promote"):
            agent.call(action, timeout=60, env={"OCF_TRACE_RA": "1", "OCF_TRACE_FILE": f"/tmp/trace.{time.monotonic()}", "HA_debug": "1"})
    finally:
        ends.set()
        watcher.join()
    looks = seen.pop()
    check(not seen, f"a password is in {seen[:3]}")
    check(looks > 5, f"only {looks} looks at the processes")
    check(len(agent.secrets) >= 2, "the secrets are not known to the test")
    patterns = "".join(secret + "\n" for secret in agent.secrets)
    agent.write("/tmp/patterns", patterns, 0o600)
    places = f"/var/log /var/lib/systole /var/lib/heartbeat /run/systole /run/mysqld /tmp {DATADIR}"
    # A file with a password is planted: a search that does not find it has not searched. grep's code also says that a place is not there.
    planted = "/var/lib/systole/planted"
    agent.write(planted, patterns, 0o600)
    found = agent.sh(f"grep -rlaFf /tmp/patterns --exclude=patterns {places} || test $? -le 2; rm -f {planted}", timeout=60).stdout.split()
    check(planted in found, "the search for passwords does not find one that is there")
    check(found == [planted], f"a password is in {found}")
    who = agent.servers()[0]
    text = read_text(f"/proc/{who[0]}/cmdline") + read_text(f"/proc/{who[0]}/environ")
    check(not any(secret in text for secret in agent.secrets), "the server has a password in its arguments or environment")
    agent.call("stop")
    return f"{looks} looks at all processes"


def frozen_replica(agent):
    agent.started()
    agent.signal_server(signal.SIGSTOP)
    agent.refuses(GENERIC, "monitor", "does not answer", interval=1, timeout=10)
    answer = agent.expect(OK, "stop", timeout=20)
    agent.nothing_runs()
    check(answer.seconds < 10, f"stop took {answer.seconds:.1f} s")
    return f"stop took {answer.seconds:.1f} s"


def frozen_primary(agent):
    agent.promoted()
    who = agent.signal_server(signal.SIGSTOP)
    watched = agent.refuses(FAILED_PROMOTED, "monitor", "does not answer", interval=1, timeout=10)
    answer = agent.refuses(GENERIC, "demote", ["killed", "replica"], timeout=20)
    check(not process.is_alive(who), "demote left a frozen primary alive")
    check(answer.seconds < 10, f"demote took {answer.seconds:.1f} s")
    agent.expect(OK, "stop")
    agent.expect(OK, "start")
    check(not agent.write_row(), "it came back writable")
    return f"monitor took {watched.seconds:.1f} s, demote {answer.seconds:.1f} s"


def started_by_hand(agent):
    """By an operator, with the same PID file: it is seen, and it is stopped."""
    agent.restore()
    more = ["--super-read-only=ON", "--plugin-load-add=auth_socket.so"] if agent.mysql else []
    arguments = ["--defaults-file=/etc/mysql/lab.cnf", "--user=mysql", f"--datadir={DATADIR}", f"--socket={SOCKET}", f"--pid-file={PID_FILE}",
                 f"--log-error={LOG}", "--read-only=ON", "--port=3306", "--log-bin=binlog", "--server-id=1", *more]
    agent.sh(["sh", "-c", f"cd / && setsid {agent.params['binary']} {' '.join(arguments)} > /dev/null 2>&1 < /dev/null &"])
    agent.lab.wait_until(lambda: agent.sql("SELECT 1", check=False).ok, 20, "the server to answer")
    server = agent.servers()
    agent.expect(OK, "monitor")
    agent.expect(OK, "start")
    check(agent.servers() == server, "a second server was started")
    agent.expect(OK, "stop")
    agent.nothing_runs()


def a_pid_file_of_somebody_else(agent):
    """A PID file that names a process that is no server of ours: nobody is killed."""
    agent.restore()
    stranger = agent.sh("setsid sleep 30 > /dev/null 2>&1 & echo $!").stdout.strip()
    agent.write(PID_FILE, stranger + "\n")
    agent.expect(NOT_RUNNING, "monitor")
    agent.expect(OK, "stop")
    check(agent.sh(["test", "-e", f"/proc/{stranger}"], check=False).ok, "stop killed a stranger")
    for text in ("", "-1\n", "1\n", "99999999999999999999\n", "x" * 10000):
        agent.write(PID_FILE, text)
        agent.expect(NOT_RUNNING, "monitor")
        agent.expect(OK, "stop")
    agent.sh(f"mkdir -p /run/systole/db && echo '{stranger} 1 x' > /run/systole/db/server")
    agent.expect(NOT_RUNNING, "monitor")
    agent.expect(OK, "stop")
    check(agent.sh(["test", "-e", f"/proc/{stranger}"], check=False).ok, "stop killed a stranger")
    agent.sh(["kill", stranger])


def too_many_connections(agent):
    """Busy is not dead: also when the one session that is kept for administrators is taken."""
    config = agent.config("max_connections=10")
    agent.promoted(config=config)
    sessions = [agent.client("SELECT SLEEP(30)", timeout=40) for _ in range(11)]

    def taken():
        """The one that looks may itself have kept one of them out."""
        if "oo many" in agent.sh(agent.client_command("SELECT 1"), check=False).stderr:
            return True
        sessions.append(agent.client("SELECT SLEEP(30)", timeout=40))
        return False

    agent.lab.wait_until(taken, 20, "all sessions to be taken")
    answer = agent.call("monitor", interval=1, config=config)
    check(answer.code in (PROMOTED, DEGRADED_PROMOTED), f"with all sessions taken: {answer}")
    extra = agent.hold_blindly("SELECT SLEEP(12)")
    time.sleep(0.3)
    full = agent.call("monitor", interval=1, config=config)
    check(full.code in (PROMOTED, DEGRADED_PROMOTED), f"with the administrators' session taken too: {full}")
    demoted = agent.call("demote", timeout=20, config=config)
    check(not agent.write_row(), "demoted and writable")
    for session in [*sessions, extra]:
        session.kill()
        session.wait()
    agent.expect(OK, "stop")
    return f"monitor {answer.code}, {full.code}; demote {demoted.code} after {demoted.seconds:.1f} s"


def locks(agent):
    """A backup's lock is nobody's failure; and a demotion does not wait for it."""
    agent.promoted()
    holders = [agent.hold("FLUSH TABLES WITH READ LOCK; SELECT SLEEP(16)", "%SLEEP(16)%")]
    waiting = agent.client("INSERT INTO app.t (note) VALUES ('waits')")
    for _ in range(3):
        answer = agent.expect(PROMOTED, "monitor", interval=1)
        check(answer.seconds < 3, f"monitor took {answer.seconds:.1f} s")
    demoted = agent.call("demote", timeout=20)
    check(demoted.code == OK or (demoted.code == GENERIC and "killed" in demoted.reason), f"{demoted}")
    check(demoted.code != OK or agent.servers(), "demote killed the server and said that all was well")
    check(not agent.write_row(), "demoted and writable")
    if demoted.code == OK:
        left = agent.sql("SELECT user, info FROM information_schema.processlist WHERE info LIKE '%SLEEP(16)'")
        check(not left, f"demote left a session that holds the global lock: {left}")
    for session in [*holders, waiting]:
        session.kill()
        session.wait()
    if demoted.code != OK:
        agent.expect(OK, "stop")
        agent.expect(OK, "start")
    agent.expect(OK, "promote")
    table = agent.hold("LOCK TABLES app.t WRITE; SELECT SLEEP(17)", "%SLEEP(17)%")
    agent.expect(PROMOTED, "monitor", interval=1)
    after = agent.call("demote", timeout=20)
    check(after.code == OK or "killed" in after.reason, f"{after}")
    check(not agent.write_row(), "demoted and writable")
    table.kill()
    table.wait()
    return f"demote under a global lock: {demoted.code} after {demoted.seconds:.1f} s, under a table's: {after.code} after {after.seconds:.1f} s"


def open_transaction(agent):
    """What was not committed before the demotion is not committed after it."""
    agent.promoted()
    session = agent.client("START TRANSACTION; INSERT INTO app.t (note) VALUES ('open'); SELECT SLEEP(3); COMMIT; SELECT 'done'")
    agent.lab.wait_until(lambda: agent.sql("SELECT id FROM information_schema.processlist WHERE info LIKE '%SLEEP(3)%' AND user = 'app'"), 10, "the transaction to be open")
    demoted = agent.expect(OK, "demote", timeout=20)
    said = session.communicate(timeout=20)[0]
    check(session.returncode != 0 and "done" not in said, f"the client was told that its transaction is committed: {said}")
    check(agent.rows() == 0, "the row is there")
    check("1 client sessions were cut" in demoted.stderr, f"how many sessions were cut was not said: {demoted.stderr}")


def answers(session):
    """Whether a session is still there, and its server answers."""
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except pymysql.MySQLError:
        return False


def idle_sessions(agent):
    """Who waits for nothing is not cut by the demotion, but by a monitor a moment later: then the address has moved."""
    agent.promoted()
    idle, begun = (agent.lab.session(agent.node) for _ in range(2))
    begun.begin()
    with begun.cursor() as cursor:
        cursor.execute("INSERT INTO app.t (note) VALUES ('begun')")
    time.sleep(0.2)                 # MySQL's list of transactions is that old
    demoted = agent.expect(OK, "demote", timeout=20)
    check("1 client sessions were cut" in demoted.stderr, f"how many sessions were cut was not said: {demoted.stderr}")
    check(not answers(begun), "a session with an open transaction was not cut")
    check(agent.rows() == 0, "the row is there")
    agent.expect(OK, "monitor", interval=2)
    check(answers(idle), "an idle session was cut at once")
    later = agent.lab.session(agent.node)
    time.sleep(1.1)
    monitored = agent.expect(OK, "monitor", interval=2)
    check("1 client sessions were cut" in monitored.stderr, f"the monitor did not say that it cut a session: {monitored.stderr}")
    check(not answers(idle), "an idle session of before the demotion is still there")
    check(answers(later), "a session was cut that came after the demotion")
    check(not agent.expect(OK, "monitor", interval=2).stderr, "the next monitor has something to say, too")
    # No monitor has run in between: the next demotion cuts those of the one before.
    agent.expect(OK, "promote")
    idle = agent.lab.session(agent.node)
    agent.expect(OK, "demote")
    check(answers(idle), "an idle session was cut at once, the second time")
    agent.expect(OK, "promote")
    check(answers(idle), "an idle session was cut by a promotion")
    agent.expect(OK, "demote")
    check(not answers(idle), "idle sessions pile up when a server is promoted and demoted again and again")
    # The address has moved meanwhile: the promotion cuts them, for nobody does while it is the primary.
    agent.expect(OK, "promote")
    idle = agent.lab.session(agent.node)
    agent.expect(OK, "demote")
    later = agent.lab.session(agent.node)
    time.sleep(1.1)
    promoted = agent.expect(OK, "promote")
    check("1 client sessions were cut" in promoted.stderr, f"the promotion did not say that it cut a session: {promoted.stderr}")
    check(not answers(idle), "an idle session of its last time as the primary is still there")
    check(answers(later), "a session was cut that came after the demotion")
    agent.expect(OK, "demote")
    # Of a server that was started again since, the same numbers are other sessions.
    agent.expect(OK, "promote")
    agent.expect(OK, "demote")
    agent.expect(OK, "stop")
    agent.expect(OK, "start")
    first = agent.lab.session(agent.node)
    time.sleep(1.1)
    agent.expect(OK, "monitor", interval=2)
    check(answers(first), "a session of another server was cut")


def reopened_behind_its_back(agent):
    """Somebody switches read_only off on a replica: the next monitor switches it on again; on in a primary: it says so."""
    agent.started()
    agent.sql("SET GLOBAL read_only = OFF")
    check(agent.write_row(), "the test did not open it")
    agent.expect(OK, "monitor", interval=1)
    check(not agent.write_row(), "the monitor left a replica writable")
    if agent.mysql:
        check(agent.value("@@GLOBAL.super_read_only") == "1", "the monitor left super_read_only off")
    agent.expect(OK, "promote")
    agent.sql("SET GLOBAL read_only = ON")
    agent.refuses(FAILED_PROMOTED, "monitor", ["read-only", "somebody"], interval=1)


TESTS = [
    ("no ordinary account can write before a promotion, whatever the option file says", closed_from_the_first_second),
    ("no password in any process, log, trace or data file", no_secret_anywhere),
    ("a frozen replica is stopped in time", frozen_replica),
    ("a frozen primary is killed by its demotion, which says so", frozen_primary),
    ("a server that was started by hand is seen and stopped", started_by_hand),
    ("a PID file that names somebody else kills nobody", a_pid_file_of_somebody_else),
    ("too many connections are no failure", too_many_connections),
    ("long locks are no failure, and do not hold up a demotion", locks),
    ("a transaction that is open at the demotion is not committed", open_transaction),
    ("idle sessions are cut when the address has moved", idle_sessions),
    ("read_only that somebody switched is put right or reported", reopened_behind_its_back),
]
