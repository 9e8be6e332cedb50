"""What each action answers, in every state that a server can be in."""
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from agent import (DATADIR, FAILED_PROMOTED, GENERIC, LOG, NOT_RUNNING, OK, PROMOTED, SETUP, SOCKET, TEMPLATE, process, check,
                   read_text)


def first_start(agent):
    """From an empty directory: closed for everybody but root at once, and steady before the accounts exist. Makes the template."""
    agent.clear()
    agent.expect(NOT_RUNNING, "monitor")
    agent.expect(OK, "start", timeout=60)
    codes = {agent.call("monitor").code for _ in range(20)}
    check(codes == {OK}, f"before the accounts exist, monitor answers {codes}")
    check(agent.value("@@GLOBAL.read_only") == "1", "it started writable")
    if agent.mysql:
        check(agent.value("@@GLOBAL.super_read_only") == "1", "after the first start root can write on a replica")
    for host in ("localhost", "127.0.0.1", "node1"):
        for user in ("root", "", "mysql", "systole"):
            way = "--protocol=tcp" if host != "localhost" else f"--socket={SOCKET}"
            done = agent.node.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", agent.lab.flavour.client, "--no-defaults", way,
                                   f"--host={host}", f"--user={user}", "-e", "SELECT 1"])
            check(not done.ok, f"anybody can connect as {user!r} through {host} without a password")
    agent.expect(OK, "promote")
    agent.expect(PROMOTED, "monitor", interval=1)
    check(agent.value("@@GLOBAL.read_only") == "0", "the primary is not writable")
    agent.sql(SETUP)
    agent.expect(OK, "demote")
    check(agent.sh(f"find {DATADIR} /run/systole /var/lib/systole -perm /002 -type f").stdout == "", "a file can be written by others")
    agent.expect(OK, "stop")
    check("systole-new" not in agent.sh(f"ls -A {DATADIR}").stdout, "the mark of a new data directory was left")
    agent.sh(f"rm -rf {TEMPLATE} && cp -a --sparse=always {DATADIR} {TEMPLATE}")


def a_life(agent):
    agent.restore()
    agent.expect(NOT_RUNNING, "monitor")
    agent.expect(NOT_RUNNING, "monitor", interval=1)
    agent.expect(OK, "demote")
    agent.refuses(GENERIC, "promote", "does not run")
    agent.expect(OK, "stop")
    agent.expect(OK, "reload-agent")
    agent.nothing_runs()
    agent.expect(OK, "start")
    server = agent.servers()
    agent.expect(OK, "start")
    check(agent.servers() == server, "the second start made another server")
    for action, interval in (("monitor", 0), ("monitor", 2), ("notify", 0), ("reload-agent", 0), ("validate-all", 0), ("demote", 0)):
        agent.expect(OK, action, interval=interval)
    agent.expect(OK, "validate-all", env={"OCF_CHECK_LEVEL": "10"})
    check(not agent.write_row(), "a replica can be written to")
    for _ in range(2):
        agent.expect(OK, "promote")
        agent.expect(PROMOTED, "monitor", interval=1)
        agent.expect(PROMOTED, "monitor")
        check(agent.write_row(), "the primary cannot be written to")
    for _ in range(2):
        agent.expect(OK, "demote")
        agent.expect(OK, "monitor", interval=1)
        check(not agent.write_row(), "a demoted server can be written to")
    check(agent.servers() == server, "the server was replaced")
    agent.expect(OK, "promote")
    answer = agent.expect(OK, "stop")
    agent.expect(OK, "stop")
    agent.nothing_runs()
    left = agent.sh(f"for path in {SOCKET} /run/systole/db/server /run/systole/db/worker; do if [ -e $path ]; then echo $path; fi; done").stdout
    check(not left, f"stop left {left}")
    return f"stop took {answer.seconds:.1f} s"


def quiet(agent):
    """What is well says nothing; the server keeps nothing of the agent's."""
    agent.promoted()
    for answer in (agent.call("monitor", interval=1), agent.call("monitor"), agent.call("demote"), agent.call("monitor", interval=1)):
        check(not answer.stdout, f"{answer.action} printed {answer.stdout}")
        check(answer.action != "monitor" or not answer.stderr, f"a monitor of a healthy server said {answer.stderr}")
    who = agent.servers()[0]
    opened = {number: os.readlink(f"/proc/{who[0]}/fd/{number}") for number in (0, 1, 2)}
    check(opened[0].endswith("/dev/null") and opened[1].endswith(LOG) and opened[2].endswith(LOG), f"the server's own descriptors: {opened}")
    environ = read_text(f"/proc/{who[0]}/environ").replace("\0", "\n")
    check("OCF_" not in environ and "HA_" not in environ, f"the server inherited the agent's environment: {environ}")
    session = agent.sh(f"ps -o sid=,pgid=,pid= -C {agent.lab.flavour.daemon.rpartition('/')[2]}").stdout.split()
    check(len(set(session)) == 1, f"the server is not the leader of its own session and group: {session}")


