"""vip_probe: asks an address every 10 ms whether it is there, and notes each answer. For a cluster that has only the address.

A TCP connection to a port that nobody listens on: a live address refuses at once. Attempts overlap, so one that hangs delays no
other. Notes are lines with CLOCK_MONOTONIC seconds. Usage: vip_probe.py ADDRESS NOTES
"""
import errno
import os
import select
import signal
import socket
import sys
import time

PORT = 9                    # discard: nobody has it
PERIOD = 0.01
GIVEN_UP = 0.3              # less than the one second after which TCP asks again by itself


def main():
    address, notes = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    waiting, due = {}, time.monotonic()
    while True:
        now = time.monotonic()
        if now >= due:
            due = max(due + PERIOD, now)
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            probe.setblocking(False)
            result = probe.connect_ex((address, PORT))
            if result == errno.EINPROGRESS:
                waiting[probe] = now
            else:
                note(notes, probe, result)
        for probe in [probe for probe, since in waiting.items() if now - since > GIVEN_UP]:
            del waiting[probe]
            probe.close()
        _, ready, _ = select.select([], list(waiting), [], max(0.0, due - time.monotonic()))
        for probe in ready:
            del waiting[probe]
            note(notes, probe, probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def note(notes, probe, result):
    if result in (0, errno.ECONNREFUSED):
        os.write(notes, b"%.6f\n" % time.monotonic())
    probe.close()


if __name__ == "__main__":
    main()
