"""The rows of one window as they come: they become tables, are told apart by their keys, and are counted.

Query        what a window is asked for in addition to its bounds
Gathered     the rows of a window
Verified     a complete window, its tables, and the state to keep once they are loaded
"""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from typing import Any

import numpy as np

from omnium_source.errors import Incomplete
from omnium_source.http.paginators import Connection
from omnium_source.normalize.batch import NO_STAMP, Batch
from omnium_source.normalize.drift import Drift, summed
from omnium_source.normalize.naming import column_name_of
from omnium_source.normalize.window_tables import WindowTables
from omnium_source.pages import Page
from omnium_source.resources import Resource
from omnium_source.windows.deletions import marked
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.window import Row, Window, microseconds_of


@dataclass(frozen=True)
class Query:
    """What a window is asked for in addition to its bounds.

    `body`: further fields of the request. `late_before`: rows with an earlier stamp have appeared late. `note`: called
    with the rows of each page. `deleted_at`: the mark for rows that say they are deleted, if those are asked for.
    `missing`, `of`, `among`, `limit`: what an earlier read left open about rows without a stamp (`WindowState`).
    `goes_on`: an earlier run has begun to read everything, so this one looks for rows without a stamp.
    """

    body: Mapping[str, Any] | None = None
    late_before: dt.datetime | None = None
    note: Callable[[Sequence[Row]], None] | None = None
    deleted_at: dt.datetime | None = None
    missing: int | None = None
    of: int | None = None
    among: int | None = None
    limit: int | None = None
    goes_on: bool = False

    @property
    def fewest(self) -> int:
        """The total that a server has to count before its count of missing rows is believed: the rows that had a stamp.

        A server whose index is being rebuilt counts fewer rows or none, and as many with the stamp as without a filter.
        """
        if not self.missing:
            return 0
        return max(1, (self.among or 0) - (self.of or 0))


@dataclass
class Verified:
    """A complete window: its tables, the state to keep once they are loaded, and the fields of its receipt.

    `rows` came, `written` of them are new to the destination. `bytes`: size of the pages as they came. `drift`: what
    nobody expected in all rows that came; `odd`: the same for the rows that are written, without new fields.

    One record, as its fields are what one package of the load needs.
    """

    resource: Resource
    window: Window
    total_hits: int | None
    rows: int
    distinct_keys: int
    written: int
    tables: WindowTables
    state: dict[str, Any]
    requests: int
    tries: int
    seconds: float
    bytes: int = 0
    drift: list[Drift] = field(default_factory=list)
    late_seconds: float | None = None
    keys: set[str] = field(default_factory=set, repr=False)
    odd: list[Drift] = field(default_factory=list)


