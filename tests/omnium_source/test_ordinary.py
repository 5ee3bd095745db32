"""The source is an ordinary dlt source: maps, filters, limits, hints, iteration; what it cannot do it refuses."""

import multiprocessing
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.pipeline.exceptions import PipelineStepFailed
from omnium_sandbox import Sandbox
from omnium_source.errors import ConfigurationError

from tests.support.dlt_user import (
    Tenant,
    everything_on_disk,
    later,
    order,
    pipeline_in,
    rows_of,
    serving,
    supplier,
)
from tests.support.tenants import environment_of

CONTACTS = "suppliers__contacts"


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with serving(
        Suppliers=[supplier(1, "buyer", "seller"), supplier(2), supplier(3, "driver")],
        Orders=[order(1, "A", "B"), order(2, "A")],
    ) as served:
        yield served


@pytest.fixture(params=[pytest.param("in memory", marks=pytest.mark.slow), "on disk"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where windows wait."""
    if request.param == "on disk":
        everything_on_disk(monkeypatch)
    return str(request.param)


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows wait on disk: what holds there holds in memory too."""
    everything_on_disk(monkeypatch)


@pytest.fixture(autouse=True)
def _no_pipeline_from_before() -> Iterator[None]:
    yield
    context = Container()[PipelineContext]
    if context.is_active():
        context.deactivate()


# Maps, filters, limits


def test_a_map_sees_every_table_and_nothing_is_lost(tmp_path: Path, tenant: Tenant, place: str):
    seen: dict[str, int] = {}

    def look(table: pa.Table, meta: Any) -> pa.Table:
        seen[meta.table_name] = seen.get(meta.table_name, 0) + table.num_rows
        return table

    pipeline = pipeline_in(tmp_path)
    source = tenant.source("suppliers")
    source.suppliers.add_map(look)
    pipeline.run(source)
    assert seen == {"suppliers": 3, CONTACTS: 3}
    assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s2",), ("s3",)]
    assert rows_of(pipeline, CONTACTS, "job_title") == [("buyer",), ("driver",), ("seller",)]


def test_a_map_may_add_drop_and_change_columns(tmp_path: Path, tenant: Tenant, on_disk: None):
    def changed(table: pa.Table) -> pa.Table:
        if "default_lead_time" not in table.column_names:
            return table
        table = table.append_column("lead_time_text", table["default_lead_time"].cast(pa.string()))
        amount = table["minimum_order_amount"].cast(pa.float64())
        at = table.column_names.index("minimum_order_amount")
        return table.set_column(at, "minimum_order_amount", amount).drop_columns(["default_lead_time"])

    pipeline = pipeline_in(tmp_path)
    source = tenant.source("suppliers")
    source.suppliers.add_map(changed)
    pipeline.run(source)
    loaded = pipeline.dataset()["suppliers"].arrow()
    assert sorted(loaded["lead_time_text"].to_pylist()) == ["1", "2", "3"]
    assert "default_lead_time" not in loaded.column_names
    assert loaded.schema.field("minimum_order_amount").type == pa.float64()


def test_a_map_may_hand_on_frames(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)
    source = tenant.source("suppliers")
    source.suppliers.add_map(lambda table: table.to_pandas())
    pipeline.run(source)
    assert rows_of(pipeline, "suppliers", "id", "default_lead_time") == [("s1", 1), ("s2", 2), ("s3", 3)]
    assert len(rows_of(pipeline, CONTACTS, "id")) == 3


@pytest.mark.parametrize("table_name", ["suppliers", CONTACTS])
def test_a_map_that_doubles_rows_is_refused(tmp_path: Path, tenant: Tenant, table_name: str):
    def doubled(table: pa.Table, meta: Any) -> pa.Table:
        return pa.concat_tables([table, table]) if meta.table_name == table_name else table

    source = tenant.source("suppliers")
    source.suppliers.add_map(doubled)
    with pytest.raises(PipelineStepFailed, match=f"a map gave 3 rows of {table_name} the _dlt_id of another"):
        pipeline_in(tmp_path).run(source)


def test_a_map_may_double_rows_that_are_appended(tmp_path: Path, tenant: Tenant):
    pipeline = pipeline_in(tmp_path)
    source = tenant.source("suppliers")
    source.suppliers.apply_hints(write_disposition="append")
    source.suppliers.add_map(lambda table: pa.concat_tables([table, table]))
    pipeline.run(source)
    assert [name for (name,) in rows_of(pipeline, "suppliers", "id")] == ["s1", "s1", "s2", "s2", "s3", "s3"]


def test_a_map_that_drops_what_ties_rows_together_is_refused(tmp_path: Path, tenant: Tenant):
    source = tenant.source("suppliers")
    source.suppliers.add_map(lambda table: table.drop_columns(["_dlt_id"]))
    with pytest.raises(PipelineStepFailed, match="a map left _dlt_id out of suppliers"):
        pipeline_in(tmp_path).run(source)


def test_a_filter_sees_every_table(tmp_path: Path, tenant: Tenant, place: str):
    pipeline = pipeline_in(tmp_path)
    source = tenant.source("suppliers")
    source.suppliers.add_filter(lambda table: "job_title" not in table.column_names)
    pipeline.run(source)
    assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s2",), ("s3",)]
    assert CONTACTS not in pipeline.default_schema.tables


def test_rows_that_a_map_left_out_stay_out_with_their_children(tmp_path: Path, tenant: Tenant, on_disk: None):
    def without_first(table: pa.Table) -> pa.Table:
        if "default_lead_time" in table.column_names:
            return table.filter(pc.greater(table["default_lead_time"], 1))
        return table.filter(pc.not_equal(table["job_title"], "buyer"))

    pipeline = pipeline_in(tmp_path)
    for _ in range(2):
        source = tenant.source("suppliers")
        source.suppliers.add_map(without_first)
        pipeline.run(source)
        tenant.rows["Suppliers"][1]["modified"] = later()
    assert rows_of(pipeline, "suppliers", "id") == [("s2",), ("s3",)]
    assert rows_of(pipeline, CONTACTS, "job_title") == [("driver",)]


def test_a_map_that_fails_leaves_no_cursor(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)

    def fails(table: pa.Table, meta: Any) -> pa.Table:
        if meta.table_name == CONTACTS:
            raise ValueError("no contacts today")
        return table

    source = tenant.source("suppliers")
    source.suppliers.add_map(fails)
    with pytest.raises(PipelineStepFailed, match="no contacts today"):
        pipeline.run(source)
    pipeline.run(tenant.source("suppliers"))
    assert len(rows_of(pipeline, "suppliers", "id")) == 3
    assert len(rows_of(pipeline, CONTACTS, "id")) == 3


def test_a_transformer_gets_every_table(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)
    source = tenant.source("suppliers")

    @dlt.transformer(data_from=source.suppliers, name="counts", write_disposition="append")
    def counts(table: pa.Table) -> Iterator[Any]:
        row = {"rows": table.num_rows, "is_root": "default_lead_time" in table.column_names}
        yield dlt.mark.with_table_name(row, "counts")

    source.resources.add(counts)
    source.resources.select("suppliers", "counts")
    pipeline.run(source)
    assert rows_of(pipeline, "counts", "rows", "is_root") == [(3, False), (3, True)]
    assert len(rows_of(pipeline, CONTACTS, "id")) == 3


@pytest.mark.parametrize(
    "limit", [{"max_items": 1}, {"max_items": 1, "count_rows": True}, {"max_time": 0.000001}]
)
def test_a_limit_hands_on_whole_windows(tmp_path: Path, tenant: Tenant, on_disk: None, limit: dict[str, Any]):
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers").add_limit(**limit))
    if "max_items" in limit:
        assert len(rows_of(pipeline, "suppliers", "id")) == 3
        assert len(rows_of(pipeline, CONTACTS, "id")) == 3
    pipeline.run(tenant.source("suppliers"))
    assert len(rows_of(pipeline, "suppliers", "id")) == 3
    assert len(rows_of(pipeline, CONTACTS, "id")) == 3


def test_no_items_read_nothing(tmp_path: Path, tenant: Tenant):
    pipeline_in(tmp_path).run(tenant.source("suppliers").add_limit(0))
    assert tenant.wire.asked == []


@pytest.mark.slow
def test_limited_runs_come_to_the_end_one_after_the_other(tmp_path: Path):
    many = [
        supplier(n, "buyer", changed=f"2026-01-{1 + n % 28:02}T{n // 28 % 24:02}:00:00Z")
        for n in range(12_000)
    ]
    with serving(Suppliers=many) as tenant:
        pipeline, counts = pipeline_in(tmp_path), []
        for _ in range(3):
            pipeline.run(tenant.source("suppliers").add_limit(1))
            counts.append((len(rows_of(pipeline, "suppliers", "id")), len(rows_of(pipeline, CONTACTS, "id"))))
        pipeline.run(tenant.source("suppliers"))
        assert len(rows_of(pipeline, "suppliers", "id")) == 12_000
        assert len(rows_of(pipeline, CONTACTS, "id")) == 12_000
    assert all(roots == children for roots, children in counts)
    assert 0 < counts[0][0] < counts[1][0] <= counts[2][0]


# What is written


def test_rows_that_did_not_change_are_not_written_again(tmp_path: Path, tenant: Tenant):
    tenant.rows["Subscriptions"] = [{"id": "a", "name": "Weekly"}, {"id": "b", "name": "Monthly"}]
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("subscriptions"))
    (first,) = set(rows_of(pipeline, "subscriptions", "_dlt_load_id"))
    tenant.rows["Subscriptions"][1]["name"] = "Yearly"
    pipeline.run(tenant.source("subscriptions"))
    rows = dict(rows_of(pipeline, "subscriptions", "id", "_dlt_load_id"))
    assert rows["a"] == first[0]
    assert rows["b"] != first[0]
    assert pipeline.last_trace.last_normalize_info.row_counts["subscriptions"] == 1


def test_two_loads_and_what_was_removed(tmp_path: Path, tenant: Tenant, place: str):
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers", "orders"))
    tenant.rows["Suppliers"][0] = supplier(1, "seller", changed=later())
    tenant.rows["Orders"][1] = order(2, changed=later())
    pipeline.run(tenant.source("suppliers", "orders"))
    assert rows_of(pipeline, CONTACTS, "job_title") == [("driver",), ("seller",)]
    assert rows_of(pipeline, "orders__order_form__line_items", "line_item_id") == [("1-A",), ("1-B",)]


@pytest.mark.parametrize(
    "refresh",
    [
        "drop_data",
        pytest.param("drop_resources", marks=pytest.mark.slow),
        pytest.param("drop_sources", marks=pytest.mark.slow),
    ],
)
def test_a_refresh_reads_everything_again(tmp_path: Path, tenant: Tenant, on_disk: None, refresh: Any):
    tenant.rows["Subscriptions"] = [{"id": "a", "name": "Weekly"}]
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers", "subscriptions"))
    del tenant.rows["Suppliers"][0]
    pipeline.run(tenant.source("suppliers", "subscriptions"), refresh=refresh)
    assert rows_of(pipeline, "suppliers", "id") == [("s2",), ("s3",)]
    assert rows_of(pipeline, CONTACTS, "job_title") == [("driver",)]
    assert rows_of(pipeline, "subscriptions", "id") == [("a",)]


# Hints


def test_replace_reads_everything_in_each_run(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)
    for _ in range(2):
        source = tenant.source("suppliers")
        source.suppliers.apply_hints(write_disposition="replace")
        pipeline.run(source)
        tenant.rows["Suppliers"] = [supplier(1), supplier(4, "nurse")]
    assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s4",)]
    assert rows_of(pipeline, CONTACTS, "job_title") == [("nurse",)]


def test_append_keeps_every_version(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)
    for name in ("Renamed", "Renamed again", None):
        source = tenant.source("suppliers")
        source.suppliers.apply_hints(write_disposition="append")
        pipeline.run(source)
        if name:
            tenant.rows["Suppliers"][1] = supplier(2, changed=later(), name=name)
    assert rows_of(pipeline, "suppliers", "id", "name") == [
        ("s1", "Supplier 1"),
        ("s2", "Renamed again"),
        ("s2", "Renamed"),
        ("s2", "Supplier 2"),
        ("s3", "Supplier 3"),
    ]


def test_a_table_may_have_another_name_and_its_children_follow(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)
    for _ in range(2):
        source = tenant.source("suppliers", "orders")
        source.suppliers.apply_hints(table_name="partners")
        pipeline.run(source)
        tenant.rows["Suppliers"][0] = supplier(1, "seller", changed=later())
    assert rows_of(pipeline, "partners", "id") == [("s1",), ("s2",), ("s3",)]
    assert rows_of(pipeline, "partners__contacts", "job_title") == [("driver",), ("seller",)]
    assert "suppliers" not in pipeline.default_schema.tables
    assert len(rows_of(pipeline, "orders", "id")) == 2


def test_a_resource_may_have_another_name(tmp_path: Path, tenant: Tenant):
    pipeline = pipeline_in(tmp_path)
    for _ in range(2):
        pipeline.run(tenant.source("suppliers").suppliers.with_name("partners"))
        tenant.rows["Suppliers"][0] = supplier(1, "seller", changed=later())
    assert rows_of(pipeline, "partners__contacts", "job_title") == [("driver",), ("seller",)]
    assert "modifiedFrom" in tenant.asked("Suppliers/Search")[-1]


def test_the_key_may_be_the_primary_key(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)
    for _ in range(2):
        source = tenant.source("suppliers")
        source.suppliers.apply_hints(primary_key="id")
        pipeline.run(source)
        tenant.rows["Suppliers"][0] = supplier(1, "seller", changed=later())
    columns = pipeline.default_schema.tables["suppliers"]["columns"]
    assert [name for name, column in columns.items() if column.get("primary_key")] == ["id"]
    assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s2",), ("s3",)]
    assert rows_of(pipeline, CONTACTS, "job_title") == [("driver",), ("seller",)]


def test_columns_may_be_described(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)
    source = tenant.source("suppliers")
    source.suppliers.apply_hints(columns={"name": {"description": "as on the invoice", "x-owner": "me"}})
    pipeline.run(source)
    column = pipeline.default_schema.tables["suppliers"]["columns"]["name"]
    assert (column["description"], column["x-owner"], column["data_type"]) == (
        "as on the invoice",
        "me",
        "text",
    )


def test_a_contract_on_columns_is_kept_in_children_as_well(tmp_path: Path, tenant: Tenant, place: str):
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers"))
    tenant.rows["Suppliers"][0] = supplier(1, "seller", changed=later(), newField="x")
    tenant.rows["Suppliers"][0]["contacts"][0]["newInside"] = "y"
    pipeline.run(tenant.source("suppliers"), schema_contract={"columns": "discard_value"})
    columns = pipeline.default_schema.tables
    assert "new_field" not in columns["suppliers"]["columns"]
    assert "new_inside" not in columns[CONTACTS]["columns"]
    assert rows_of(pipeline, CONTACTS, "job_title") == [("driver",), ("seller",)]
    tenant.rows["Suppliers"][0]["modified"] = later()
    source = tenant.source("suppliers")
    source.suppliers.apply_hints(schema_contract={"columns": "freeze"})
    with pytest.raises(PipelineStepFailed, match="new_field"):
        pipeline.run(source)


@pytest.mark.parametrize("contract", ["discard_row", {"tables": "discard_value"}])
def test_a_contract_that_would_keep_a_cursor_without_rows_is_refused(
    tmp_path: Path, tenant: Tenant, contract: Any
):
    pipeline = pipeline_in(tmp_path)
    told = "suppliers: the schema contract leaves out every row of the new table suppliers"
    source = tenant.source("suppliers")
    source.suppliers.apply_hints(schema_contract=contract)
    with pytest.raises(PipelineStepFailed, match=told):
        pipeline.run(source)
    with pytest.raises(PipelineStepFailed, match=told):
        pipeline.run(tenant.source("suppliers"), schema_contract=contract)
    assert tenant.wire.asked == []
    pipeline.run(tenant.source("suppliers"))
    tenant.rows["Suppliers"].append(supplier(4, changed=later()))
    pipeline.run(tenant.source("suppliers"), schema_contract=contract)
    assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s2",), ("s3",), ("s4",)]


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_schemas_are_exported_and_imported(
    tmp_path: Path, tenant: Tenant, form: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SCHEMA__EXTERNAL_SCHEMA_FORMAT", form)

    def pipeline_of(name: str) -> Any:
        return dlt.pipeline(
            name,
            destination=dlt.destinations.duckdb(str(tmp_path / f"{name}.duckdb")),
            dataset_name="omnium",
            pipelines_dir=str(tmp_path / "dlt"),
            import_schema_path=str(tmp_path / "import"),
            export_schema_path=str(tmp_path / "export"),
        )

    for name in ("first", "second"):
        pipeline = pipeline_of(name)
        pipeline.run(tenant.source("suppliers"))
        assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s2",), ("s3",)]
        assert rows_of(pipeline, CONTACTS, "job_title") == [("buyer",), ("driver",), ("seller",)]
    tenant.rows["Suppliers"][0] = supplier(1, "seller", changed=later())
    pipeline.run(tenant.source("suppliers"))
    assert rows_of(pipeline, CONTACTS, "job_title") == [("driver",), ("seller",)]
    for folder in ("import", "export"):
        assert "python/object" not in (tmp_path / folder / f"omnium.schema.{form}").read_text()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"table_name": lambda row: "x"}, "come as tables"),
    ({"write_disposition": lambda row: "append"}, "come as tables"),
    ({"write_disposition": "skip"}, "would keep a cursor without its rows"),
    ({"write_disposition": {"disposition": "merge", "strategy": "scd2"}}, "strategy 'scd2'"),
    ({"write_disposition": {"disposition": "merge", "strategy": "upsert"}}, "strategy 'upsert'"),
    ({"write_disposition": {"disposition": "merge", "strategy": "insert-only"}}, "strategy 'insert-only'"),
    ({"primary_key": "name"}, "rows are told apart by id, or _dlt_id; by name some would be lost"),
    ({"primary_key": ["id", "modified"]}, "by id \\+ modified some would be lost"),
    ({"merge_key": "id"}, "the hint merge_key is not for this source"),
    ({"incremental": dlt.sources.incremental("modified")}, "keeps a cursor of its own"),
    ({"parent_table_name": "orders"}, "the hint parent_table_name is not for this source"),
    ({"nested_hints": {"contacts": dlt.mark.make_nested_hints(columns={"id": {}})}}, "nested_hints is not"),
    ({"table_name": "x", "create_table_variant": True}, "create_table_variant is not"),
]


