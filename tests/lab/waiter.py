#!/usr/bin/python3 -B
"""waiter: an application that waits for an answer without a timeout of its own, as most do; says when it is told that none will come."""
import argparse
import time

import pymysql

from writer import TLS

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("host")
parser.add_argument("--tls", action="store_true")
options = parser.parse_args()
connection = pymysql.connect(host=options.host, user="app", password="app-password", ssl=TLS if options.tls else None)
with connection.cursor() as cursor:
    print("asks", flush=True)
    try:
        cursor.execute("SELECT SLEEP(900)")
        print("answered", flush=True)
    except pymysql.MySQLError as failed:
        print(f"{time.monotonic():.3f} {failed}", flush=True)
