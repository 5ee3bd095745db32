"""PostgreSQL: a real server holds what DuckDB holds, row for row, after changes and deletions; marts too.

TEST_POSTGRES_URL names a server on which databases may be made, as `.ci/postgres start DIR` prints it.
"""

import datetime as dt
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from dlt.common.normalizers.naming.snake_case import NamingConvention
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps.dbt_commands import dbt_arguments, dbt_environment
from omnium_elt.steps.run import COMMANDS, perform, reconcile_step
from omnium_sandbox import Sandbox

from tests.support.engines import Rows, put_dateless, row_differences
from tests.support.parsing import share_parsing
from tests.support.tenants import WITHOUT_DATA_TESTS, sandbox_settings

SERVER = os.environ.get("TEST_POSTGRES_URL", "")

pytestmark = [
    pytest.mark.skipif(not SERVER, reason="TEST_POSTGRES_URL names no server: see .ci/postgres"),
    pytest.mark.timeout(1_200),  # builds of all models, before the first test
]

LONGEST_NAME = 63
"""PostgreSQL's identifiers; dlt shortens longer ones."""
OF_A_LOAD = {"_dlt_load_id", "_omnium_deleted_at"}
"""Columns that differ from load to load; of the deletion marks it counts which rows have one."""


class Postgres:
    """A database of its own on the server."""

    def __init__(self, url: str) -> None:
        import psycopg2

        self.url = url
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True
        self.execute("set timezone = 'UTC'")

    def execute(self, sql: str) -> Rows:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def columns(self, schema: str) -> dict[str, list[str]]:
        rows = self.execute(
            "select table_name, column_name from information_schema.columns "
            f"where table_schema = '{schema}' order by table_name, ordinal_position"
        )
        found: dict[str, list[str]] = {}
        for table, column in rows:
            found.setdefault(table, []).append(column)
        return found

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server, name = Postgres(SERVER), f"omnium_{secrets.token_hex(4)}"
    server.execute(f"create database {name}")
    database = Postgres(urlsplit(SERVER)._replace(path=f"/{name}").geturl())
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DESTINATION__POSTGRES__CREDENTIALS", database.url)
            yield database
    finally:
        database.close()
        server.execute(f"drop database {name} with (force)")
        server.close()


@dataclass(frozen=True)
class Both:
    """The same tenant in both databases, after everything below has happened."""

    sandbox: Sandbox
    duckdb: Path
    postgres: Postgres
    incremental: list[RunReport]
    reconciled: list[RunReport]