@pytest.mark.parametrize(
    ("hints", "told"), REFUSED, ids=[str(sorted(hints)) + told[:20] for hints, told in REFUSED]
)
def test_a_hint_that_it_cannot_follow_is_refused(tenant: Tenant, hints: dict[str, Any], told: str):
    with pytest.raises(ConfigurationError, match=told):
        tenant.source().suppliers.apply_hints(**hints)
    assert tenant.wire.asked == []


def test_assigning_is_refused_as_well(tenant: Tenant):
    source = tenant.source("suppliers", "prices")
    with pytest.raises(ConfigurationError, match="would keep a cursor"):
        source.suppliers.write_disposition = "skip"
    with pytest.raises(ConfigurationError, match="_dlt_id alone"):
        source.prices.apply_hints(primary_key="productId")
    with pytest.raises(ConfigurationError, match="parallelize is not for this source"):
        source.suppliers.parallelize()


@pytest.mark.parametrize(
    "hint", [{"data_type": "double"}, {"data_type": "decimal", "precision": 10, "scale": 2}]
)
def test_another_type_is_refused(tmp_path: Path, tenant: Tenant, hint: dict[str, Any]):
    source = tenant.source("suppliers")
    source.suppliers.apply_hints(columns={"minimum_order_amount": hint})
    with pytest.raises(PipelineStepFailed, match=r"suppliers\.minimum_order_amount comes with"):
        pipeline_in(tmp_path).run(source)


