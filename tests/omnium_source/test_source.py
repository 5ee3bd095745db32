"""The source as a dlt user meets it: rows in over the wire, whole rows out of a pipeline of one's own."""

import datetime as dt
import shutil
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from omnium_source import RESOURCES, omnium_source
from omnium_source.errors import ConfigurationError

from tests.support.wire import Asked, Wire, search

UTC = dt.UTC
ORDERS = [
    {
        "id": "o1",
        "orderNumber": "1001",
        "status": "New",
        "created": "2026-03-01T10:00:00Z",
        "modified": "2026-03-01T10:00:00.1234567Z",
        "total": 1234567890.12,
        "billingCurrency": "NOK",
        "tags": ["web", "gift"],
        "orderForm": {
            "lineItems": [
                {
                    "lineItemId": "l1",
                    "code": "A",
                    "quantity": 2,
                    "placedPrice": 89.2857142857142857142857142857,
                },
                {"lineItemId": "l2", "code": "B", "quantity": 0.5, "placedPrice": 0.1},
            ]
        },
    },
    {
        "id": "o2",
        "created": "2026-03-02T00:30:00+02:00",
        "modified": "2026-03-02T01:00:00Z",
        "orderForm": {"lineItems": []},
    },
    {"id": "o3", "created": "0001-01-01T00:00:00", "modified": "2026-03-03T00:00:00Z", "total": None},
]
SUPPLIERS = [
    {
        "id": "s1",
        "name": "Nordvik AS",
        "defaultLeadTime": 14,
        "minimumOrderAmount": 2500.5,
        "address": {"city": "Oslo"},
        "contacts": [{"name": "Kari", "email": "kari@example.com"}],
        "modified": "2026-01-01T00:00:00Z",
    },
    {"id": "s2", "name": "Øst & Vest", "modified": "2026-01-02T00:00:00Z"},
]
PURCHASE_ORDERS = [
    {
        "id": "p1",
        "supplierId": "s1",
        "status": "Confirmed",
        "created": "2026-02-01T08:00:00Z",
        "modified": "2026-02-02T08:00:00Z",
        "purchaseOrderForm": {
            "lineItems": [{"lineItemId": "pl1", "code": "A", "quantity": 100, "deliveredQuantity": 60}]
        },
    }
]
ROWS = {"Orders": ORDERS, "Suppliers": SUPPLIERS, "PurchaseOrders": PURCHASE_ORDERS}


def answer(asked: Asked) -> Any:
    rows = ROWS.get(asked.path.partition("/")[0], [])
    return search(rows, asked.body)


def pipeline_in(folder: Path) -> Any:
    return dlt.pipeline(
        "omnium",
        destination=dlt.destinations.duckdb(str(folder / "mine.duckdb")),
        dataset_name="omnium",
        pipelines_dir=str(folder / "dlt"),
    )


def source_of(wire: Wire, **options: Any) -> Any:
    return omnium_source(wire.base_url, wire.client_id, wire.client_secret, **options)


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "mine.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def moment(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=UTC)


def test_rows_arrive_literally(tmp_path: Path):
    with Wire(answer) as wire:
        source = source_of(wire, pii="include").with_resources("orders", "suppliers", "purchase_orders")
        pipeline_in(tmp_path).run(source)
    assert query(
        tmp_path,
        "select id, order_number, status, created, modified, total, tags from omnium.orders order by id",
    ) == [
        (
            "o1",
            "1001",
            "New",
            moment(2026, 3, 1, 10),
            moment(2026, 3, 1, 10, 0, 0, 123456),
            Decimal("1234567890.120000000"),
            '["web","gift"]',
        ),
        ("o2", None, None, moment(2026, 3, 1, 22, 30), moment(2026, 3, 2, 1), None, None),
        ("o3", None, None, moment(1, 1, 1), moment(2026, 3, 3), None, None),
    ]
    assert query(
        tmp_path,
        "select o.id, l.line_item_id, l.code, l.quantity, l._dlt_list_idx "
        "from omnium.orders__order_form__line_items as l join omnium.orders as o on l._dlt_parent_id = o._dlt_id "
        "order by l.line_item_id",
    ) == [
        ("o1", "l1", "A", Decimal("2.000000000"), 0),
        ("o1", "l2", "B", Decimal("0.500000000"), 1),
    ]
    assert query(
        tmp_path,
        "select id, name, default_lead_time, minimum_order_amount, address__city from omnium.suppliers",
    ) == [
        ("s1", "Nordvik AS", 14, Decimal("2500.500000000"), "Oslo"),
        ("s2", "Øst & Vest", None, None, None),
    ]
    assert query(tmp_path, "select name, email from omnium.suppliers__contacts") == [
        ("Kari", "kari@example.com")
    ]
    assert query(
        tmp_path,
        "select p.id, p.supplier_id, p.status, l.line_item_id, l.quantity, l.delivered_quantity "
        "from omnium.purchase_orders as p "
        "join omnium.purchase_orders__purchase_order_form__line_items as l on l._dlt_root_id = p._dlt_id",
    ) == [("p1", "s1", "Confirmed", "pl1", Decimal("100.000000000"), Decimal("60.000000000"))]


