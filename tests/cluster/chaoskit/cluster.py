"""What the nodes of a lab hold, read for the judgement."""
from .history import Copy, Row

ROWS = "SELECT n, tx, part, parts, account, amount, server FROM lab.ledger WHERE n > %d"
TIMEOUT = 60


def read_copy(lab, name, after=0):
    """The rows with higher numbers than `after`, all accounts, and the position."""
    rows = lab.sql(name, ROWS % after, timeout=TIMEOUT)
    accounts = lab.sql(name, "SELECT id, balance FROM lab.accounts", timeout=TIMEOUT)
    return Copy([Row(*map(int, row[:6]), row[6]) for row in rows],
                {int(account): int(balance) for account, balance in accounts}, lab.position(name))


def checksums(lab, name):
    """Of everything that the node's tables hold, however old."""
    return tuple(map(tuple, lab.sql(name, "CHECKSUM TABLE lab.ledger, lab.accounts EXTENDED", timeout=TIMEOUT)))


def is_readable(lab, name):
    return lab.sql(name, "SELECT COUNT(*) FROM lab.ledger", check=False).ok