# Looking, without a pipeline


def test_rows_are_seen_without_a_pipeline(tenant: Tenant, place: str):
    tables = list(tenant.source().suppliers)
    assert [(table.schema.metadata[b"omnium_table"], table.num_rows) for table in tables] == [
        (b"suppliers", 3),
        (b"suppliers__contacts", 3),
    ]
    assert tables[0]["id"].to_pylist() == ["s1", "s2", "s3"]
    assert len(list(tenant.source("suppliers", "orders"))) == 4


def test_looking_leaves_the_pipeline_as_it_is(tmp_path: Path, tenant: Tenant):
    pipeline = pipeline_in(tmp_path)
    list(tenant.source().suppliers)
    pipeline.run(tenant.source("suppliers"))
    assert len(rows_of(pipeline, CONTACTS, "id")) == 3


def test_maps_and_limits_hold_while_looking(tenant: Tenant, on_disk: None):
    suppliers = tenant.source().suppliers.add_map(lambda table: table.slice(0, 1)).add_limit(1)
    assert [table.num_rows for table in suppliers] == [1, 1]


def test_selecting(tmp_path: Path, tenant: Tenant):
    source = tenant.source()
    source.resources.select("suppliers")
    assert list(source.selected_resources) == ["suppliers"]
    pipeline = pipeline_in(tmp_path)
    pipeline.run(source)
    assert {asked.path for asked in tenant.wire.asked} == {"Suppliers/Search"}
    assert set(pipeline.dataset().tables) >= {"suppliers", CONTACTS}


