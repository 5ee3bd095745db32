"""A dlt user of the source: a tenant of a few rows that change, and the user's own pipeline."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
import pytest
from omnium_source import omnium_source

from tests.support.wire import Asked, Wire, search

KEY = "a key of sixteen bytes"


def supplier(
    number: int, *contacts: str, changed: str = "2026-01-01T00:00:00Z", **more: Any
) -> dict[str, Any]:
    """A supplier with contacts who have these job titles."""
    return {
        "id": f"s{number}",
        "name": f"Supplier {number}",
        "defaultLeadTime": number,
        "minimumOrderAmount": 2500.5,
        "modified": changed,
        "contacts": [{"id": f"c{number}-{title}", "jobTitle": title} for title in contacts],
        **more,
    }


def order(number: int, *codes: str, changed: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    """An order of these articles."""
    lines = [{"lineItemId": f"{number}-{code}", "code": code, "quantity": 1} for code in codes]
    return {
        "id": f"o{number}",
        "total": number + 0.5,
        "modified": changed,
        "created": changed,
        "orderForm": {"lineItems": lines},
    }


def later() -> str:
    """A moment after the run that has just ended."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(milliseconds=900)).isoformat(timespec="milliseconds")[
        :-6
    ] + "Z"


@dataclass
class Tenant:
    """A tenant whose rows a test changes."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    wire: Any = None

    def answer(self, asked: Asked) -> Any:
        """Every path is a search by `modified`; a scroll answers everything at once."""
        return search(self.rows.get(asked.path.partition("/")[0], []), asked.body)

    def source(self, *resources: str, **options: Any) -> Any:
        """The source of this tenant, with these resources (all if none is named)."""
        settings = {"pii_key": KEY, "settling_lag_seconds": 0, **options}
        made = omnium_source(self.wire.base_url, self.wire.client_id, self.wire.client_secret, **settings)
        return made.with_resources(*resources) if resources else made

    def asked(self, path: str) -> list[Any]:
        """The bodies of the requests for this path."""
        return [asked.body for asked in self.wire.asked if asked.path == path]


@contextmanager
def serving(**rows: list[dict[str, Any]]) -> Iterator[Tenant]:
    """Serve a tenant with these rows: serving(Suppliers=[…])."""
    tenant = Tenant(dict(rows))
    with Wire(tenant.answer) as tenant.wire:
        yield tenant


def pipeline_in(folder: Path, destination: Any = None, name: str = "mine") -> Any:
    """A pipeline whose state is kept in the folder."""
    return dlt.pipeline(
        name,
        destination=destination or dlt.destinations.duckdb(str(folder / "mine.duckdb")),
        dataset_name="omnium",
        pipelines_dir=str(folder / "dlt"),
    )


def rows_of(pipeline: Any, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table, sorted, whatever the destination."""
    rows = pipeline.dataset()[table].select(*columns).fetchall()
    return sorted((tuple(row) for row in rows), key=lambda row: json.dumps(row, default=str))


def everything_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every window go to files, however small it is."""
    from omnium_source.normalize import buffer

    monkeypatch.setattr(buffer.Buffer.__init__, "__defaults__", (None, 0))
