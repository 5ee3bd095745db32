"""What docs/dlt.md says of the source, a sentence a use.

Two loads and a deletion, in memory and on disk, on each kind of destination. What it refuses, and what needs another
process, is in `test_ordinary.py`.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from tests.support.destinations import READERS, duckdb, files, postgres, sqlite
from tests.support.dlt_user import (
    Tenant,
    everything_on_disk,
    later,
    pipeline_in,
    rows_of,
    serving,
    supplier,
)

pytestmark = pytest.mark.slow

Rows = list[tuple[Any, ...]]
CHANGED: Rows = [("s1", "Renamed"), ("s2", "Supplier 2"), ("s3", "Supplier 3"), ("s4", "Supplier 4")]
PRESENT: Rows = [("s1", "Renamed"), ("s2", "Supplier 2"), ("s4", "Supplier 4")]
VERSIONS: Rows = [("s1", "Renamed"), ("s1", "Supplier 1"), *CHANGED[1:]]
TITLES: Rows = [("driver",), ("nurse",), ("seller",)]


def louder(table: pa.Table) -> pa.Table:
    """A map that adds a column to roots and leaves children as they are."""
    if "default_lead_time" not in table.column_names:
        return table
    return table.append_column("shout", pa.compute.utf8_upper(table["name"]))


def roots_only(table: pa.Table) -> bool:
    return "job_title" not in table.column_names


@dataclass(frozen=True)
class Use:
    """What somebody does with a resource, and what is in its tables after two loads."""

    done: Callable[[Any], Any]
    rows: Rows
    titles: Rows | None
    """Of its contacts; None where there is no such table."""
    columns: frozenset[str] = frozenset({"new_field"})
    """Those of these that its table has: `new_field`, which came with the second load, and `shout`."""
    table: str = ""
    """Its name, where it is not the resource's."""


USES: dict[str, Use] = {
    "usual": Use(lambda resource: resource, CHANGED, TITLES),
    "renamed": Use(
        lambda resource: resource.apply_hints(table_name="partners"), CHANGED, TITLES, table="partners"
    ),
    "merged": Use(lambda resource: resource.apply_hints(write_disposition="merge"), CHANGED, TITLES),
    "keyed": Use(lambda resource: resource.apply_hints(primary_key="id"), CHANGED, TITLES),
    "described": Use(
        lambda resource: resource.apply_hints(columns={"name": {"description": "as on the invoice"}}),
        CHANGED,
        TITLES,
    ),
    "contracted": Use(
        lambda resource: resource.apply_hints(schema_contract={"columns": "discard_value"}),
        CHANGED,
        TITLES,
        frozenset(),
    ),
    "mapped": Use(
        lambda resource: resource.add_map(louder), CHANGED, TITLES, frozenset({"new_field", "shout"})
    ),
    "filtered": Use(lambda resource: resource.add_filter(roots_only), CHANGED, None),
    "limited": Use(lambda resource: resource.add_limit(1), CHANGED, TITLES),
    "limited_rows": Use(lambda resource: resource.add_limit(1, count_rows=True), CHANGED, TITLES),
    "replaced": Use(
        lambda resource: resource.apply_hints(write_disposition="replace"), PRESENT, [("nurse",), ("seller",)]
    ),
    "appended": Use(
        lambda resource: resource.apply_hints(write_disposition="append"),
        VERSIONS,
        [("buyer",), ("driver",), ("nurse",), ("seller",), ("seller",)],
    ),
}
"""What is done → what comes of it."""


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with serving(Suppliers=[supplier(1, "buyer", "seller"), supplier(2), supplier(3, "driver")]) as served:
        yield served


def change(tenant: Tenant) -> None:
    """One supplier loses a contact and is renamed, one is new and has a new field, one is gone."""
    first, second, _ = tenant.rows["Suppliers"]
    first |= supplier(1, "seller", changed=later(), name="Renamed")
    tenant.rows["Suppliers"] = [first, second, supplier(4, "nurse", changed=later(), newField="x")]


@pytest.fixture(params=["in memory", "on disk"], autouse=True)
def _place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "on disk":
        everything_on_disk(monkeypatch)


