"""What every cluster test needs: a settled lab, an application that notes each acknowledgement, and the judgement afterwards."""
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

from labkit import Lab, LabError, read_log      # noqa: E402

RECOVERY = 120      # seconds for the whole cluster to be healthy again after a fault; the figures say how long it took


class Broken(Exception):
    """A law or a promise did not hold."""


def check(holds, sentence):
    if not holds:
        raise Broken(sentence)


class Trial:
    """One fault under load. `with Trial(lab) as trial: lab.fault(...)`; at the end of the block everything is judged."""

    def __init__(self, lab, expect_move=None, longest=None, settle=RECOVERY, nodes=None, writers=5):
        self.lab, self.expect_move, self.longest, self.settle, self.nodes = lab, expect_move, longest, settle, nodes
        self.writers = writers

    def __enter__(self):
        self.before = self.lab.wait_settled(self.settle, nodes=self.nodes, failures_ok=True)
        wait_in_sync(self.lab, nodes=self.nodes)
        self.application = self.lab.start_writers(writers=self.writers)
        try:
            self.application.wait_for_ack()
            time.sleep(0.5)
        except BaseException:
            self.application.stop()
            raise
        self.at = time.monotonic()
        return self

    def __exit__(self, kind, _value, _trace):
        try:
            if kind is None:
                self.judge()
        finally:
            self.log = self.application.stop()
            self.application.stop()

    def judge(self):
        if self.expect_move:
            self.lab.wait_until(lambda: self.lab.primary() not in (None, self.before), self.settle, "another node to be promoted")
        self.application.wait_for_ack(after=time.monotonic(), timeout=self.settle)
        self.after = self.lab.wait_settled(self.settle, nodes=self.nodes, failures_ok=True)
        self.application.wait_for_ack(after=time.monotonic(), timeout=self.settle)
        recovered = time.monotonic() - self.at
        self.log = self.application.stop()
        wait_in_sync(self.lab, nodes=self.nodes)
        judge_data(self.lab, self.log, self.nodes)
        self.outage = self.log.longest_gap(after=self.at)
        self.note = (f"{self.before} -> {self.after}, longest pause {self.outage:.2f} s, settled after {recovered:.1f} s, "
                     f"acknowledged {len(self.log.acked)}, lost 0")
        if self.expect_move is not None:
            check((self.before != self.after) == self.expect_move, f"the role went from {self.before} to {self.after}")
        if self.longest is not None:
            check(self.outage <= self.longest, f"the longest pause was {self.outage:.2f} s, more than {self.longest} s")


def wait_in_sync(lab, nodes=None, timeout=RECOVERY):
    """Every node has the same rows, and replicates or is the primary."""
    names = [node.name for node in lab.nodes] if nodes is None else nodes

    def same():
        counts = {}
        for name in names:
            result = lab.sql(name, "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS(':', id, writer))), 0) FROM lab.writes", check=False)
            if not result.ok:
                return f"{name}: {result.stderr.strip()[-150:]}"
            counts[name] = result.stdout.strip()
        return len(set(counts.values())) == 1 or f"rows and checksums differ: {counts}"
    lab.wait_until(same, timeout, "all nodes to have the same rows", interval=0.3)


def judge_data(lab, log, nodes=None):
    names = [node.name for node in lab.nodes] if nodes is None else nodes
    for name in names:
        lost = log.lost(lab.rows(name))
        check(not lost, f"{len(lost)} acknowledged writes are missing on {name}: {lost[:5]}")
    check(not log.doubles(), f"two servers acknowledged at the same time: {log.doubles()[:3]}")


class Suite:
    """Runs tests by name and counts them."""

    def __init__(self, title, logs):
        self.title, self.logs, self.passed, self.failed = title, logs, 0, []

    def run(self, lab, name, test):
        started = time.monotonic()
        try:
            note = test(lab)
            self.passed += 1
            print(f"ok   {name} ({time.monotonic() - started:.0f} s){': ' + note if note else ''}", flush=True)
            return True
        except (Broken, LabError) as error:
            reason = str(error)
        except Exception:                                               # a fault of the test itself is a failure too
            reason = traceback.format_exc()
        self.failed.append(name)
        print(f"FAIL {name} ({time.monotonic() - started:.0f} s): {reason}", flush=True)
        if lab is not None:
            target = os.path.join(self.logs, name.replace(" ", "-").replace("/", "-"))
            try:
                lab.collect_logs(target)
                print(f"     logs: {target}", flush=True)
            except Exception as error:
                print(f"     no logs: {error}", flush=True)
        return False

    def end(self):
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed or not self.passed else 0
