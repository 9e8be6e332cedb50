"""What was acknowledged, what the nodes hold in the end, and whether the two agree. Pure: nothing here asks anybody.

Three counts, each of which must be 0:
    lost        acknowledged writes that are missing on a node
    double      acknowledgements that no single primary can have given (below)
    diverged    nodes that differ from the first one, or hold a transaction in part, or accounts that do not fit their ledger

Two rules find a double. (1) Rows are numbered by the primary that wrote them, and a new primary goes on after the last number
it holds; so the numbers cut the surviving rows into reigns, one server each. An acknowledgement of a reign that was *asked
for* after a later reign had acknowledged something is a double. (2) A session ends with its server's reign; so an
acknowledgement by another server, asked for and given between two acknowledgements of one session, is a double. An answer
that was merely late (asked for before the takeover, read after it) is none: either the write is there, and the client was
told the truth, or it is not, and it counts as lost.
"""
import bisect
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Write:
    """An acknowledged write. Times are CLOCK_MONOTONIC seconds, the same for all clients."""
    tx: int
    server: str
    session: str
    sent: float
    at: float


@dataclass(frozen=True)
class Row:
    n: int
    tx: int
    part: int
    parts: int
    account: int
    amount: int
    server: str


@dataclass
class Copy:
    """What one node holds."""
    rows: list = field(default_factory=list)
    accounts: dict = field(default_factory=dict)
    position: str = ""


@dataclass
class Verdict:
    acknowledged: int
    lost: dict          # tx -> names of the nodes that lack it
    double: list        # sentences
    diverged: list      # sentences

    def clean(self):
        return not (self.lost or self.double or self.diverged)

    def figures(self):
        return f"acknowledged {self.acknowledged}, lost {len(self.lost)}, double {len(self.double)}, diverged {len(self.diverged)}"

    def sentences(self):
        yield from (f"lost: write {tx} is missing on {', '.join(nodes)}" for tx, nodes in sorted(self.lost.items()))
        yield from (f"double: {sentence}" for sentence in self.double)
        yield from (f"diverged: {sentence}" for sentence in self.diverged)


def read_notes(path):
    """The acknowledged writes in a client's notes (see client.py); a last line cut short by a kill is left out."""
    servers, writes = {}, []
    with open(path, errors="replace") as file:
        for line in file:
            words = line.split()
            if line.endswith("\n") and words[0] == "S":
                servers[words[2]] = words[3]
            elif line.endswith("\n") and words[0] == "A":
                writes.append(Write(int(words[3]), servers[words[2]], f"{path}#{words[2]}", float(words[4]), float(words[1])))
    return writes


def judge(writes, copies):
    """writes: all that were acknowledged; copies: {node: Copy}, the first of which is what the others are compared with."""
    rows = next(iter(copies.values())).rows if copies else []
    return Verdict(len(writes), lost(writes, copies), doubles(writes, rows), broken(copies) + differing(copies))


def lost(writes, copies):
    missing = {}
    for name, copy in copies.items():
        present = {row.tx for row in copy.rows}
        for write in writes:
            if write.tx not in present:
                missing.setdefault(write.tx, []).append(name)
    return missing


def doubles(writes, rows):
    return superseded(writes, rows) + interleaved(writes)


def reigns(rows):
    """[(server, transactions)] in the order of n."""
    found = []
    for row in sorted(rows, key=lambda row: row.n):
        if not found or found[-1][0] != row.server:
            found.append((row.server, set()))
        found[-1][1].add(row.tx)
    return found


def superseded(writes, rows):
    """Rule 1."""
    by_tx = {write.tx: write for write in writes}
    found, next_reign = [], None                # the earliest acknowledgement of the reigns that are later
    for server, transactions in reversed(reigns(rows)):
        acknowledged = [by_tx[tx] for tx in transactions if tx in by_tx]
        for write in acknowledged:
            if next_reign and write.sent > next_reign.at:
                found.append(f"{server} acknowledged {write.tx} at {write.at:.3f}, asked for at {write.sent:.3f}, but "
                             f"{next_reign.server}, which came after it, had acknowledged {next_reign.tx} at {next_reign.at:.3f}")
        next_reign = min([*acknowledged, *([next_reign] if next_reign else [])], key=lambda write: write.at, default=None)
    return found


def interleaved(writes):
    """Rule 2."""
    found = []
    by_server = {}
    for write in sorted(writes, key=lambda write: write.sent):
        by_server.setdefault(write.server, []).append(write)
    sent = {server: [write.sent for write in group] for server, group in by_server.items()}
    for session in sessions(writes):
        for before, after in zip(session, session[1:]):
            for server, group in by_server.items():
                if server == before.server:
                    continue
                for write in group[bisect.bisect(sent[server], before.at):bisect.bisect(sent[server], after.sent)]:
                    if write.at < after.sent:
                        found.append(f"{server} acknowledged {write.tx} at {write.at:.3f}, between {before.tx} and {after.tx}, "
                                     f"which {before.server} acknowledged in one session at {before.at:.3f} and {after.at:.3f}")
    return found


def sessions(writes):
    by_session = {}
    for write in sorted(writes, key=lambda write: write.at):
        by_session.setdefault(write.session, []).append(write)
    return by_session.values()


def broken(copies):
    """Transactions that are not whole."""
    found = []
    for name, copy in copies.items():
        found += [f"{name} holds a part of transaction {tx}" for tx in halves(copy.rows)]
        found += [f"account {account} of {name} does not fit its ledger" for account in unbalanced(copy)]
    return found


def differing(copies):
    found = []
    names = list(copies)
    for name in names[1:]:
        first, other = copies[names[0]], copies[name]
        rows = set(first.rows) ^ set(other.rows)
        if rows:
            found.append(f"{names[0]} and {name} differ in {len(rows)} rows, the first of them {min(rows, key=lambda row: row.n)}")
        if first.accounts != other.accounts:
            found.append(f"{names[0]} and {name} differ in accounts")
        if first.position != other.position:
            found.append(f"{names[0]} stands at {first.position}, {name} at {other.position}")
    return found


def halves(rows):
    by_tx = {}
    for row in rows:
        by_tx.setdefault(row.tx, []).append(row)
    return sorted(tx for tx, found in by_tx.items()
                  if len(found) != found[0].parts or sum(row.amount for row in found) != 0)


def unbalanced(copy):
    sums = {}
    for row in copy.rows:
        if row.parts > 1:
            sums[row.account] = sums.get(row.account, 0) + row.amount
    return sorted(account for account in sums.keys() | copy.accounts.keys() if sums.get(account) != copy.accounts.get(account))
