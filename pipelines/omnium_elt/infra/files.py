"""Files that others read while we write: always whole, always replaced by rename."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = ".partial"
"""End of the name of a file that is still being written; such files may be deleted at any time."""


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """Give a temporary path beside `path`; what the `with` wrote there takes its place in one step.

    When the `with` raises, `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.chmod(mode)
        put(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def put(partial: Path, path: Path) -> None:
    """Move a finished file to its place, so that neither a crash nor a reader meets a half of it."""
    put_all([(partial, path)])


def put_all(moves: Sequence[tuple[Path, Path]]) -> None:
    """Move finished files to their places, one after the other without waiting for the disk in between."""
    for partial, _ in moves:
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


def write_json(path: Path, value: Any, mode: int = 0o600) -> None:
    """Write a JSON file in one step; 0600 unless others shall read it."""
    with replacing(path, mode) as partial:
        partial.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sweep(folder: Path) -> None:
    """Delete what a killed run left half written in a folder (not below it)."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name.endswith((PARTIAL, PARTIAL + ".wal")):
                path.unlink(missing_ok=True)
