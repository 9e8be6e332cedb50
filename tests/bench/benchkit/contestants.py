"""The contestants: the agents as an operator would configure them, and what each needs before its first start."""
import concurrent.futures
from dataclasses import dataclass

from labkit import STATEFUL, AgentSpec, systole
from labkit.application import SETUP
from labkit.resources import DATADIR, MONITORS
from labkit.shell import write_text

CONFIG = "/etc/mysql/bench.cnf"
SETTLE = 90                 # seconds for a first start; bounded, because not every agent gets there

SERVER_CONFIG = """[mysqld]
server_id = {number}
bind-address = 0.0.0.0
log_bin = mysql-bin
log_slave_updates = ON
binlog_format = ROW
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1
innodb_buffer_pool_size = 64M
relay_log = relay-bin
gtid_domain_id = 0
slave_net_timeout = 4
max_connections = 200
max_connect_errors = 1000000000
"""

# The shell agents start only what is there already: data with the accounts in them, on every node the same.
# A row in gtid_slave_pos: without one, ocf:heartbeat:mariadb promotes nobody on freshly initialised servers.
ACCOUNTS = """FLUSH PRIVILEGES;
CREATE USER 'repl'@'%' IDENTIFIED BY 'repl-password';
GRANT ALL PRIVILEGES ON *.* TO 'repl'@'%' WITH GRANT OPTION;
CREATE USER 'repl'@'localhost' IDENTIFIED BY 'repl-password';
GRANT ALL PRIVILEGES ON *.* TO 'repl'@'localhost' WITH GRANT OPTION;
DELETE FROM mysql.global_priv WHERE User='';
INSERT INTO mysql.gtid_slave_pos VALUES (0,1,99,1);
"""

INITIALISE = f"""set -e
rm -rf {DATADIR}/lost+found
mariadb-install-db --no-defaults --user=mysql --datadir={DATADIR} --auth-root-authentication-method=normal --skip-test-db > /dev/null
mariadbd --no-defaults --user=mysql --datadir={DATADIR} --bootstrap --log-warnings=0 2> /tmp/bootstrap.log
chown -R mysql:mysql {DATADIR}
"""

# The times that both agents' metadata advise, and the monitors that all contestants have.
SHELL_OPS = (("start", "0s", "120s"), ("stop", "0s", "120s"), ("promote", "0s", "120s"), ("demote", "0s", "120s"),
             ("notify", "0s", "90s"),
             *((name, interval, "30s", role) for name, interval, _, role in MONITORS))


@dataclass(frozen=True)
class Contestant:
    name: str               # as an option and in the tables
    spec: AgentSpec
    prepared: bool = False  # its data directories are made before its first start
    database: bool = True   # False: only the virtual IP can be measured

    @property
    def path(self):
        return f"/usr/lib/ocf/resource.d/{self.spec.provider}/{self.spec.type}"

    @property
    def is_shell(self):
        return self.spec.provider == "heartbeat"


def shell_agent(kind, **more):
    return AgentSpec(
        "ocf", "heartbeat", kind,
        params={"binary": "/usr/bin/mysqld_safe", "config": CONFIG, "test_user": "repl", "test_passwd": "repl-password",
                "replication_user": "repl", "replication_passwd": "repl-password", **more},
        meta={"notify": "true", "interleave": "true"}, ops=SHELL_OPS)


def contestants(flavour, node_names):
    """All of them by name, in the order of the tables."""
    every = (Contestant("systole", systole(flavour)),
             Contestant("mysql", shell_agent("mysql"), prepared=True),
             Contestant("mariadb", shell_agent("mariadb", node_list=" ".join(node_names)), prepared=True),
             Contestant("floor", STATEFUL, database=False))
    return {one.name: one for one in every}


def start(lab, contestant, properties):
    """From a lab whose nodes are up to a serving cluster with the application's table; LabError when it does not get there."""
    if contestant.prepared:
        with concurrent.futures.ThreadPoolExecutor(len(lab.nodes)) as pool:
            for done in [pool.submit(initialise, node) for node in lab.nodes]:
                done.result()
    lab.configure(contestant.spec, properties)
    lab.wait_settled(SETTLE, failures_ok=True)
    if contestant.database and not contestant.prepared:
        lab.set_up_application()


def initialise(node):
    write_text(node.path(CONFIG), SERVER_CONFIG.format(number=node.number))
    node.run(INITIALISE, stdin=ACCOUNTS + SETUP + "\n", timeout=90, check=True)
