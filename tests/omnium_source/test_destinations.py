"""The source on other destinations: two loads and what was removed, or a sentence that says why not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from omnium_sandbox import Sandbox
from omnium_source import omnium_source

from tests.support.destinations import READERS, duckdb, files, postgres, sqlite
from tests.support.dlt_user import (
    KEY,
    Tenant,
    everything_on_disk,
    later,
    order,
    pipeline_in,
    rows_of,
    serving,
    supplier,
)

LINES = "orders__order_form__line_items"

pytestmark = pytest.mark.slow


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with serving(
        Suppliers=[supplier(1, "buyer", "seller"), supplier(2), supplier(3, "driver")],
        Orders=[order(1, "A", "B"), order(2, "A")],
        Subscriptions=[{"id": "a", "name": "Weekly"}, {"id": "b", "name": "Monthly"}],
    ) as served:
        yield served


@pytest.fixture(params=["in memory", "on disk"])
def _place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "on disk":
        everything_on_disk(monkeypatch)


NAMES = ("suppliers", "orders", "subscriptions")


@pytest.mark.usefixtures("_place")
@pytest.mark.parametrize("made", [duckdb, sqlite, postgres])
def test_databases_replace_rows_with_their_children(tmp_path: Path, tenant: Tenant, made: Any):
    pipeline = pipeline_in(tmp_path, made(tmp_path), name=f"mine_{made.__name__}_{tmp_path.name}"[:60])
    pipeline.dataset_name = f"omnium_{abs(hash(str(tmp_path)))}"
    pipeline.run(tenant.source(*NAMES))
    assert len(rows_of(pipeline, LINES, "line_item_id")) == 3
    (first,) = set(rows_of(pipeline, "subscriptions", "_dlt_load_id"))
    tenant.rows["Suppliers"][0] = supplier(
        1, "seller", changed=later(), name="Renamed", newField=[{"deep": 1}]
    )
    tenant.rows["Orders"][1] = order(2, changed=later())
    tenant.rows["Subscriptions"][1] = {"id": "b", "name": "Yearly"}
    pipeline.run(tenant.source(*NAMES))
    assert rows_of(pipeline, "suppliers", "id", "name") == [
        ("s1", "Renamed"),
        ("s2", "Supplier 2"),
        ("s3", "Supplier 3"),
    ]
    assert rows_of(pipeline, "suppliers__contacts", "job_title") == [("driver",), ("seller",)]
    assert rows_of(pipeline, LINES, "line_item_id") == [("1-A",), ("1-B",)]
    loads = dict(rows_of(pipeline, "subscriptions", "id", "_dlt_load_id"))
    assert loads["a"] == first[0]
    assert loads["b"] != first[0]
    assert pipeline.dataset()["suppliers"].arrow().num_rows == 3
    assert sorted(pipeline.dataset()["suppliers"].df()["id"]) == ["s1", "s2", "s3"]


@pytest.mark.usefixtures("_place")
@pytest.mark.parametrize("made", [duckdb, sqlite, postgres])
def test_databases_mark_a_deleted_product(tmp_path: Path, made: Any, sandbox: Sandbox):
    pipeline = pipeline_in(tmp_path, made(tmp_path), name=f"deleted_{made.__name__}_{tmp_path.name}"[:60])
    pipeline.dataset_name = f"omnium_{abs(hash(str(tmp_path)))}"

    def run() -> dict[str, bool]:
        secret = sandbox.client_secret
        source = omnium_source(
            sandbox.base_url, sandbox.client_id, secret, pii_key=KEY, settling_lag_seconds=0
        )
        pipeline.run(source.with_resources("products"))
        rows = pipeline.dataset()["products"].select("id", "_omnium_deleted_at").fetchall()
        return {row[0]: row[1] is not None for row in rows}

    before = run()
    product = next(row for row in sandbox.tenant.rows("products") if row.get("status") != "Deleted")
    sandbox.tenant.put("products", product | {"status": "Deleted"})
    assert run() == {**before, product["id"]: True}
    assert before[product["id"]] is False


@pytest.mark.usefixtures("_place")
@pytest.mark.parametrize("table_format", [None, "delta", "iceberg"])
def test_files_are_replaced_whole_if_that_is_asked_for(tmp_path: Path, tenant: Tenant, table_format: Any):
    pytest.importorskip({"delta": "deltalake", "iceberg": "pyiceberg"}.get(table_format, "pyarrow"))
    pipeline = pipeline_in(tmp_path, files(tmp_path), name=f"files_{table_format}")
    for _ in range(2):
        source = tenant.source(*NAMES)
        for name in NAMES:
            source.resources[name].apply_hints(write_disposition="replace", table_format=table_format)
        pipeline.run(source, loader_file_format="parquet")
        last = {name: list(rows) for name, rows in tenant.rows.items()}
        tenant.rows["Suppliers"] = [supplier(1, "seller", name="Renamed"), supplier(2)]
        tenant.rows["Orders"] = [order(1, "A"), order(2)]
    assert last["Suppliers"][0]["name"] == "Renamed"
    read = READERS[table_format]
    assert read(pipeline, "suppliers", "id", "name") == [("s1", "Renamed"), ("s2", "Supplier 2")]
    assert read(pipeline, "suppliers__contacts", "job_title") == [("seller",)]
    assert read(pipeline, LINES, "line_item_id") == [("1-A",)]
    assert read(pipeline, "subscriptions", "id") == [("a",), ("b",)]


@pytest.mark.parametrize("table_format", [None, "delta", "iceberg"])
def test_files_that_cannot_replace_rows_are_refused_before_anything_is_read(
    tmp_path: Path, tenant: Tenant, table_format: Any
):
    source = tenant.source("suppliers")
    if table_format:
        source.suppliers.apply_hints(table_format=table_format)
    with pytest.raises(PipelineStepFailed, match="cannot replace rows together with their children"):
        pipeline_in(tmp_path, files(tmp_path), name="files").run(source, loader_file_format="parquet")
    assert tenant.wire.asked == []


@pytest.mark.usefixtures("_place")
def test_files_keep_every_version_if_that_is_asked_for(tmp_path: Path, tenant: Tenant):
    pipeline = pipeline_in(tmp_path, files(tmp_path), name="files")
    for _ in range(3):
        source = tenant.source("suppliers", "subscriptions")
        for name in ("suppliers", "subscriptions"):
            source.resources[name].apply_hints(write_disposition="append")
        pipeline.run(source, loader_file_format="parquet")
        if tenant.rows["Suppliers"][1]["name"] != "Renamed":
            tenant.rows["Suppliers"][1] = supplier(2, changed=later(), name="Renamed")
    assert rows_of(pipeline, "suppliers", "id", "name") == [
        ("s1", "Supplier 1"),
        ("s2", "Renamed"),
        ("s2", "Supplier 2"),
        ("s3", "Supplier 3"),
    ]
    assert rows_of(pipeline, "subscriptions", "id") == [("a",), ("b",)]
