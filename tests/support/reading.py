"""Reads one resource from a small server without a warehouse: what its windows hold, and what was requested."""

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from omnium_source import RESOURCES
from omnium_source.errors import OmniumError
from omnium_source.http.client import OmniumClient
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pii.masking import PersonalData
from omnium_source.resources import Resource
from omnium_source.windows.gathered import Verified
from omnium_source.windows.resource_reader import Reader
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.window import Reading

from tests.support.wire import Wire

OPEN = PersonalData("include", b"")


def read(
    wire: Wire,
    name: str | Resource,
    state: dict[str, Any] | None = None,
    *,
    notes: list[str] | None = None,
    told: list[str] | None = None,
    on_rows: Callable[[int, int | None], None] | None = None,
    **reading: Any,
) -> list[Verified]:
    """All windows of a resource, read to the end. `notes` gathers what a person should know; `on_rows`: see `Sync`.

    `told` gathers why a resource could not be read; the windows yielded before are returned all the same.
    """
    windows: list[Verified] = []
    with _reader(wire, name, notes, on_rows, **reading) as reader:
        try:
            windows.extend(reader.windows(state or {}))
        except OmniumError as failure:
            if told is None:
                raise
            told.append(str(failure))
    return windows


def swept(wire: Wire, name: str, **reading: Any) -> set[str]:
    """The keys that a sweep of a resource finds."""
    with _reader(wire, name, **reading) as reader:
        return set[str]().union(*reader.sweep())


@contextmanager
def _reader(
    wire: Wire,
    name: str | Resource,
    notes: list[str] | None = None,
    on_rows: Callable[[int, int | None], None] | None = None,
    **reading: Any,
) -> Iterator[Reader]:
    resource = name if isinstance(name, Resource) else RESOURCES[name]
    with (
        OmniumClient(wire.base_url, wire.client_id, wire.client_secret) as client,
        ThreadPoolExecutor(8) as executor,
    ):
        client._repeating.has_met_omnium = True
        settings = Reading(**{"budget": 20.0, **reading})
        normalizer = ResourceNormalizer(shape_of(resource, OPEN))
        run = ResourceRun(
            client, resource, normalizer, executor, reading=settings, on_rows=on_rows, notes=notes
        )
        yield Reader(run)


def ids(windows: list[Verified], column: str = "id") -> list[str]:
    """The ids of all rows handed on; an id that came twice is in the list twice."""
    found: list[str] = []
    for window in windows:
        for part in window.tables.finish().parts:
            if part.name == window.resource.name:
                found += [id for table in part.tables() for id in table[column].to_pylist()]
    return sorted(found)


def day(number: int) -> str:
    """The moment `number` minutes after 2026-01-01."""
    moment = dt.datetime(2026, 1, 1) + dt.timedelta(minutes=number)
    return moment.isoformat(timespec="milliseconds") + "Z"