# Pipelines, other processes


@pytest.fixture
def elsewhere(tmp_path: Path, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A folder of the user's own, with the tenant in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "SOURCES__OMNIUM__BASE_URL": tenant.wire.base_url,
        "SOURCES__OMNIUM__CLIENT_ID": tenant.wire.client_id,
        "SOURCES__OMNIUM__CLIENT_SECRET": tenant.wire.client_secret,
        "DLT_DATA_DIR": str(tmp_path / "dlt-data"),
    }.items():
        monkeypatch.setenv(name, value)
    return tenant


def in_a_process(script: str) -> str:
    """What a script prints in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


PIPELINE = 'import dlt\npipeline = dlt.pipeline("omnium", destination="duckdb", dataset_name="omnium")\n'
SOURCE = 'from omnium_source import omnium_source\nsource = omnium_source().with_resources("suppliers")\n'
LOAD = "pipeline.run(source)\n"
READ = 'print(pipeline.dataset()["suppliers"].df()["id"].tolist())\n'
DLT = "import sys\nfrom dlt._workspace.cli._dlt import _main\n"
DLT_PAGE = Path(__file__).parents[2] / "docs" / "dlt.md"
FOUND = "['s1', 's2', 's3']\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "order_of_lines",
    [PIPELINE + SOURCE + LOAD, SOURCE + PIPELINE + LOAD],
    ids=["pipeline first", "source first"],
)
@pytest.mark.parametrize(
    "reading",
    [
        PIPELINE + READ,
        'import dlt\npipeline = dlt.attach("omnium")\n' + READ,
        PIPELINE + SOURCE + LOAD + READ,
    ],
    ids=["the same line", "attached", "loading again"],
)
def test_another_process_reads_with_the_same_lines(
    elsewhere: Tenant, tmp_path: Path, order_of_lines: str, reading: str
):
    in_a_process(order_of_lines)
    assert in_a_process(reading) == FOUND
    assert [path.name for path in tmp_path.glob("*.duckdb")] == ["omnium_raw.duckdb"]


def blocks_of_the_page(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DLT_PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_rows_are_chosen_as_the_page_says(elsewhere: Tenant):
    lines, choosing, _ = blocks_of_the_page("python")
    in_a_process(lines.rpartition("pipeline.run")[0] + choosing.replace('"import"', '"Supplier 1"'))
    assert in_a_process(PIPELINE + READ) == "['s1']\n"


@pytest.mark.slow
def test_the_page_is_true_in_other_processes(elsewhere: Tenant, tmp_path: Path):
    lines, _, reading = blocks_of_the_page("python")
    in_a_process(lines.replace('"suppliers", "purchase_orders"', '"suppliers"'))
    # As dlt does where the package is installed: tests/packaging tries that.
    assert in_a_process("import omnium_source.dlt_plugin\n" + reading) == "3\n"
    told = {}
    for line in blocks_of_the_page("sh")[0].splitlines():
        told[line] = in_a_process(f"{DLT}sys.argv = {line.split()}\n_main()")
        assert elsewhere.wire.client_secret not in told[line]
    assert "suppliers with 2 table(s)" in told["dlt pipeline omnium info"]
    assert "extract" in told["dlt pipeline omnium trace"]
    assert "suppliers__contacts" in told["dlt pipeline omnium schema"]
    assert "dlt[hub]" in told["dlt pipeline omnium show"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SOURCES__OMNIUM__WINDOW_ROWS", "abc", "It is a whole number from 100 to 10,000,000"),
        ("SOURCES__OMNIUM__WINDOW_ROWS", "nan", "It is a whole number from 100"),
        ("WINDOW_ROWS", "abc", "It is a whole number from 100"),
        ("SOURCES__OMNIUM__DELETION_LIMIT", "nan", "It is a number from 0 to 1"),
        ("SOURCES__OMNIUM__PI", "include", "Did you mean SOURCES__OMNIUM__PII"),
        ("SOURCES__OMNIUM__PII", "no", "It is one of include, hash, exclude"),
        ("SOURCES__OMNIUM__SETTLING_LAG_SECONDS", "-1", "It is a whole number from 0 to 86,400"),
        ("SOURCES__OMNIUM__SINCE", "yesterday", "It is a date such as 2025-01-31"),
    ],
)
def test_settings_are_held_to_their_ranges(
    elsewhere: Tenant, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
):
    from omnium_source import omnium_source

    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=told):
        omnium_source()
    assert elsewhere.wire.asked == []


@pytest.mark.parametrize(
    "options",
    [{"window_rows": "abc"}, {"max_concurrency": 0}, {"full_pass_days": 1e9}, {"pii": "maybe"}],
    ids=str,
)
def test_arguments_are_held_to_their_ranges(tenant: Tenant, options: dict[str, Any]):
    with pytest.raises(ConfigurationError, match="It is"):
        tenant.source("suppliers", **options)


def test_defaults_are_those_of_the_command_line(elsewhere: Tenant, monkeypatch: pytest.MonkeyPatch):
    from omnium_elt.infra.home import Home, Settings
    from omnium_source import omnium_source, source

    made: dict[str, Any] = {}
    monkeypatch.setattr(source.Reading, "by", lambda settings, **_: made.update(settings))
    monkeypatch.setattr(source, "OmniumClient", lambda *_, **options: made.update(options))
    omnium_source()
    settings = Settings(home=Home(Path("x")))
    assert made["max_concurrency"] == settings.max_concurrency
    assert made["max_requests_per_second"] == settings.max_requests_per_second
    assert made["settling_lag_seconds"] == settings.settling_lag_seconds
    assert made["full_pass_days"] == settings.full_pass_days
    assert made["window_rows"] == settings.window_rows


def test_a_copy_reads_another_tenant_with_settings_of_its_own(
    elsewhere: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from omnium_source import omnium_source

    for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"SOURCES__OMNIUM2__{name}", os.environ[f"SOURCES__OMNIUM__{name}"])
    monkeypatch.setenv("SOURCES__OMNIUM2__SUPPLIERS__EXCLUDED_FIELDS", "name")
    copy = omnium_source.clone(name="omnium2", section="omnium2")
    pipeline = pipeline_in(tmp_path)
    pipeline.run(copy(pii_key="a key of sixteen bytes").with_resources("suppliers"))
    assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s2",), ("s3",)]
    assert "name" not in pipeline.default_schema.tables["suppliers"]["columns"]
    monkeypatch.setenv("SOURCES__OMNIUM2__WINDOW_ROW", "5000")
    with pytest.raises(ConfigurationError, match="Did you mean SOURCES__OMNIUM2__WINDOW_ROWS"):
        copy()


def test_another_tenant_is_refused_until_everything_is_read_anew(tmp_path: Path, tenant: Tenant):
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers"))
    with pipeline.managed_state() as state:
        state["sources"]["omnium"]["tenant"] = "api.omnium.example"
    requests = len(tenant.wire.asked)
    with pytest.raises(
        PipelineStepFailed, match=r"rows of api\.omnium\.example, and this is a sandbox on this machine"
    ):
        pipeline.run(tenant.source("suppliers"))
    assert len(tenant.wire.asked) == requests
    pipeline.run(tenant.source("suppliers"), refresh="drop_sources")
    assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s2",), ("s3",)]
    pipeline.run(tenant.source("suppliers"))


def test_a_run_may_replace_what_is_there(tmp_path: Path, tenant: Tenant, on_disk: None):
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers"))
    tenant.rows["Suppliers"] = [supplier(1), supplier(4, "nurse")]
    pipeline.run(tenant.source("suppliers"), write_disposition="replace")
    assert rows_of(pipeline, "suppliers", "id") == [("s1",), ("s4",)]
    assert rows_of(pipeline, CONTACTS, "job_title") == [("nurse",)]


def test_a_destination_that_is_gone_is_filled_again(tmp_path: Path, tenant: Tenant):
    pipeline_in(tmp_path).run(tenant.source("suppliers"))
    (tmp_path / "mine.duckdb").unlink()
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers"))
    assert len(rows_of(pipeline, CONTACTS, "id")) == 3


@pytest.mark.slow
def test_large_windows_are_made_tables_of_in_other_processes(
    tmp_path: Path, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
):
    from omnium_source.normalize import resource_normalizer, worker_pool

    made: set[str] = set()
    own = worker_pool.WorkerPool.normalize

    def normalize(pool: Any, normalizer: Any, *given: Any) -> Any:
        made.add(normalizer.shape.root)
        return own(pool, normalizer, *given)

    monkeypatch.setattr(worker_pool.WorkerPool, "normalize", normalize)
    monkeypatch.setattr(resource_normalizer, "LARGE_BYTES", 0)
    monkeypatch.setattr(resource_normalizer, "SMALL_BYTES", 0)
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers", "orders"))
    assert made == {"suppliers", "orders"}
    assert len(rows_of(pipeline, CONTACTS, "id")) == 3
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_all_resources_twice_and_the_second_run_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from omnium_source import omnium_source

    pipeline = pipeline_in(tmp_path)
    with Sandbox(size="small", seed=1) as sandbox:
        for name, value in environment_of(sandbox).items():
            monkeypatch.setenv(name, value)
        pipeline.run(omnium_source())
        first = pipeline.last_trace.last_normalize_info.row_counts
        pipeline.run(omnium_source())
        second = pipeline.last_trace.last_normalize_info.row_counts
    assert sum(first.values()) > 5_000
    assert {name for name in second if not name.startswith("_dlt")} == set()
