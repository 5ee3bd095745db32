"""One run at a time per home: a lock that dies with the process that holds it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from omnium_elt.infra.errors import HomeLockedError

LOOKING_SECONDS = 5.0
"""How long a run waits for somebody who only looks (`looking`) before it says that the home is in use."""


@contextmanager
def hold(path: Path, command: str) -> Iterator[None]:
    """Hold the lock file `path` for the length of a `with`; its content says who holds it.

    The kernel drops the lock with its process, however that ends, so a lock left behind holds nobody up.
    Raises HomeLockedError at once where another process has it.
    """
    # Never deleted: whoever deletes a lock file lets two others lock two different files.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _lock(descriptor, path):
            raise HomeLockedError(
                f"{path.parent.parent} is in use by {describe_holder(path) or 'another run'}",
                "Wait until it has ended, or use another --home.",
            )
        _write(descriptor, {"pid": os.getpid(), "command": command, "started_at": _now()})
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> bool:
    """Take the lock; a run, which writes down that it has it, is not waited for, and somebody who looks is."""
    end = time.monotonic() + LOOKING_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if describe_holder(path) or time.monotonic() > end:
                return False
            time.sleep(0.02)
        else:
            return True


@contextmanager
def looking(path: Path) -> Iterator[bool]:
    """Keep runs from beginning for the length of a `with`, a moment at most; gives False where one is at work."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            if os.fstat(descriptor).st_size:
                os.ftruncate(descriptor, 0)  # a holder that was killed left its name there
            yield True
    finally:
        os.close(descriptor)


def describe_holder(path: Path) -> str | None:
    """Say who holds the lock, in words; None where nobody does or nobody has written it down yet."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"omnium-elt {holder['command']} (process {holder['pid']}, since {holder['started_at']})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock now; asks without taking part."""
    if not os.access(path, os.R_OK | os.W_OK):
        return False
    with looking(path) as is_free:
        return not is_free


def _write(descriptor: int, holder: dict[str, object]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