class Gathered:
    """The rows of one window; `total` is the server's count of them, None if there is no count to compare with.

    One class, as all of it goes into the window's receipt.
    """

    def __init__(
        self,
        run: ResourceRun,
        window: Window,
        query: Query,
        connection: Connection,
        tries: int = 1,
        *,
        can_come_twice: bool = False,
    ) -> None:
        self.run, self.window, self.query, self.connection, self.tries = run, window, query, connection, tries
        self._can_come_twice = can_come_twice or not run.resource.has_own_id
        self.total: int | None = None
        self.keys: set[str] = set()
        self.read_rows = self.written = self.bytes = self._shown = 0
        self.no_rows = self.doubled = 0
        """Elements that are not objects, and rows whose key another row on the same page has."""
        self.drift: list[Drift] = []
        self.odd: list[Drift] = []
        self.late_seconds: float | None = None
        self.stamps: dict[str, tuple[int, int, int]] = {}
        """Path → the smallest and the largest stamp (microseconds since 1970), and how many rows have none."""
        self.unheld = 0
        """How many rows came that the destination does not hold in any version."""
        self.unproved = ""
        """The sentence that says why nobody can tell whether all rows came; empty if it is certain."""
        self.began = run.client.server_time()
        self._tables: WindowTables | None = None
        self._started = time.monotonic()
        self._requests = connection.traffic.requests

    @property
    def tables(self) -> WindowTables:
        """The tables that the pages become."""
        if self._tables is None:
            moment = self.query.deleted_at
            change = partial(marked, moment=moment) if moment else None
            self._tables = self.run.window_tables((self.total or 0) * self.run.server.row_bytes, change)
        return self._tables

    def may_be_new_since(self, moment: dt.datetime) -> bool:
        """Whether a row that came may have been made since `moment`: by its stamps, or because it has none."""
        ends = [last for _, last, _ in self.stamps.values()]
        have_all_a_stamp = any(missing == 0 for _, _, missing in self.stamps.values())
        is_new = not have_all_a_stamp or max(ends) >= microseconds_of(moment)
        return is_new and self.unheld > 0

    @property
    def count(self) -> int:
        """How many different rows came."""
        # Rows without an id of their own may be alike, so each one counts, as in the server's snapshot.
        return len(self.keys) if self.run.resource.has_own_id else self.read_rows

    def add(self, page: Page) -> None:
        """Take a page, which becomes tables together with others. Raises Incomplete if a row came twice and may not."""
        self.read_rows += page.count - page.no_rows
        self.no_rows += page.no_rows
        self.bytes += len(page.body)
        if self.query.note:
            self.query.note(page.rows)
        if self.run.values.is_noting:
            self.run.values.add(page.rows)  # this decodes the page
        for batch in self.tables.add(page, self.run.batch_bytes):
            self._keep(batch)
        self._shown += page.count
        self.run.on_rows(page.count, self.total)

    def finish_batches(self) -> None:
        """Take all batches that are still under way. Raises Incomplete as `add` does."""
        for batch in self.tables.rest():
            self._keep(batch)

    def _keep(self, batch: Batch) -> None:
        """Decide which rows of a batch are kept: none twice, and none that the destination already holds."""
        doubled = self.keys.intersection(batch.keys)
        if doubled and not self._can_come_twice:
            raise Incomplete(self.says(f"{len(doubled):,} rows came twice"))
        mask = self._wanted(batch, doubled)
        self.keys.update(batch.keys)
        if self.run.resource.has_own_id:
            self.doubled += batch.doubled
        else:  # rows that are alike are expected there
            batch.drift = [one for one in batch.drift if one.kind != "doubled_key"]
        self.drift += batch.drift
        self._note_odd(batch, mask)
        if batch.tables:
            self._note_stamps(batch)
            self.tables.keep(batch, mask)
            self.written += len(batch.keys) if mask is None else sum(mask)
            self._note_lateness(batch, mask)

    def _note_stamps(self, batch: Batch) -> None:
        """Note between which stamps the rows lie; `CountProof` needs that to prove the server's count."""
        for path in {self.run.resource.cursor, "created"}:
            stamps = batch.stamps(column_name_of(path))
            if stamps is None or not len(stamps):
                continue
            known = stamps[stamps != NO_STAMP]
            first, last, missing = self.stamps.get(path, (NO_STAMP, -NO_STAMP, 0))
            missing += len(stamps) - len(known)
            if len(known):
                first, last = min(first, int(known.min())), max(last, int(known.max()))
            self.stamps[path] = first, last, missing

    def _note_odd(self, batch: Batch, mask: list[bool] | None) -> None:
        """Note the drift of the rows that are kept: the destination already has that of the others."""
        found = [one for one in batch.drift if one.kind != "new_field"]
        kept = set(compress(batch.keys, mask)) if found and mask is not None else None
        found = [left for one in found if (left := one.of_rows(kept))]
        if found:
            self.odd = summed([*self.odd, *found])

    def _wanted(self, batch: Batch, doubled: set[str]) -> list[bool] | None:
        """Which rows of a batch are new, as a mask; None for all of them."""
        known = self.run.known
        held = known(batch.keys) if known and batch.tables else {}
        self.unheld += len(batch.keys) - len(held)
        if not doubled and not held:
            return None
        hashes = batch.hashes or [""] * len(batch.keys)
        return [
            key not in doubled and held.get(key) != content
            for key, content in zip(batch.keys, hashes, strict=True)
        ]

    def _note_lateness(self, batch: Batch, mask: list[bool] | None) -> None:
        """Note how late a row appeared: it changed before the last window's end and was not shown in that window."""
        if self.query.late_before is None:
            return
        stamps = batch.stamps(column_name_of(self.run.resource.cursor))
        if stamps is None:
            return
        stamps = stamps if mask is None else stamps[np.array(mask)]
        before = self.query.late_before.timestamp()
        earliest = float(stamps.min()) / 1e6 if len(stamps) else before
        if earliest < before:
            self.late_seconds = max(self.late_seconds or 0.0, before - earliest)

    def take_over(self, part: "Gathered") -> None:
        """Add the rows of a part, except those that came with another part, and close the part."""
        resource = self.run.resource
        doubled = self.keys & part.keys
        if doubled and not resource.has_own_id:
            part.close()
            raise Incomplete(self.says(f"{len(doubled):,} rows came in two parts"))
        if part.read_rows:
            self.written += self.tables.take_over(part.tables.finish(), resource.name, doubled)
        self.run.on_rows(-len(doubled), None)
        self._shown, part._shown = self._shown + part._shown - len(doubled), 0
        part.close()
        self.keys |= part.keys
        self.read_rows += part.read_rows
        self.bytes += part.bytes
        self.drift += part.drift
        self.no_rows += part.no_rows
        self.doubled += part.doubled
        self.odd = summed([*self.odd, *part.odd])
        if part.late_seconds is not None:
            self.late_seconds = max(self.late_seconds or 0.0, part.late_seconds)

    def says(self, text: str) -> str:
        """The text, preceded by the resource and the bounds."""
        bounds = [f"{name}={value}" for name, value in self.window.body(self.run.resource).items()]
        # Only the number of values is named: they may be customers.
        bounds += [
            f"{len(value)} {name}"
            for name, value in (self.query.body or {}).items()
            if isinstance(value, list)
        ]
        where = " ".join(bounds) or "everything"
        return f"{self.run.resource.name} ({where}): {text}"

    def verified(self) -> Verified:
        """The complete window to hand on; its strategy sets the state."""
        self.tables.finish()
        return Verified(
            self.run.resource,
            self.window,
            self.total,
            self.read_rows,
            len(self.keys),
            self.written,
            self.tables,
            {},
            self.connection.traffic.requests - self._requests,
            self.tries,
            time.monotonic() - self._started,
            self.bytes,
            self.drift,
            self.late_seconds,
            self.keys,
            self.odd,
        )

    def close(self) -> None:
        """Discard what was read, also from the progress: rows that are read again are shown once."""
        self.run.on_rows(-self._shown, None)
        self._shown = 0
        if self._tables is not None:
            self._tables.close()
