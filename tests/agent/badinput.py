"""Bad input: the right code, and a sentence that names the parameter, the value and what would be right."""
import subprocess

from agent import ARGS, CONFIGURED, CREDENTIALS, DATADIR, DEGRADED, DEGRADED_PROMOTED, GENERIC, INSTALLED, LOG, NOT_RUNNING, OK, PERM, PROMOTED, check

NOBODY = 65534
SQL_MODULE = "/usr/lib/systole/sql.so"


def wrong_values(agent):
    """Wrong everywhere, so 6; and found without a look at the host."""
    agent.restore()
    path, port, time, choice = "an absolute path", "a port from 1 to 65535", "a time such as 30s", "one of these is wanted"
    rows = [("binary", "mysqld", path), ("config", "my.cnf", path), ("datadir", "data", path), ("datadir", "/var/../lib", path), ("log", "x", path),
            ("pid", "x", path), ("socket", "@x", path), ("credentials", "secrets", path),
            ("port", "0", port), ("port", "65536", port), ("port", "33o6", port), ("port", "-1", port), ("port", "3306 ", port),
            ("max_lag", "soon", time), ("max_lag", "-1s", time), ("shutdown_timeout", "1 year", time), ("shutdown_timeout", "99999999999999999999s", time),
            ("durability", "best", choice + ": majority adaptive async"), ("durability", "MAJORITY", choice), ("provision", "yes", choice + ": auto manual"),
            ("tls", "perhaps", "true or false"),
            ("promoted_sysvars", "max_connections", "name=value"), ("promoted_sysvars", "=1", "name=value"),
            ("promoted_sysvars", "max_connections=1 2", "a number, a word, or text in single quotes"),
            ("unpromoted_sysvars", "x='a'b'", "a number, a word, or text in single quotes"),
            ("unpromoted_sysvars", "max_connections=1;DROP TABLE x", "name=value")]
    for name, value, wanted in rows:
        shown = value.rpartition(";")[2] if ";" in value else value
        for action in ("validate-all", "start"):
            agent.refuses(CONFIGURED, action, [f"parameter {name}", f'"{shown}"', wanted], **{name: value})
    for name in ("user", "socket", "additional_parameters"):
        agent.refuses(CONFIGURED, "validate-all", [f"parameter {name}", "control characters"], **{name: "/a\nb"})
        agent.refuses(CONFIGURED, "validate-all", [f"parameter {name}", "4096"], **{name: "/" + "a" * 5000})
    check(not agent.servers(), "a server runs")
    agent.expect(OK, "stop", port="none")
    return f"{len(rows)} values"


def owned_variables(agent):
    names = ["read_only", "sync_binlog", "log_bin", "innodb_flush_log_at_trx_commit", "rpl_semi_sync_master_enabled", "rpl_semi_sync_source_timeout",
             "super_read_only", "gtid_mode", "gtid_strict_mode", "offline_mode", "global.read_only", "rpl_semi_sync_source_wait_for_replica_count"]
    for name in names:
        for parameter in ("promoted_sysvars", "unpromoted_sysvars"):
            agent.refuses(CONFIGURED, "validate-all", [f"parameter {parameter}", name + "=1", "managed by the resource agent"], **{parameter: f"max_connections=50; {name}=1"})


def clone_without_what_it_needs(agent):
    cluster = {"CRM_meta_on_node": "node1", "CRM_meta_clone_max": "3"}
    agent.refuses(CONFIGURED, "validate-all", ["notify=false", "notify=true"], **cluster)
    agent.refuses(CONFIGURED, "validate-all", ["parameter credentials", "[replication]"], **cluster, CRM_meta_notify="true", credentials=None)
    agent.write("/etc/systole/half", "[administration]\nuser=systole\npassword=halfsecret\n", 0o600)
    agent.refuses(ARGS, "validate-all", ["/etc/systole/half", "[replication]"], **cluster, CRM_meta_notify="true", credentials="/etc/systole/half",
                  env={"OCF_CHECK_LEVEL": "10"})


