"""Files that others read while we write: always whole, always replaced by rename."""

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = ".partial"
"""End of the name of a file that is still being written; such files may be deleted at any time."""


def published_mode() -> int:
    """The mode of every published file: others may read it where the umask lets them, and nobody else may write it."""
    # To ask for the umask is to set it; what another thread makes in this moment is narrower than it would be.
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o644 & ~umask


def make_folder(path: Path) -> None:
    """Make a folder for published files, and those above it, where there are none: wide as `published_mode` is."""
    if not path.parent.exists():
        make_folder(path.parent)  # `parents=True` would give them the umask's own mode
    path.mkdir(mode=0o755, exist_ok=True)


def copy_file(source: Path, target: Path) -> None:
    """Write `target` as a copy of `source`.

    Without a byte read where the file system lets two files share their blocks until one is changed (Btrfs, XFS), else
    byte for byte.
    """
    if not cloned(source, target):
        shutil.copyfile(source, target)


def cloned(source: Path, target: Path) -> bool:
    """Let `target` share the blocks of `source`; False where the file system cannot."""
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
    """Where this process writes a file before it takes its place; no pattern such as `*.parquet` finds it there."""
    return path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Give a temporary path beside `path`; what the `with` wrote there takes its place in one step.

    When the `with` raises, `path` stays as it was. `mode`: that of a published file where it is None.
    """
    make_folder(path.parent)
    partial = partial_of(path)
    partial.unlink(missing_ok=True)
    try:
        yield partial
        put_all([(partial, path)], mode)
    finally:
        partial.unlink(missing_ok=True)


def put_all(moves: Sequence[tuple[Path, Path]], mode: int | None = None) -> None:
    """Move finished files to their places, so that neither a crash nor a reader meets a half of one.

    They go one after the other, without waiting for the disk in between. `mode`: a published file's where it is None.
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
    """Have the disk hold what was written to a file or folder."""
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
    """The object in a JSON file; empty where the file is missing or damaged, so that the caller starts anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def sweep(folder: Path) -> None:
    """Delete what a killed run left half written in a folder (not below it)."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name.endswith((PARTIAL, PARTIAL + ".wal")):
                path.unlink(missing_ok=True)