@pytest.fixture(scope="module")
def both(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Load, build the marts of purchase orders, change, delete, load, reconcile, run: with either destination.

    The second build replaces the tables and views of the first, and goes on with its snapshot. The data are tested
    in PostgreSQL: in DuckDB they are in other tests.
    """
    with Sandbox(size="small", seed=1) as sandbox:
        put_dateless(sandbox)
        folder = tmp_path_factory.mktemp("both")
        as_of = dt.datetime.now(dt.UTC).date()
        settings = [
            replace(sandbox_settings(Home(folder / name), sandbox), destination=name, as_of=as_of)
            # Two homes, one key: personal data are hashed alike.
            for name in ("duckdb", "postgres")
        ]
        settings = [replace(one, personal_key="a key of sixteen bytes") for one in settings]  # type: ignore[arg-type]
        for one in settings:
            _well(perform(one, Silent(), "load", COMMANDS["load"]))
            build_purchase_orders(one)
        change(sandbox)
        incremental = [_well(perform(one, Silent(), "load", COMMANDS["load"])) for one in settings]
        reconciled = [
            _well(perform(one, Silent(), "reconcile", (reconcile_step(False),))) for one in settings
        ]
        with pytest.MonkeyPatch.context() as environment:
            for name, value in WITHOUT_DATA_TESTS.items():
                environment.setenv(name, value)
            _well(perform(settings[0], Silent(), "transform", COMMANDS["transform"]))
        _well(perform(settings[1], Silent(), "run", COMMANDS["run"]))
        yield Both(sandbox, settings[0].home.working_database, postgres, incremental, reconciled)


def build_purchase_orders(settings: Settings) -> None:
    """The models that fct_purchase_order_line is made of, the snapshot among them."""
    chosen = ("--select", "+fct_purchase_order_line", "--exclude-resource-type", "unit_test", "test")
    share_parsing()
    with dbt_environment(settings):
        answer = dbtRunner().invoke(dbt_arguments(settings, "build", *chosen, as_of=settings.as_of))
    assert answer.success, answer.exception


def _well(report: RunReport) -> RunReport:
    assert report.exit_status == 0, (report.command, report.error, report.notes)
    return report


def change(sandbox: Sandbox) -> None:
    """A line less in one purchase order, a changed supplier and promotion, a vanished supplier."""
    order = next(
        row
        for row in sandbox.tenant.rows("purchase_orders")
        if len(row["purchaseOrderForm"]["lineItems"]) > 1
    )
    order["purchaseOrderForm"]["lineItems"].pop()
    sandbox.tenant.put("purchase_orders", order)
    first, second = [row for row, _ in zip(sandbox.tenant.rows("suppliers"), range(2), strict=False)]
    sandbox.tenant.put("suppliers", {**first, "defaultLeadTime": 33})
    sandbox.tenant.delete("suppliers", second["id"])
    # The contract's longest column names are the promotions' own.
    promotion = next(iter(sandbox.tenant.rows("promotions")))
    sandbox.tenant.put("promotions", {**promotion, "name": "Changed"})


def differences(both: Both, schema: str, table: str, columns: list[str]) -> list[str]:
    """What differs, as `row_differences` tells it."""
    query = f'select {", ".join(f"{chr(34)}{column}{chr(34)}" for column in columns)} from {schema}."{table}"'
    with duckdb.connect(str(both.duckdb), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        ours = connection.execute(query).fetchall()
    return row_differences(table, columns, ours, both.postgres.execute(query), "PostgreSQL")


def tables_of(database: Path, schema: str) -> dict[str, list[str]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return dict(
            connection.execute(
                "select table_name, list(column_name order by column_index) from duckdb_columns() "
                "where schema_name = ? and not internal group by 1",
                [schema],
            ).fetchall()
        )


def test_every_raw_table_is_equal(both: Both) -> None:
    ours = {name: columns for name, columns in tables_of(both.duckdb, "omnium").items() if name[0] != "_"}
    theirs = {name: columns for name, columns in both.postgres.columns("omnium").items() if name[0] != "_"}
    assert ours.keys() == theirs.keys()
    lines = []
    for table, columns in ours.items():
        short = [name for name in columns if len(name) <= LONGEST_NAME]
        assert set(short) <= set(theirs[table]), table
        assert len(columns) == len(theirs[table]), table
        lines += differences(both, "omnium", table, [name for name in short if name not in OF_A_LOAD])
    assert lines == []


def test_an_incremental_run_writes_what_changed(both: Both) -> None:
    ours, theirs = [{one.name: one.rows for one in report.resources} for report in both.incremental]
    assert ours == theirs
    assert {name: rows for name, rows in theirs.items() if rows} == {
        "promotions": 1,
        "purchase_orders": 1,
        "suppliers": 1,
    }


def test_vanished_rows_are_marked(both: Both) -> None:
    assert [sum(one.rows for one in report.resources) for report in both.reconciled] == [1, 1]
    query = "select id from omnium.suppliers where _omnium_deleted_at is not null"
    with duckdb.connect(str(both.duckdb), read_only=True) as connection:
        assert both.postgres.execute(query) == connection.execute(query).fetchall() != []


def test_every_mart_is_equal(both: Both) -> None:
    ours, theirs = tables_of(both.duckdb, "marts"), both.postgres.columns("marts")
    assert sorted(ours) == sorted(theirs)
    lines = []
    for mart, columns in ours.items():
        assert columns == theirs[mart], mart
        lines += differences(both, "marts", mart, columns)
    assert lines == []


def test_an_empty_home_goes_on_where_the_last_one_ended(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", both.postgres.url)
    settings = replace(
        sandbox_settings(Home(tmp_path / "new"), both.sandbox, resources=("stores",)),
        destination="postgres",
        personal_key="a key of sixteen bytes",  # type: ignore[arg-type]
    )
    report = _well(perform(settings, Silent(), "load", COMMANDS["load"]))
    (stores,) = report.resources
    assert stores.status == "unchanged"
    assert stores.window_from is not None


def test_names_longer_than_postgresql_allows(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres.url)
    with Sandbox(size="empty", orders=1, filled=True) as source:
        order = dict(next(iter(source.tenant.rows("orders"))))
    shipment = order["orderForm"]["shipments"][0]
    shipment["contactPerson"]["address"] = {"properties": [{"key": "floor", "value": "3"}] * 2}
    long = "orders__order_form__shipments__contact_person__address__properties"
    assert len(long) > LONGEST_NAME
    with Sandbox(size="empty") as sandbox:
        settings = replace(
            sandbox_settings(Home(tmp_path / "filled"), sandbox, resources=("orders",)),
            destination="postgres",
            personal_key="a key of sixteen bytes",  # type: ignore[arg-type]
        )
        counts = []
        for kept in (2, 1):
            del shipment["contactPerson"]["address"]["properties"][kept:]
            sandbox.tenant.put("orders", order)
            _well(perform(settings, Silent(), "load", COMMANDS["load"]))
            table = NamingConvention(LONGEST_NAME).normalize_tables_path(long)
            counts.append(postgres.execute(f'select count(*) from omnium."{table}"')[0][0])
    assert counts == [2, 1]
