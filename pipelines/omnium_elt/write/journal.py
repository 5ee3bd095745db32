"""The journal of what was written to the tenant.

state/writes/<run id>.jsonl     a line before each request and one after it, each flushed to the disk at once
state/writes/shown-<what>.json  the changes that were last shown without `--apply`

A process that is killed leaves a "sending" line without its "ended" line: the next call finds out what became of it.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omnium_elt.infra.errors import OmniumEltError
from omnium_elt.infra.files import flush
from omnium_elt.infra.text import in_utc


@dataclass(frozen=True)
class Entry:
    """One change, as it was sent.

    `kind`: lead_time, order, undo_lead_time or undo_order. `target`: the id of the supplier or order. `before` and
    `after`: the changed fields and their values. `version`: the version of the target as read before sending.
    `fields` and `salt`: the fingerprint of the object that was sent (`exact.fingerprint`), as the object itself may
    hold personal data, which must not be stored in clear text.

    One record, as it is one line of the journal.
    """

    kind: str
    target: str
    before: dict[str, Any]
    after: dict[str, Any]
    run_id: str = ""
    number: int = 0
    """Position in the journal; `Journal.sending` sets it, `run_id` and `sent_at`."""
    version: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    salt: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    """Further facts: for people who read the journal, and for later calls, which find and settle orders by them."""
    sent_at: str = ""
    outcome: str | None = None
    """written, not_written or unknown; None if the process ended before it was noted."""
    version_after: str | None = None
    detail: str = ""
    ended_at: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it is known what became of the change."""
        return self.outcome in ("written", "not_written")

    @property
    def is_written(self) -> bool:
        """Whether the change took place."""
        return self.outcome == "written"


class Journal:
    """The journal of one run; its file is created with the first entry."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._path, self.run_id = folder / f"{run_id}.jsonl", run_id
        self._count = len(read(self._path))
        self.is_open = False
        """Whether the newest change may have been sent and has no outcome yet."""

    def sending(self, entry: Entry) -> Entry:
        """Note a change that is about to be sent; return the entry with its run, number and time."""
        self._count += 1
        self.is_open = False  # if writing the line fails, the change is not sent
        noted = {**asdict(entry), "number": self._count, "run_id": self.run_id, "sent_at": _now()}
        _append(self._path, {"event": "sending", **noted})
        self.is_open = True
        return Entry(**noted)

    def ended(self, entry: Entry, outcome: str, *, version: str | None = None, detail: str = "") -> None:
        """Note the outcome of a change."""
        _append(
            self._path,
            {
                "event": "ended",
                "number": entry.number,
                "outcome": outcome,
                "version_after": version,
                "detail": detail,
                "ended_at": _now(),
            },
        )
        self.is_open = False


def read(path: Path) -> list[Entry]:
    """The entries of a journal, oldest first; empty if the file does not exist.

    Raises OmniumEltError if a line before the last one is damaged: it is then unknown what was written.
    """
    entries: dict[int, dict[str, Any]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    for place, line in enumerate(lines):
        try:
            event = json.loads(line)
            kind, number = event.pop("event"), event["number"]
            if kind == "sending":
                entries[number] = event
            else:
                entries[number].update(event)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # A process killed while writing leaves half a last line: the change was not sent yet, or is still open.
            if place == len(lines) - 1:
                continue
            raise OmniumEltError(
                f"{path} is damaged in line {place + 1}",
                "What was written in that run is not known from it: compare with Omnium, then move the file away.",
            ) from error
    return [Entry(**entry) for entry in entries.values()]


def everything(folder: Path) -> list[Entry]:
    """The entries of all runs, oldest first. Raises OmniumEltError as `read` does."""
    return [entry for path in sorted(folder.glob("*.jsonl")) for entry in read(path)]


def written(entries: Sequence[Entry], kind: str) -> list[Entry]:
    """The changes of a kind that took place, newest first: the order in which they are undone."""
    return [entry for entry in reversed(entries) if entry.kind == kind and entry.is_written]


def _append(path: Path, event: dict[str, Any]) -> None:
    is_new = not path.exists()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        # Remove the half line of a killed process, which would make this line unreadable as well.
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                _cut_half_line(file, size)
        file.seek(0, os.SEEK_END)
        file.write(json.dumps(event, ensure_ascii=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        flush(path.parent)


def _cut_half_line(file: Any, size: int) -> None:
    file.seek(0)
    content = file.read(size)
    file.truncate(content.rfind(b"\n") + 1)


def _now() -> str:
    return in_utc(datetime.now(UTC))
