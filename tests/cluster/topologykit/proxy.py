"""HAProxy in the client's network, with the configuration of doc/haproxy.cfg: only ports and addresses are the lab's."""
import collections
import subprocess
import time

from suite import Trial, check
from durabilitykit.look import others
from labkit.install import install
from labkit.paths import PROJECT, PYTHON
from labkit.shell import read_text, write_text
from topologykit.reads import MAX_LAG_S, MONITOR_S

WRITES, READS = 13306, 13307
HEALTH = "/usr/local/sbin/systole-reads"
# What systemd does with a socket unit on a real node.
RESPONDER = f"""
import socketserver, subprocess
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(subprocess.run(["{HEALTH}", "db"], stdout=subprocess.PIPE).stdout)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("0.0.0.0", 9200), Answer).serve_forever()
"""
# $1: port, $2: seconds. One session after the other: the server's name of each, or "failed".
ASK = """
import sys, time, pymysql
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    try:
        with pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", password="app-password", connect_timeout=1, read_timeout=1,
                             ssl={"check_hostname": False} if sys.argv[3] == "tls" else None) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SELECT @@hostname")
                print(cursor.fetchone()[0], flush=True)
    except Exception as failed:
        print("failed", failed, flush=True)
    time.sleep(0.1)
"""


def configuration(lab):
    text = read_text(PROJECT + "/doc/haproxy.cfg")
    text = text.replace("bind :3306", f"bind 127.0.0.1:{WRITES}").replace("bind :3307", f"bind 127.0.0.1:{READS}")
    for node in lab.nodes:
        text = text.replace(f"10.0.0.1{node.number}:", f"{node.address}:")
    return text.replace("10.0.0.50:", f"{lab.vip}:")


def asked(lab, port, seconds):
    """How often each server answered through the proxy."""
    tls = "tls" if lab.flavour.client_tls else "plain"
    said = lab.client([PYTHON, "-c", ASK, str(port), str(seconds), tls], timeout=seconds + 20, check=True).stdout
    return collections.Counter(line.split()[0] for line in said.splitlines())


def lags(lab, slow):
    with Trial(lab, writers=1) as trial:
        with lab.session(slow) as session, session.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            time.sleep(MAX_LAG_S + 2 * MONITOR_S + 3)
            found = asked(lab, READS, 3)
    check(slow not in found and "failed" not in found, f"reads while {slow} lagged: {dict(found)}")
    return f"while {slow} lagged {dict(found)}; {trial.note}"


def dies(lab, victim):
    with Trial(lab) as trial:
        lab.fault("kill-node", victim)
        time.sleep(5)           # two checks, each a second after the other and a second long
        found = asked(lab, READS, 3)
    check("failed" not in found and victim not in found, f"reads after the death of {victim}: {dict(found)}")
    return f"after the death of {victim} {dict(found)}; {trial.note}"


def proxied(lab):
    """Reads go to nodes that may serve them, writes to the primary."""
    install(["haproxy"])
    started = []
    try:
        for node in lab.nodes:
            write_text(node.path(HEALTH), read_text(PROJECT + "/doc/systole-reads"), 0o755)
            started.append(subprocess.Popen(node.command(["python3", "-c", RESPONDER]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL, start_new_session=True))
        path = lab.directory + "/haproxy.cfg"
        write_text(path, configuration(lab))
        with open(lab.directory + "/haproxy.log", "w") as log:
            started.append(lab.client_popen(["haproxy", "-db", "-f", path], stdout=log, stderr=log, start_new_session=True))
        primary = lab.wait_settled(120, failures_ok=True)
        lab.wait_until(lambda: set(asked(lab, READS, 1)) == {node.name for node in lab.nodes}, 60, "reads from all nodes through HAProxy")
        slow, victim = others(lab, primary)
        notes = [lags(lab, slow), dies(lab, victim)]
        wrote = asked(lab, WRITES, 1)
        check(set(wrote) == {lab.primary()}, f"the address for writes led to {dict(wrote)}, the primary is {lab.primary()}")
        return "; ".join(notes)
    finally:
        for process in started:     # what answers in a node ends with the node
            process.kill()
            process.wait()


TESTS = [("HAProxy sends reads where they may be served", proxied)]