def killed_replica(agent):
    agent.started()
    agent.kill_server()
    agent.refuses(NOT_RUNNING, "monitor", "the server is gone", interval=1)
    answer = agent.expect(NOT_RUNNING, "monitor")
    check(not answer.reason, f"a probe that finds nothing gave a reason: {answer.reason}")
    agent.expect(OK, "demote")
    agent.expect(OK, "stop")
    agent.expect(OK, "start")
    agent.expect(OK, "monitor", interval=1)


def killed_primary(agent):
    agent.promoted()
    check(agent.write_row(), "the primary cannot be written to")
    agent.kill_server()
    agent.refuses(FAILED_PROMOTED, "monitor", ["the server is gone", LOG], interval=1)
    agent.expect(NOT_RUNNING, "monitor")
    agent.refuses(GENERIC, "promote", "does not run")
    agent.expect(OK, "demote")
    agent.expect(OK, "stop")
    agent.nothing_runs()
    agent.expect(OK, "start")
    check(not agent.write_row(), "it came back writable")
    check(agent.rows() == 1, "the row is gone")
    agent.expect(OK, "promote")
    check(agent.write_row(), "it cannot be promoted any more")


def killed_in_start(agent):
    """Pacemaker kills an agent that is too slow, and tries again: the server may be recovering then."""
    agent.promoted()
    check(agent.write_row(), "the primary cannot be written to")
    seen = []
    for _ in range(3):
        agent.kill_servers()
        agent.sh("rm -f /run/systole/db/server")
        action = agent.begin("start")
        agent.lab.wait_until(agent.launched, 10, "a server to be launched", interval=0.002)
        os.killpg(action.pid, signal.SIGKILL)
        action.wait()
        check(agent.servers(), "the server died with the agent")
        seen.append(agent.call("monitor").code)
        check(seen[-1] != NOT_RUNNING, "a server that recovers is taken for a stopped one")
        agent.expect(OK, "start")
        check(len(agent.servers()) == 1 and not agent.write_row(), "two servers, or a writable one")
    agent.kill_servers()
    agent.sh("rm -f /run/systole/db/server")
    action = agent.begin("start")
    agent.lab.wait_until(agent.launched, 10, "a server to be launched", interval=0.002)
    os.killpg(action.pid, signal.SIGKILL)
    action.wait()
    agent.expect(OK, "stop")
    agent.nothing_runs()
    agent.expect(OK, "start")
    check(agent.rows() == 1, "the row is gone")
    return f"probes during recovery: {seen}"


def killed_before_root_is_closed(agent):
    """The start that has initialised is killed when the server has just been launched: the next one closes root's account all the same."""
    agent.clear()
    action = agent.begin("start", timeout=60)
    agent.lab.wait_until(agent.launched, 20, "a server to be launched", interval=0.002)
    os.killpg(action.pid, signal.SIGKILL)
    action.wait()
    agent.lab.wait_until(lambda: agent.sql("SELECT 1", check=False).ok, 20, "the server to answer")
    agent.expect(OK, "start")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = agent.node.run([*nobody, agent.lab.flavour.client, "--no-defaults", "--socket=" + SOCKET, "--user=root", "-e", "SELECT 1"])
    check(not done.ok, "anybody can connect as root without a password")
    check("systole-new" not in agent.sh(f"ls -A {DATADIR}").stdout, "the mark of a new data directory was left")


def killed_in_initialise(agent):
    """Killed at any moment of the first start, alone or with its group, the next start makes a good data directory."""
    moments = (0.02, 0.15, 0.35, 1.2) if not agent.mysql else (0.05, 0.8, 2.2)
    for number, moment in enumerate(moments):
        agent.clear()
        action = agent.begin("start", timeout=60)
        time.sleep(moment)
        if number % 2:
            os.killpg(action.pid, signal.SIGKILL)
        else:
            for who in agent.node.processes("mysql"):
                process.send(who, signal.SIGKILL)
        action.wait()
    agent.expect(OK, "start", timeout=60)
    agent.expect(OK, "promote")
    agent.sql(SETUP)
    check(agent.write_row() and agent.rows() == 1, "the application cannot write")
    check(int(agent.value("COUNT(*) FROM information_schema.tables WHERE table_schema = 'mysql'")) > 25, "system tables are missing")
    check(agent.value("@@hostname") == "node1", "not this node's server")
    left = agent.sh(f"ls -A {DATADIR}").stdout
    check(".systole" not in left, f"marks of the initialisation were left: {left}")
    agent.expect(OK, "stop")


