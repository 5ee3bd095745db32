"""One run at a time per home: a file lock that ends with the process that holds it."""

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
"""How long a run waits for a process that only looks (`looking`) before it reports the home as in use."""


@contextmanager
def hold(path: Path, command: str) -> Iterator[None]:
    """Hold the lock file `path` within the `with` block; its content names the holder.

    The kernel releases the lock when the process ends, however it ends, so a leftover file blocks nobody.
    Raises HomeLockedError: at once if another run holds it, after LOOKING_SECONDS if a process only looks.
    """
    # The file is never deleted: otherwise two runs could each lock a different file at this path.
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
    """Take the lock; return False if it stays taken. Waits for a process that looks, but not for another run."""
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
    """Keep runs from starting within a short `with` block; yields False if one is active or `path` is inaccessible."""
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
                os.ftruncate(descriptor, 0)  # left by a run that was killed
            yield True
    finally:
        os.close(descriptor)


def describe_holder(path: Path) -> str | None:
    """Describe the holder of the lock; None if nobody holds it, or its name is not written yet."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"omnium-elt {holder['command']} (process {holder['pid']}, since {holder['started_at']})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def is_held(path: Path) -> bool:
    """Whether a run holds the lock now; False also if this user may not access the file."""
    if not os.access(path, os.R_OK | os.W_OK):
        return False
    with looking(path) as is_free:
        return not is_free


def _write(descriptor: int, holder: dict[str, object]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
