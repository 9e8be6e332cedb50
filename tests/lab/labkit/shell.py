"""Running programs, files, locks, and the one kind of error that the lab reports."""
import contextlib
import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass


class LabError(Exception):
    """One sentence that says what is wrong and, where known, what to do."""


@dataclass
class Result:
    """What a program did: exit status (124: it was stopped at its timeout), output."""
    returncode: int
    stdout: str
    stderr: str

    @property
    def ok(self):
        return self.returncode == 0


def say(*words):
    """One progress line for the person at the terminal."""
    print("lab:", *words, file=sys.stderr, flush=True)


def run(command, *, check=True, stdin=None, timeout=None, env=None, cwd=None):
    """Runs a program and returns its Result; with `check` a failure is a LabError."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, errors="replace",
                              timeout=timeout, env=env, cwd=cwd,
                              stdin=subprocess.DEVNULL if stdin is None else None)
        result = Result(done.returncode, done.stdout, done.stderr)
    except subprocess.TimeoutExpired as late:
        result = Result(124, text_of(late.stdout), text_of(late.stderr))
    except FileNotFoundError:
        result = Result(127, "", f"{command[0]}: not found")
    if check and not result.ok:
        raise LabError(f"`{' '.join(command)}` failed ({result.returncode}): {last_line(result)}")
    return result


def text_of(output):
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def last_line(result):
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    return lines[-1] if lines else "no output"


def run_logged(command, log, *, what, env=None, cwd=None):
    """Runs a long program with its output appended to the file `log`; its failure names that file."""
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "a") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=cwd)
    if done.returncode:
        raise LabError(f"{what} failed ({done.returncode}): {last_words(log)} (all of it: {log})")


def last_words(log):
    """The line of a log that most likely says why: the last one with 'error' in it, or the last one."""
    lines = [line.strip() for line in read_text(log, "").splitlines() if line.strip()]
    errors = [line for line in lines[-200:] if "rror" in line or line.startswith("E:")]
    return (errors or lines or ["no output"])[-1]


def read_text(path, default=None):
    """The text of a file, or `default` when it is not there."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return default


def write_text(path, text, mode=0o644):
    """Writes a file in one step: a reader sees the old text or the new one."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
    os.rename(path + ".new", path)


@contextlib.contextmanager
def locked(path, waiting_for=None):
    """Holds a lock between processes; says what it waits for when somebody else has it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting_for:
                say("waiting for", waiting_for)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
