"""Files that others may read while they are written: always complete, always replaced by rename."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = ".partial"
"""Suffix of a file that is still being written. Such files may be deleted while nothing is written."""
ABANDONED_SECONDS = 86_400.0
"""A partial file that did not change for so long is that of a killed process."""


def published_mode() -> int:
    """The mode of published files: others may read them if the umask allows it; only the owner may write them."""
    # The umask can only be read by setting it; a file that another thread creates meanwhile gets a narrower mode.
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o644 & ~umask


def make_folder(path: Path) -> None:
    """Create a folder for published files, and missing parents; others may read them, as with `published_mode`."""
    if not path.parent.exists():
        make_folder(path.parent)  # `parents=True` would create parents with the mode of the umask alone
    path.mkdir(mode=0o755, exist_ok=True)


def copy_file(source: Path, target: Path) -> None:
    """Write `target` as a copy of `source`.

    No byte is read if the file system lets two files share their blocks until one changes (Btrfs, XFS).
    """
    if not cloned(source, target):
        shutil.copyfile(source, target)


def cloned(source: Path, target: Path) -> bool:
    """Let `target` share the blocks of `source`; return False if the file system cannot do that."""
    clone = 0x40049409  # FICLONE of linux/fs.h
    if not sys.platform.startswith("linux"):
        return False
    with source.open("rb") as read, target.open("wb") as written:
        try:
            fcntl.ioctl(written.fileno(), clone, read.fileno())
        except OSError:
            return False
    return True


def partial_of(path: Path) -> Path:
    """The path at which this process writes `path` before the rename; no pattern such as `*.parquet` matches it."""
    return path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file written there then replaces `path` in one step.

    If the `with` block raises, `path` stays unchanged. `mode`: None means `published_mode()`.
    """
    make_folder(path.parent)
    _sweep_abandoned(path.parent)
    partial = partial_of(path)
    partial.unlink(missing_ok=True)
    try:
        yield partial
        put_all([(partial, path)], mode)
    except OSError as error:
        # A full disk names no file, or the partial one, which nobody knows.
        if str(error.filename or partial) == str(partial):
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def put_all(moves: Sequence[tuple[Path, Path]], mode: int | None = None) -> None:
    """Move finished files into place, so that neither a reader nor a crash finds an incomplete one.

    All are flushed first and then renamed one after the other. `mode`: None means `published_mode()`.
    """
    mode = published_mode() if mode is None else mode
    for partial, _ in moves:
        partial.chmod(mode)
        flush(partial)
    for partial, path in moves:
        os.replace(partial, path)
    for folder in {path.parent for _, path in moves}:
        flush(folder)


def flush(path: Path) -> None:
    """Wait until the disk holds what was written to a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any, mode: int | None = 0o600) -> None:
    """Write a JSON file in one step; 0600 unless it is published (None)."""
    with replacing(path, mode) as partial:
        partial.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if the file is missing or damaged, so that the caller starts anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def sweep(folder: Path) -> None:
    """Delete the partial files that a killed run left in a folder, but not in its subfolders."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name.endswith((PARTIAL, PARTIAL + ".wal")):
                path.unlink(missing_ok=True)


def _sweep_abandoned(folder: Path) -> None:
    """Delete partial files of killed processes where others may be writing, and other programs have files as well."""
    for path in folder.glob(f".*.[0-9]*{PARTIAL}"):
        with contextlib.suppress(OSError):  # another process deleted it, or another user owns it
            if path.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                path.unlink()