def credentials(agent):
    agent.restore()
    path = "/etc/systole/test"
    good = "[administration]\nuser=adm\npassword=topsecret1\n[replication]\nuser=repl\npassword=topsecret2\n"
    agent.learn_secrets(good)

    def refused(code, words, credentials=path):
        for action, env in (("start", None), ("validate-all", {"OCF_CHECK_LEVEL": "10"}), ("promote", None)):
            agent.refuses(code, action, [credentials, *words], env=env, credentials=credentials)
        for action in ("monitor", "demote", "stop"):
            agent.expect(NOT_RUNNING if action == "monitor" else OK, action, credentials=credentials)

    refused(ARGS, ["does not exist", "readable for root only"], "/etc/systole/nowhere")
    for mode in (0o644, 0o640, 0o604, 0o660):
        agent.write(path, good, mode)
        refused(PERM, ["chmod 600"])
    agent.write(path, good, 0o600, owner=NOBODY)
    refused(PERM, ["root"])
    agent.write(path, good, 0o600)
    agent.sh("ln -sf test /etc/systole/link; mkdir -p /etc/systole/directory; chmod 700 /etc/systole/directory")
    agent.expect(OK, "validate-all", env={"OCF_CHECK_LEVEL": "10"}, credentials="/etc/systole/link")
    agent.sh(f"chmod 644 {path}")
    refused(PERM, ["chmod 600"], "/etc/systole/link")
    agent.sh(f"chmod 600 {path}")
    refused(ARGS, ["plain file"], "/etc/systole/directory")
    for text, line in ((good + "[client]\n", 7), ("password=topsecret1\n", 1), (good.replace("user=repl", "login=topsecret1"), 5),
                       (good + "password=topsecret3\n", 7), ("[administration]\nuser\n", 2), ("topsecret1\n", 1), ("[administration\n", 1)):
        agent.write(path, text, 0o600)
        refused(ARGS, [f"line {line}"])
    for text, words in (("[administration]\npassword=topsecret1\n", ["[administration]", "user="]), ("[administration]\nuser=adm\n", ["[administration]", "needs a password="]), ("[replication]\nuser=repl\n", ["[replication]", "password="]),
                        (f"[replication]\nuser={'r' * 33}\npassword=topsecret1\n", ["at most 32 characters"]),
                        ("[replication]\nuser=a'b\npassword=topsecret1\n", ["[replication]", "user="])):
        agent.write(path, text, 0o600)
        refused(ARGS, words)
    agent.write(path, good, 0o600)
    agent.refuses(ARGS, "validate-all", [path, "[site]", "other_site"], env={"OCF_CHECK_LEVEL": "10"}, credentials=path, other_site="10.9.9.9")
    agent.write(path, "x" * 100000, 0o600)
    agent.call("start", credentials=path)
    check(not agent.servers(), "a server was started without credentials")


def wrong_password(agent):
    """The accounts exist, but the file has other passwords: root's socket still lets the agent in."""
    agent.write("/etc/systole/test", "[administration]\nuser=systole\npassword=changedsecret\n[replication]\nuser=systole_repl\npassword=changedsecret\n", 0o600)
    agent.learn_secrets("password=changedsecret")
    agent.started(credentials="/etc/systole/test")
    agent.expect(OK, "monitor", interval=1, credentials="/etc/systole/test")


def lost_credentials(agent):
    """No reason to take a running server away from its clients: it is shown, and everything that makes safe still works."""
    agent.promoted()
    agent.sh(f"chmod 644 {CREDENTIALS}")
    try:
        agent.refuses(DEGRADED_PROMOTED, "monitor", [CREDENTIALS, "chmod 600"], interval=1)
        check(agent.write_row(), "the primary cannot be written to")
        agent.expect(OK, "demote")
        check(not agent.write_row(), "demoted and writable")
        agent.refuses(DEGRADED, "monitor", [CREDENTIALS, "chmod 600"], interval=1)
        agent.refuses(PERM, "promote", [CREDENTIALS, "chmod 600"])
        check(not agent.write_row(), "promoted without credentials")
        agent.expect(OK, "stop")
        agent.nothing_runs()
    finally:
        agent.sh(f"chmod 600 {CREDENTIALS}")


