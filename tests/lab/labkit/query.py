"""SQL on a node's server, through its socket; without a program of the server's, of which each costs more than the query."""
import configparser

from .shell import LabError, Result

NO_ENTRY = (1045, 1698)     # of root: its account is closed


def connect(node, socket, defaults, timeout):
    """A pymysql connection as the server's root, or as the account that the file `defaults` names."""
    import pymysql              # what installs it is the lab
    from pymysql.constants import CLIENT
    init = node.init()
    if init is None:
        raise LabError(f"{node.name} is off")
    root = f"/proc/{init[0]}/root"
    options = {"unix_socket": root + socket, "connect_timeout": 5, "read_timeout": timeout, "write_timeout": timeout, "autocommit": True,
               "charset": "utf8mb4", "conv": {}, "client_flag": CLIENT.MULTI_STATEMENTS}
    try:
        return pymysql.connect(user="root", **options)
    except pymysql.err.OperationalError as refused:
        if refused.args[0] not in NO_ENTRY:
            raise
        return pymysql.connect(**account(root + defaults), **options)


def account(path):
    file = configparser.ConfigParser(interpolation=None)
    with open(path) as text:
        file.read_file(text)
    return {name: file["client"][name] for name in ("user", "password")}


def ask(node, socket, defaults, query, timeout):
    """Runs the statements of `query`: a Result as of a client program."""
    import pymysql
    if not node.alive():
        return Result(75, "", f"{node.name} is off")
    try:
        with connect(node, socket, defaults, timeout) as connection:
            rows = answers(connection, query)
    except pymysql.err.MySQLError as failed:
        number, sentence = failed.args if len(failed.args) == 2 else (0, failed)
        return Result(1, "", f"ERROR {number} {sentence}\n")
    except (LabError, OSError) as failed:
        return Result(1, "", f"ERROR 0 {failed}\n")
    return Result(0, "".join("\t".join(row) + "\n" for row in rows), "")


def answers(connection, query):
    """The rows of all its results, as texts."""
    rows = []
    with connection.cursor() as cursor:
        cursor.execute(query)
        while True:
            rows += cursor.fetchall()
            if not cursor.nextset():
                return [[text(value) for value in row] for row in rows]


def text(value):
    if value is None:
        return "NULL"
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