@pytest.mark.parametrize("made", [duckdb, sqlite, postgres])
def test_on_a_database(tmp_path: Path, tenant: Tenant, made: Any) -> None:
    pipeline = pipeline_in(tmp_path, made(tmp_path), name=f"uses_{made.__name__}")
    pipeline.dataset_name = f"uses_{os.getpid()}_{abs(hash(str(tmp_path)))}"
    for number in range(2):
        if number:
            change(tenant)
        pipeline.run([use.done(tenant.source().suppliers.with_name(name)) for name, use in USES.items()])
    tables = pipeline.default_schema.tables
    for name, use in USES.items():
        table = use.table or name
        assert rows_of(pipeline, table, "id", "name") == use.rows, name
        assert {"new_field", "shout"} & tables[table]["columns"].keys() == use.columns, name
        if use.titles is None:
            assert f"{table}__contacts" not in tables, name
        else:
            assert rows_of(pipeline, f"{table}__contacts", "job_title") == use.titles, name
    assert tables["described"]["columns"]["name"]["description"] == "as on the invoice"
    assert tables["keyed"]["columns"]["id"]["primary_key"]
    assert rows_of(pipeline, "mapped", "shout")[0] == ("RENAMED",)
    usual = pipeline.dataset()["usual"]
    assert usual.arrow().num_rows == len(usual.df()) == 4


@pytest.mark.parametrize("table_format", [None, "delta", "iceberg"])
@pytest.mark.parametrize("name", ["replaced", "appended"])
def test_on_files(tmp_path: Path, tenant: Tenant, table_format: Any, name: str) -> None:
    pytest.importorskip({"delta": "deltalake", "iceberg": "pyiceberg"}.get(table_format, "pyarrow"))
    pipeline = pipeline_in(tmp_path, files(tmp_path), name=f"uses_{name}_{table_format}")
    use = USES[name]
    for number in range(2):
        if number:
            change(tenant)
        resource = use.done(tenant.source().suppliers).apply_hints(
            table_name="partners", table_format=table_format
        )
        pipeline.run(resource.add_map(louder), loader_file_format="parquet")
    read = READERS[table_format]
    assert read(pipeline, "partners", "id", "name") == use.rows
    assert read(pipeline, "partners__contacts", "job_title") == use.titles
    assert {"new_field", "shout"} <= pipeline.default_schema.tables["partners"]["columns"].keys()


@pytest.mark.parametrize("refresh", ["drop_sources", "drop_resources", "drop_data"])
def test_a_refresh_on_a_database(tmp_path: Path, tenant: Tenant, refresh: Any) -> None:
    pipeline = pipeline_in(tmp_path, sqlite(tmp_path), name="refreshed")
    pipeline.run(tenant.source("suppliers"))
    change(tenant)
    pipeline.run(tenant.source("suppliers"), refresh=refresh)
    assert rows_of(pipeline, "suppliers", "id", "name") == PRESENT
    pipeline.run(tenant.source("suppliers"))
    assert rows_of(pipeline, "suppliers__contacts", "job_title") == [("nurse",), ("seller",)]


def test_looking_beside_a_pipeline_shows_what_its_next_run_brings_and_takes_nothing(
    tmp_path: Path, tenant: Tenant
) -> None:
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers"))
    change(tenant)
    for _ in range(2):
        roots, _children = list(tenant.source().suppliers)
        assert sorted(roots["id"].to_pylist()) == ["s1", "s4"]
    pipeline.run(tenant.source("suppliers"))
    assert rows_of(pipeline, "suppliers", "id", "name") == CHANGED


def test_choosing_resources(tmp_path: Path, tenant: Tenant) -> None:
    pipeline = pipeline_in(tmp_path)
    for number in range(2):
        if number:
            change(tenant)
        source = tenant.source()
        source.resources.select("suppliers")
        pipeline.run(source)
    assert rows_of(pipeline, "suppliers", "id", "name") == CHANGED
    assert {asked.path for asked in tenant.wire.asked} == {"Suppliers/Search"}


def test_looking_without_a_pipeline(tenant: Tenant) -> None:
    Container()[PipelineContext].deactivate()
    source = tenant.source()
    for number in range(2):
        if number:
            change(tenant)
        roots, children = list(source.suppliers)
        assert roots.num_rows == 3
        assert sorted(children["job_title"].to_pylist()) == (
            ["nurse", "seller"] if number else ["buyer", "driver", "seller"]
        )