def programs(agent):
    agent.restore()
    for action, env in (("start", None), ("validate-all", {"OCF_CHECK_LEVEL": "10"})):
        agent.refuses(INSTALLED, action, ["parameter binary", "/nowhere/mysqld is not there"], env=env, binary="/nowhere/mysqld")
        agent.refuses(INSTALLED, action, ["parameter binary", "/bin/true", "version"], env=env, binary="/bin/true")
        agent.refuses(INSTALLED, action, ["parameter binary", "/bin/echo", "version"], env=env, binary="/bin/echo")
        agent.refuses(INSTALLED, action, ["binary", "/etc/hostname"], env=env, binary="/etc/hostname")
        agent.refuses(INSTALLED, action, ["binary", "/usr"], env=env, binary="/usr")
        agent.refuses(INSTALLED, action, ["parameter config", "/nowhere/my.cnf is not there"], env=env, config="/nowhere/my.cnf")
        agent.refuses(INSTALLED, action, ["user", "nosuchuser"], env=env, user="nosuchuser")
        agent.refuses(INSTALLED, action, ["group", "nosuchgroup"], env=env, group="nosuchgroup")
        agent.refuses(PERM, action, ["root"], env=env, user="root")
        agent.sh(f"mv {SQL_MODULE} {SQL_MODULE}.away")
        try:
            agent.refuses(INSTALLED, action, ["the sql module cannot be loaded", SQL_MODULE], env=env)
        finally:
            agent.sh(f"mv {SQL_MODULE}.away {SQL_MODULE}")
    agent.write("/tmp/old", "#!/bin/sh\necho 'mysqld  Ver 5.6.51 for Linux on x86_64'\n", 0o755)
    agent.refuses(INSTALLED, "start", ["5.6.51", "5.7.6"], binary="/tmp/old")
    for action in ("validate-all", "monitor", "stop", "demote"):
        agent.expect(NOT_RUNNING if action == "monitor" else OK, action, binary="/nowhere/mysqld", config="/nowhere/my.cnf")
    agent.nothing_runs()


def data_directories(agent):
    agent.restore()
    agent.refuses(INSTALLED, "start", ["parameter datadir", "/nowhere/data", "is not there"], datadir="/nowhere/data")
    agent.expect(NOT_RUNNING, "monitor", datadir="/nowhere/data")
    agent.sh(f"chown nobody {DATADIR}")
    agent.refuses(PERM, "start", ["parameter datadir", DATADIR, "65534", f"chown -R mysql: {DATADIR}"])
    agent.sh(f"chown root {DATADIR}")
    agent.refuses(PERM, "start", ["parameter datadir", DATADIR, "belongs to"])
    agent.expect(NOT_RUNNING, "monitor")
    agent.write("/tmp/file", "x")
    agent.sh("chown mysql /tmp/file")
    answer = agent.call("start", datadir="/tmp/file")
    check(answer.code in (ARGS, INSTALLED, PERM) and "/tmp/file" in answer.reason, f"a file as the data directory: {answer}")
    check(not agent.servers(), "a server runs")
    agent.clear()
    agent.sh(f"chown root:root {DATADIR}; mkdir {DATADIR}/lost+found")       # a new disk
    agent.expect(OK, "start", timeout=60)
    agent.expect(OK, "stop")


def two_resources(agent):
    agent.promoted()
    first = agent.servers()
    second = {"env": {"OCF_RESOURCE_INSTANCE": "second:0"}, "socket": "/run/mysqld/second.sock", "pid": "/run/mysqld/second.pid", "port": "3307",
              "log": "/var/log/mysql/second.log"}
    agent.refuses(GENERIC, "start", ["another resource", DATADIR], timeout=3, **second)
    check(agent.servers() == first and agent.write_row(), "the first resource's server suffered")
    agent.expect(NOT_RUNNING, "monitor", **second)
    agent.expect(OK, "stop", **second)
    agent.expect(PROMOTED, "monitor", interval=1)
    check(agent.servers() == first and agent.write_row(), "the second resource's stop ended the first one's server")