def stop_with_bad_configuration(agent):
    """Whatever became of the parameters, stop ends what it started."""
    for params in ({"port": "none", "durability": "perhaps", "credentials": "/nowhere/credentials", "promoted_sysvars": "gtid_mode=OFF"},
                   {"binary": "/nowhere/mysqld", "config": "/nowhere/my.cnf", "user": "nobody-knows", "max_lag": "x"}):
        agent.started()
        agent.expect(OK, "stop", **params)
        agent.nothing_runs()
    agent.expect(OK, "stop", datadir="/nowhere/data")
    agent.expect(OK, "stop", datadir="relative")


def dead_source(agent):
    """A receiver that waits for the answer of a machine that is gone would let itself be stopped only when it has given that up."""
    agent.started()
    host, verb, source = agent.node.address.rsplit(".", 1)[0] + ".200", *(("REPLICA", "SOURCE") if agent.mysql else ("SLAVE", "MASTER"))
    change = "CHANGE REPLICATION SOURCE" if agent.mysql else "CHANGE MASTER"
    agent.sh(f"ip neighbour replace {host} lladdr 02:00:00:00:00:01 dev eth0 nud permanent")
    try:
        agent.sql(f"{change} TO {source}_HOST = '{host}', {source}_USER = 'nobody', {source}_PASSWORD = 'x'; START {verb}")
        time.sleep(1)
        took = agent.expect(OK, "promote").seconds
    finally:
        agent.sh(f"ip neighbour del {host} dev eth0")
    check(took < 1.5, f"with a source that does not answer, the promotion took {took:.1f} s")


def address_first(agent):
    """The monitors that Pacemaker begins with the address leave the processors to it; one in the middle of the promotion is not held up: the
    notification that the address waits for would wait for its end. One of them is over at once: the node may run no more than two actions."""
    agent.promoted()
    notice = {"CRM_meta_on_node": "node1", "CRM_meta_notify_operation": "promote", "CRM_meta_notify_promote_uname": "node1"}
    agent.expect(OK, "notify", CRM_meta_notify_type="pre", **notice)
    before = agent.expect(PROMOTED, "monitor", interval=1).seconds
    agent.expect(OK, "notify", CRM_meta_notify_type="post", **notice)
    with ThreadPoolExecutor() as pool:
        after = sorted(pool.map(lambda interval: agent.expect(PROMOTED, "monitor", interval=interval).seconds, (1, 10)))
    time.sleep(0.5)
    later = agent.expect(PROMOTED, "monitor", interval=1).seconds
    check(max(before, after[0], later) < 0.25 <= after[1],
          f"a monitor took {before:.2f} s, two after the promotion {after[0]:.2f} and {after[1]:.2f} s, a later one {later:.2f} s")


def trace(agent):
    """OCF_TRACE_RA: what was seen and decided, and no secret."""
    agent.restore()
    agent.sh("rm -rf /var/lib/heartbeat/trace_ra /tmp/trace")
    for action in ("start", "promote", "monitor", "demote", "stop"):
        agent.call(action, env={"OCF_TRACE_RA": "1"})
    found = agent.sh("ls /var/lib/heartbeat/trace_ra/mysql").stdout.split()
    check(sorted(name.split(".")[1] for name in found) == ["demote", "monitor", "promote", "start", "stop"], f"traces: {found}")
    text = agent.sh("cat /var/lib/heartbeat/trace_ra/mysql/*").stdout
    for word in ("launch", "open-writes", "close-writes", "local_role=primary", "run: "):
        check(word in text, f"the trace lacks {word}")
    check(not any(secret in text for secret in agent.secrets), "the trace holds a password")
    modes = agent.sh("stat -c %a /var/lib/heartbeat/trace_ra/mysql/*").stdout.split()
    check(set(modes) == {"600"}, f"traces have the modes {modes}")
    agent.call("monitor", env={"OCF_TRACE_RA": "1", "OCF_TRACE_FILE": "/tmp/trace"})
    check("verdict" in agent.sh("cat /tmp/trace").stdout or agent.sh("cat /tmp/trace").stdout, "OCF_TRACE_FILE is not written")
    agent.expect(NOT_RUNNING, "monitor", env={"OCF_TRACE_RA": "1", "OCF_TRACE_FILE": "/nowhere/trace"})


TESTS = [
    ("the answers of a whole life, each action twice", a_life),
    ("a healthy server is not talked about, and keeps nothing of the agent's", quiet),
    ("kill -9 of a replica's server", killed_replica),
    ("kill -9 of a primary's server", killed_primary),
    ("an agent killed while its server starts or recovers", killed_in_start),
    ("an agent killed before it has closed root's account", killed_before_root_is_closed),
    ("an agent killed while it initialises", killed_in_initialise),
    ("stop with a configuration that is not valid any more", stop_with_bad_configuration),
    ("a promotion does not wait for a source that is gone", dead_source),
    ("the monitors after a promotion wait for the address", address_first),
    ("a trace says what was decided, and no password", trace),
]
