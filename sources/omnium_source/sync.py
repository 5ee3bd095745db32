"""Client, normalizer, windows and state of a resource, put together in one place.

The dlt source, `load` and `reconcile` make a `Sync` and call it for each resource:

    windows   what changed since a state, as verified windows
    shares    the first read, divided among several processes
    keys      the keys of all rows that the tenant has
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

from omnium_source.fields import chosen, described
from omnium_source.http.client import OmniumClient
from omnium_source.http.traffic import Traffic
from omnium_source.normalize.found_columns import Known
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.normalize.worker_pool import WorkerPool
from omnium_source.pii.masking import PersonalData
from omnium_source.resources import LEFT_OUT, Resource
from omnium_source.windows.gathered import Verified
from omnium_source.windows.resource_reader import Reader
from omnium_source.windows.resource_run import Hashes, ResourceRun
from omnium_source.windows.shares import shares
from omnium_source.windows.window import Reading, Window, iso

CHOICE = "fields"
"""Key in a resource's state: the choice of fields that its rows were read with, in words."""
REWRITING = "is_rewriting"
"""Key in a resource's state: whether the destination may still hold rows that were read with another choice of fields.
Until a read of everything is complete, each row is written again."""
PERSONAL_RULES = "personal_rules"
"""Key in a resource's state: the version of the rules that found personal data (`PersonalData.rules`)."""
log = logging.getLogger("omnium")


@dataclass(frozen=True)
class Sync:
    """What all resources of a run share.

    `columns`: the columns of the destination; a field that came as drift before keeps its column and type. `pool`:
    worker processes for large windows. `choices`: the configured choice of fields, by resource (`fields.py`).
    """

    client: OmniumClient
    executor: Executor
    personal: PersonalData
    reading: Reading = field(default_factory=Reading)
    columns: Known = field(default_factory=dict)
    pool: WorkerPool | None = None
    choices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def windows(
        self,
        resource: Resource,
        state: Mapping[str, Any],
        *,
        hashes: Hashes | None = None,
        traffic: Traffic | None = None,
        on_rows: Callable[[int, int | None], None] | None = None,
        notes: list[str] | None = None,
        anew: bool = False,
    ) -> Iterator[Verified]:
        """Read what changed since `state`, oldest first; each window has the state to keep once it is loaded.

        `anew`: read everything as on a first load; `state` still says what the destination holds. `hashes`: content
        hashes in the destination; unchanged rows are dropped. `traffic` counts requests and bytes. `on_rows` gets the
        number of rows of a page and the server's count, `notes` messages for the user. Raises OmniumError.
        """
        choice, rules = described(resource.name, self.choices.get(resource.name, {})), self.personal.rules
        reasons = self._reasons_to_read_anew(state, choice)
        for reason in reasons:
            _tell(notes, resource, f"{reason}: all of it is read again")
        anew = anew or bool(reasons)
        # Content hashes do not show which fields a row was stored with.
        is_rewriting = bool(state.get(REWRITING)) or (
            bool(state.get("cursor")) and state.get(CHOICE, "") != choice
        )
        known = None if is_rewriting else hashes
        run = self._run(resource, self.pool, known=known, traffic=traffic, on_rows=on_rows, notes=notes)
        since = iso(run.reading.since) if run.reading.since else None
        left_out = state.get(LEFT_OUT)
        if left_out and since and since < left_out:
            anew = True  # `since` is earlier than in all runs before
        if anew and state.get("cursor"):
            left_out = min(since, left_out) if since and left_out else None
        elif anew or not state.get("cursor"):
            left_out = since
        kept_apart = (LEFT_OUT, CHOICE, REWRITING, PERSONAL_RULES)
        before = {} if anew else {name: value for name, value in state.items() if name not in kept_apart}
        for verified in Reader(run).windows(before):
            if since is None and verified.state.get("full_pass") != before.get("full_pass"):
                left_out = None  # everything was read
            if left_out:
                verified.state[LEFT_OUT] = left_out
            if choice:
                verified.state[CHOICE] = choice
            if rules is not None:
                verified.state[PERSONAL_RULES] = rules
            if is_rewriting and (not verified.state.get("cursor") or verified.state.get("is_first_read")):
                verified.state[REWRITING] = True
            yield verified

    def _reasons_to_read_anew(self, state: Mapping[str, Any], choice: str) -> list[str]:
        """Why the rows in the destination differ from what would be read now, as messages."""
        if not state.get("cursor"):
            return []
        reasons, rules = [], self.personal.rules
        if state.get(CHOICE, "") != choice:
            reasons.append(f"its fields were chosen anew ({choice or 'the usual ones'})")
        # Other rules change the content hashes of all rows, so each row is written again.
        if rules is not None and state.get(PERSONAL_RULES) != rules:
            before = state.get(PERSONAL_RULES, "unknown")
            reasons.append(f"what counts as personal has changed since (rules {before}, now {rules})")
        return reasons

    def shares(self, resource: Resource, number: int, end: dt.datetime) -> tuple[int, list[Window]]:
        """The server's count of a resource, and its first read in up to `number` windows (`windows/shares.py`)."""
        return shares(self._run(resource), number, end)

    def keys(
        self,
        resource: Resource,
        *,
        since: dt.datetime | None = None,
        traffic: Traffic | None = None,
        on_rows: Callable[[int, int | None], None] | None = None,
    ) -> set[str]:
        """The row ids of all rows that the tenant has of a resource. Raises OmniumError if they are not complete.

        `since`: only rows from this moment on, by the stamp that bounds the resource's windows. The others: as in
        `windows`.
        """
        return set[str]().union(*Reader(self._run(resource, traffic=traffic, on_rows=on_rows)).sweep(since))

    def _run(self, resource: Resource, pool: WorkerPool | None = None, **more: Any) -> ResourceRun:
        resource = chosen(resource, self.choices.get(resource.name, {}))
        normalizer = ResourceNormalizer(shape_of(resource, self.personal), self.columns, pool)
        reading = self.reading if resource.is_history else replace(self.reading, since=None)
        return ResourceRun(self.client, resource, normalizer, self.executor, reading=reading, **more)


def _tell(notes: list[str] | None, resource: Resource, text: str) -> None:
    log.warning("%s: %s", resource.name, text)
    if notes is not None:
        notes.append(f"{resource.name}: {text}")


def known_columns(tables: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """The columns of a destination's tables with their hints, from the dlt schemas of the tables."""
    return {
        name: {column: dict(hints) for column, hints in table["columns"].items() if "data_type" in hints}
        for name, table in tables.items()
    }