def contradictions(agent):
    agent.restore()
    both = ["skip-log-bin", "log_bin=OFF", "disable-log-bin", "sync_binlog=0", "sync-binlog=100", "innodb_flush_log_at_trx_commit=2",
            "innodb-flush-log-at-trx-commit=0", "loose-sync_binlog=0", "log_slave_updates=OFF", "skip-log-slave-updates"]
    own = ["gtid_mode=OFF", "enforce_gtid_consistency=OFF", "relay_log_recovery=ON", "relay_log_recovery", "rpl_semi_sync_source_wait_point=AFTER_COMMIT",
           "loose-rpl-semi-sync-source-wait-point=AFTER_COMMIT", "gtid-mode=OFF_PERMISSIVE", "log_replica_updates=0"]
    if not agent.mysql:
        own = ["gtid_strict_mode=OFF", "skip-gtid-strict-mode", "gtid-strict-mode=0", "rpl_semi_sync_master_wait_point=AFTER_COMMIT"]
        both.remove("disable-log-bin")
    missed = []
    for line in both + own:
        config = agent.config(line)
        answer = agent.call("validate-all", env={"OCF_CHECK_LEVEL": "10"}, config=config)
        if answer.code != ARGS or config not in answer.reason or "is needed, because" not in answer.reason:
            missed.append(f"{line}: {answer}")
    check(not missed, "; ".join(missed))
    agent.refuses(ARGS, "start", ["/etc/mysql/test.cnf", "sync_binlog=0", "1 is needed"], config=agent.config("sync_binlog=0"))
    for more in ("--sync-binlog=0", "--innodb_flush_log_at_trx_commit=2", "--skip-log-bin"):
        agent.refuses(ARGS, "start", ["additional_parameters", "is needed"], additional_parameters=more)
    check(not agent.servers(), "a server runs")
    agreeing = ["log_bin=mylog", "sync_binlog=1", "innodb_flush_log_at_trx_commit=1", "log_slave_updates=1", "port=3399", "socket=/tmp/other.sock", "user=nobody",
                "datadir=/nowhere", *(["gtid_mode=ON", "enforce_gtid_consistency=ON"] if agent.mysql else ["gtid_strict_mode=1"])]
    agent.expect(OK, "start", config=agent.config(*agreeing))
    check(agent.value("@@port") == "3306" and agent.value("@@log_bin") == "1", "the file's port won over the parameter")
    return f"{len(both + own)} lines"


def persisted(agent):
    """SET PERSIST beats the command line."""
    if not agent.mysql:
        return "MariaDB has no SET PERSIST"
    agent.started()
    agent.sql("SET PERSIST super_read_only = OFF")
    agent.sql("SET GLOBAL super_read_only = ON")
    agent.expect(OK, "stop")
    agent.refuses(ARGS, "start", ["mysqld-auto.cnf", "read_only", "RESET PERSIST"])
    check(not agent.servers(), "a server runs")


def refused_variables(agent):
    agent.restore()
    for parameter in ("promoted_sysvars", "unpromoted_sysvars"):
        for text in ("no_such_variable=1", "max_connections=many", "hostname=x"):
            agent.refuses(ARGS, "start", [f"parameter {parameter}", text, "refused by the server"], **{parameter: "wait_timeout=100;" + text})
    agent.expect(OK, "start", promoted_sysvars="max_connections=77; net_read_timeout=33", unpromoted_sysvars="max_connections=66")
    check(agent.value("@@max_connections") == "66", "unpromoted_sysvars were not set")
    agent.expect(OK, "promote", promoted_sysvars="max_connections=77", unpromoted_sysvars="max_connections=66")
    check(agent.value("@@max_connections") == "77", "promoted_sysvars were not set")
    agent.refuses(ARGS, "reload-agent", ["parameter promoted_sysvars", "max_connections=many"], promoted_sysvars="max_connections=many")
    agent.expect(OK, "reload-agent", promoted_sysvars="max_connections=78")
    check(agent.value("@@max_connections") == "78", "reload-agent did not set the variable")
    agent.expect(OK, "demote", unpromoted_sysvars="max_connections=66")
    check(agent.value("@@max_connections") == "66", "demote did not set unpromoted_sysvars")


