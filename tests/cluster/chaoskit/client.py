#!/usr/bin/python3 -B
"""client: a bank's application for the fault runs: single rows, and transactions of several rows that must stay whole.

Every write is a number of its own in lab.ledger. Two of three are one autocommitted row; every third is a transaction that
moves money: two to four rows whose amounts add up to nothing, and the same amounts in lab.accounts. The column n, which the
primary counts up, is the order of the writes in the data that survived.

Notes are those of writer.py, with one more word: when the request that was acknowledged had been sent.

    A time session id sent
"""
import os
import sys
import time

sys.path += ["/usr/lib/systole-lab", os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lab")]

import writer                                           # noqa: E402

SETUP = """CREATE DATABASE IF NOT EXISTS lab;
CREATE TABLE IF NOT EXISTS lab.ledger (n BIGINT AUTO_INCREMENT PRIMARY KEY, tx BIGINT NOT NULL, part INT NOT NULL,
    parts INT NOT NULL, account BIGINT NOT NULL, amount BIGINT NOT NULL, server VARCHAR(64) NOT NULL, UNIQUE KEY (tx, part))
    ENGINE=InnoDB;
CREATE TABLE IF NOT EXISTS lab.accounts (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL) ENGINE=InnoDB;
CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED BY 'app-password';
GRANT SELECT, INSERT, UPDATE, DELETE ON lab.* TO 'app'@'%';"""

ROW = "INSERT INTO lab.ledger (tx, part, parts, account, amount, server) VALUES (%s, %s, %s, %s, %s, @@hostname)"
MOVE = "INSERT INTO lab.accounts (id, balance) VALUES (%s, %s) ON DUPLICATE KEY UPDATE balance = balance + %s"

ACCOUNTS = 4                # of a writer; no two writers share one, so a commit that hangs holds up its own writer only
LONGEST_PATIENCE = 3.0      # what a client that is not answered waits at most, before it gives the write up as unknown


class Client(writer.Writer):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.patience = writer.TIMEOUT

    def open_session(self):
        """An unanswered session stays in the server, where its commit waits: the next one is more patient, so they stay few."""
        super().open_session()
        if self.connection is not None:
            self.connection._read_timeout = self.patience

    def insert(self):
        number = self.next_id
        self.next_id += 1
        started = time.monotonic()
        try:
            sent = self.transfer(number) if number % 3 == 0 else self.single(number)
            self.notes.note("A", self.session, number, f"{sent:.6f}")
            self.patience = writer.TIMEOUT
        except Exception as failed:
            self.notes.note("R" if writer.was_refused(failed) else "U", self.session, number, writer.error_text(failed))
            if time.monotonic() - started >= self.patience:
                self.patience = min(2 * self.patience, LONGEST_PATIENCE)
            self.close()

    def single(self, number):
        sent = time.monotonic()
        with self.connection.cursor() as cursor:
            cursor.execute(ROW, (number, 0, 1, 0, 0))
        return sent

    def transfer(self, number):
        """Returns when the COMMIT was sent."""
        amounts = split(number)
        self.connection.begin()
        with self.connection.cursor() as cursor:
            for part, amount in enumerate(amounts):
                account = self.options.run * 1000 + self.number * ACCOUNTS + part
                cursor.execute(ROW, (number, part, len(amounts), account, amount))
                cursor.execute(MOVE, (account, amount, amount))
        sent = time.monotonic()
        self.connection.commit()
        return sent


def split(number):
    """Two to four amounts that add up to nothing."""
    amounts = [number % 97 + part + 1 for part in range(1 + number // 3 % 3)]
    return [*amounts, -sum(amounts)]


if __name__ == "__main__":
    sys.exit(writer.main(Client))
