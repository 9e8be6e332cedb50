"""The two kinds of lab: which server, which root file system, which packages."""
from dataclasses import dataclass

OUTSIDE = """corosync-qnetd debootstrap e2fsprogs iproute2 iputils-ping iputils-arping nftables procps
    python3-pymysql tini util-linux""".split()

CLUSTER = """corosync corosync-qdevice pacemaker pacemaker-cli-utils pacemaker-resource-agents pcs crmsh resource-agents
    iproute2 iputils-arping iputils-ping nftables tini procps psmisc python3 python3-pymysql""".split()

BUILD = """gcc libc6-dev make autoconf automake libtool pkg-config pacemaker-dev libcorosync-common-dev libquorum-dev
    libvotequorum-dev libcmap-dev libcpg-dev libqb-dev libxml2-dev libxml2-utils libglib2.0-dev libcmocka-dev""".split()


@dataclass(frozen=True)
class Flavour:
    name: str
    daemon: str             # the server's program
    client: str             # its command line client
    base: str               # "host": the nodes' root is this machine's; "sid": a root of Debian unstable
    outside: tuple          # packages that this machine needs
    inside: tuple = ()      # packages that a root of its own needs
    client_tls: bool = False


FLAVOURS = {
    "mariadb": Flavour(
        name="mariadb", daemon="/usr/sbin/mariadbd", client="mariadb", base="host",
        outside=(*OUTSIDE, *CLUSTER, *BUILD, "mariadb-server", "mariadb-client", "mariadb-backup", "libmariadb-dev")),
    "mysql": Flavour(
        name="mysql", daemon="/usr/sbin/mysqld", client="mysql", base="sid",
        outside=tuple(OUTSIDE),
        inside=(*CLUSTER, *BUILD, "mysql-server-core", "mysql-client-core", "libmysqlclient-dev"),
        client_tls=True),
}
