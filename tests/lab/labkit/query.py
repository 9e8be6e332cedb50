"""SQL on a node's server, through its socket; without a program of the server's, of which each costs more than the query."""
import configparser

from .shell import Result

NO_ENTRY = (1045, 1698)     # of root: its account is closed


def ask(node, socket, defaults, query, timeout):
    """Runs the statements of `query` as the server's root, or as the account that the file `defaults` names: a Result as of a client program."""
    import pymysql              # what installs it is the lab
    init = node.init()
    if init is None:
        return Result(75, "", f"{node.name} is off")
    root = f"/proc/{init[0]}/root"
    try:
        try:
            rows = answers(query, timeout, unix_socket=root + socket, user="root")
        except pymysql.err.OperationalError as refused:
            if refused.args[0] not in NO_ENTRY:
                raise
            rows = answers(query, timeout, unix_socket=root + socket, **account(root + defaults))
    except pymysql.err.MySQLError as failed:
        number, sentence = failed.args if len(failed.args) == 2 else (0, failed)
        return Result(1, "", f"ERROR {number} {sentence}\n")
    except (OSError, TimeoutError) as failed:
        return Result(1, "", f"ERROR 0 {failed}\n")
    return Result(0, "".join("\t".join(row) + "\n" for row in rows), "")


def account(path):
    file = configparser.ConfigParser(interpolation=None)
    with open(path) as text:
        file.read_file(text)
    return {name: file["client"][name] for name in ("user", "password")}


def answers(query, timeout, **where):
    """The rows of all its results, as texts."""
    import pymysql
    from pymysql.constants import CLIENT
    with pymysql.connect(connect_timeout=5, read_timeout=timeout, write_timeout=timeout, autocommit=True, charset="utf8mb4", conv={},
                         client_flag=CLIENT.MULTI_STATEMENTS, **where) as connection:
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