def test_personal_data_are_hashed_by_default(tmp_path: Path):
    with Wire(answer) as wire:
        pipeline_in(tmp_path).run(source_of(wire).with_resources("suppliers"))
    ((name, email),) = query(tmp_path, "select name, email from omnium.suppliers__contacts")
    assert len(name) == len(email) == 32
    assert "kari" not in (name + email).lower()
    assert query(tmp_path, "select name from omnium.suppliers where id = 's1'") == [("Nordvik AS",)]


def test_a_second_run_asks_only_for_what_is_newer(tmp_path: Path):
    with Wire(answer) as wire:
        for _ in range(2):
            pipeline_in(tmp_path).run(source_of(wire).with_resources("suppliers"))
    first, second = (asked.body for asked in wire.asked if asked.path == "Suppliers/Search")
    assert "modifiedFrom" not in first
    assert {"modifiedFrom", "modifiedTo"} <= set(second)


def test_every_row_of_the_table_is_a_resource_of_the_source():
    with Wire(answer) as wire:
        assert list(source_of(wire).resources) == list(RESOURCES)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A dlt user in a folder of their own, with the tenant in the environment."""
    with Wire(answer) as wire:
        monkeypatch.setenv("SOURCES__OMNIUM__BASE_URL", wire.base_url)
        monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_ID", wire.client_id)
        monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_SECRET", wire.client_secret)
        monkeypatch.setenv("SOURCES__OMNIUM__PII_KEY", "a key of sixteen bytes")
        monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt-data"))
        monkeypatch.chdir(tmp_path)
        yield wire


def run_script(script: str) -> Any:
    """Run a script as one that was just started; return its pipeline."""
    names: dict[str, Any] = {}
    exec(compile(textwrap.dedent(script), "script", "exec"), names)
    return names["pipeline"]


FIVE_LINES = """
    import dlt
    from omnium_source import omnium_source

    pipeline = dlt.pipeline("omnium", destination="duckdb", dataset_name="omnium")
    pipeline.run(omnium_source().with_resources("suppliers", "purchase_orders"))
    """


def test_the_script_of_the_readme_runs_and_goes_on_where_it_stood(user: Wire, tmp_path: Path):
    for run in (1, 2):
        pipeline = run_script(FIVE_LINES)
        assert pipeline.dataset()["suppliers"].df()["id"].tolist() == ["s1", "s2"], run
        shutil.rmtree(tmp_path / "dlt-data")  # the cursors are in the database as well
    with duckdb.connect(str(tmp_path / "omnium_raw.duckdb"), read_only=True) as connection:
        assert connection.execute("select id from omnium.suppliers order by id").fetchall() == [
            ("s1",),
            ("s2",),
        ]
        assert connection.execute("select id from omnium.purchase_orders").fetchall() == [("p1",)]
    asked = [asked.body for asked in user.asked if asked.path == "Suppliers/Search"]
    assert ["modifiedFrom" in body for body in asked] == [False, True]
    assert list(tmp_path.glob("*.duckdb")) == [tmp_path / "omnium_raw.duckdb"]


def test_a_pipeline_with_another_name_keeps_the_file_that_dlt_gives_it(user: Wire, tmp_path: Path):
    run_script(FIVE_LINES.replace('pipeline("omnium"', 'pipeline("retailer"'))
    assert list(tmp_path.glob("*.duckdb")) == [tmp_path / "retailer.duckdb"]


def test_a_file_that_was_configured_is_used(user: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "chosen.duckdb")
    run_script(FIVE_LINES)
    assert list(tmp_path.glob("*.duckdb")) == [tmp_path / "chosen.duckdb"]


@pytest.mark.parametrize(
    "script",
    [
        """
        import dlt
        from omnium_source import omnium_source

        pipeline = dlt.pipeline(
            "mine", destination=dlt.destinations.duckdb("omnium.duckdb"), dataset_name="omnium"
        )
        pipeline.run(omnium_source().with_resources("suppliers"))
        """,
    ],
    ids=["a file chosen by hand"],
)
def test_a_file_called_like_its_dataset_is_told_before_anything_is_read(user: Wire, script: str):
    with pytest.raises(PipelineStepFailed, match=r"both called 'omnium'.*\n.*another name"):
        run_script(script)
    assert user.asked == []


def test_a_since_that_is_no_date_is_refused():
    with Wire(answer) as wire, pytest.raises(ConfigurationError, match="It is a date such as"):
        source_of(wire, since="yesterday")