def server_refuses(agent):
    """What only the server can find wrong is said in its own words."""
    agent.restore()
    agent.refuses(GENERIC, "start", ["ended while it was starting", "no_such_option"], timeout=20, config=agent.config("no_such_option=1"))
    agent.refuses(ARGS, "start", ["parameter config", "/etc/mysql/broken.cnf"], config=agent.write("/etc/mysql/broken.cnf", "x=1\n[mysqld]\n"))
    agent.refuses(ARGS, "start", ["parameter config"], config=DATADIR)
    listener = "import socket,time; s=socket.socket(); s.setsockopt(1,2,1); s.bind(('',3306)); s.listen(); print('ready',flush=True); time.sleep(30)"
    taken = subprocess.Popen(agent.node.command(["timeout", "30", "python3", "-c", listener]), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    taken.stdout.readline()
    agent.refuses(GENERIC, "start", ["ended while it was starting", "3306"], timeout=25)
    agent.expect(OK, "stop")
    check(not agent.servers(), "a server runs")
    agent.sh("fuser -k 3306/tcp", check=False)
    taken.wait()


def log_directory(agent):
    """A missing directory is made; one that cannot be is named."""
    agent.restore()
    agent.sh("rm -rf /var/log/newdir")
    agent.expect(OK, "start", log="/var/log/newdir/error.log")
    agent.expect(OK, "stop", log="/var/log/newdir/error.log")
    answer = agent.call("start", timeout=6, log="/etc/hostname/deeper/error.log")
    check(answer.code not in (OK, CONFIGURED) and "/etc/hostname" in answer.reason, f"a log in no directory: {answer}")
    agent.write("/tmp/victim", "precious\n")
    agent.sh(f"ln -sf /tmp/victim {LOG}")
    answer = agent.call("start", timeout=6)
    check(answer.code != OK and LOG in answer.reason and "symbolic link" in answer.reason, f"a log that is a link: {answer}")
    check(agent.sh("cat /tmp/victim").stdout == "precious\n", "the link was followed")
    check(not agent.servers(), "a server runs")
    agent.sh(f"rm -f {LOG}")


def disk_full(agent):
    """While it initialises: a sentence; and when there is room again, the next start goes on."""
    agent.clear()
    agent.sh(f"mount -t tmpfs -o size=6m,uid=mysql,gid=mysql small {DATADIR}")
    try:
        answer = agent.call("start", timeout=8)
        check(answer.code == GENERIC and "cannot initialise" in answer.reason, f"on a full disk: {answer}")
        check(not agent.servers(), "a server runs")
        agent.expect(NOT_RUNNING, "monitor")
        agent.sh(f"mount -o remount,size=1g {DATADIR}")
        agent.expect(OK, "start", timeout=60)
        agent.expect(OK, "promote")
        agent.expect(OK, "stop")
    finally:
        agent.kill_servers()
        agent.sh(f"umount {DATADIR}")
    return answer.reason


TESTS = [
    ("wrong values of every kind of parameter", wrong_values),
    ("variables that are the agent's own are refused", owned_variables),
    ("a clone without notify or without a replication account is refused", clone_without_what_it_needs),
    ("credentials that are missing, open to others or malformed", credentials),
    ("credentials that became unreadable while the server runs", lost_credentials),
    ("changed passwords do not lock the agent out", wrong_password),
    ("a missing or wrong program, option file, user or group", programs),
    ("a data directory that is missing or another user's", data_directories),
    ("two resources on one data directory", two_resources),
    ("an option file that contradicts the laws", contradictions),
    ("a persisted variable that would open a replica", persisted),
    ("variables that the server refuses are found at start", refused_variables),
    ("what only the server finds wrong is said in its words", server_refuses),
    ("a log that cannot be written", log_directory),
    ("a disk that is full at the first start", disk_full),
]
