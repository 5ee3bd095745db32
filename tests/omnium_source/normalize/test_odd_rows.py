"""Rows that no contract foresees, over the wire into a database: every value arrives, no load fails."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dlt
import pytest
from omnium_source import omnium_source

from tests.support.wire import Reply, Wire

MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)
SERVER = os.environ.get("TEST_POSTGRES_URL", "")


class Warehouse:
    """A pipeline of suppliers into a database of its own; all that it keeps on this machine is in `folder`."""

    def __init__(self, folder: Path, destination: Any) -> None:
        self.folder, self.destination = folder, destination

    def load(self, body: bytes) -> Any:
        """Load the rows of one answer."""
        rows = b'{"result": %s, "totalHits": %d}' % (body, body.count(b'"id":'))
        with Wire(
            lambda asked: Reply(raw=rows) if asked.path.startswith("Suppliers") else {"result": []}
        ) as wire:
            pipeline = dlt.pipeline(
                "odd",
                destination=self.destination,
                dataset_name="omnium",
                pipelines_dir=str(self.folder / "dlt"),
            )
            source = omnium_source(
                wire.base_url, wire.client_id, wire.client_secret, pii="include", pii_key="k" * 16
            )
            pipeline.run(source.with_resources("suppliers"))
            return pipeline

    def forget(self) -> None:
        """Lose what is on this machine: another one takes over, and asks the destination."""
        shutil.rmtree(self.folder / "dlt")

    def row(self, pipeline: Any, key: str) -> dict[str, Any]:
        """What is not null of a supplier."""
        with pipeline.sql_client() as client:
            name = client.make_qualified_table_name("suppliers")
            with client.execute_query(f"select * from {name} where id = '{key}'") as cursor:
                columns = [column[0] for column in cursor.description]
                (values,) = cursor.fetchall()
        own = ("_dlt", "_omnium")
        return {
            name: value
            for name, value in zip(columns, values, strict=True)
            if value is not None and not name.startswith(own)
        }


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param == "duckdb":
        yield Warehouse(tmp_path, dlt.destinations.duckdb(str(tmp_path / "odd.duckdb")))
        return
    if not SERVER:
        pytest.skip("TEST_POSTGRES_URL names no server: see .ci/postgres")
    import psycopg2

    name = f"odd_{secrets.token_hex(4)}"
    connection = psycopg2.connect(SERVER)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
    yield Warehouse(tmp_path, dlt.destinations.postgres(urlsplit(SERVER)._replace(path=f"/{name}").geturl()))
    with connection.cursor() as cursor:
        cursor.execute(f"drop database {name} with (force)")
    connection.close()


def test_a_column_holds_the_same_field_in_the_next_run_and_on_another_machine(warehouse: Warehouse) -> None:
    warehouse.load(
        b'[{"id": "1", "modified": "2026-01-01T00:00:00Z", "fooBar": "camel", "foo_bar": "snake"}]'
    )
    pipeline = warehouse.load(b'[{"id": "2", "modified": "2026-01-02T00:00:00Z", "foo_bar": "snake"}]')
    first, second = warehouse.row(pipeline, "1"), warehouse.row(pipeline, "2")
    (camel,) = (name for name, value in first.items() if value == "camel")
    (snake,) = (name for name, value in first.items() if value == "snake")
    assert camel not in second
    assert second[snake] == "snake"
    warehouse.forget()
    pipeline = warehouse.load(
        b'[{"id": "3", "modified": "2026-01-03T00:00:00Z", "foo_bar": "snake", "f": 1}]'
    )
    third = warehouse.row(pipeline, "3")
    assert camel not in third
    assert third[snake] == "snake"


def test_an_empty_text_is_not_a_missing_one(warehouse: Warehouse) -> None:
    pipeline = warehouse.load(
        b'[{"id": "1", "modified": "2026-01-01T00:00:00Z", "name": "", "note": "", "vendorNew": "",'
        b' "properties": [{"key": "", "value": ""}, {"key": "a"}]},'
        b' {"id": "2", "modified": "2026-01-01T00:00:00Z", "name": null, "note": " ", "vendorNew": "\\"\\""}]'
    )
    assert [warehouse.row(pipeline, key) for key in "12"] == [
        {"id": "1", "modified": MODIFIED, "name": "", "note": "", "vendor_new": ""},
        {"id": "2", "modified": MODIFIED, "note": " ", "vendor_new": '""'},
    ]
    with pipeline.sql_client() as client:
        name = client.make_qualified_table_name("suppliers__properties")
        assert client.execute_sql(f"select key, value from {name} order by key") == [("", ""), ("a", None)]


LONG = "aFieldOfTheVendorsWhoseNameIsFarLongerThanWhatPostgreSqlHasRoomFor"


def test_a_long_name_and_another_type_in_the_next_run(warehouse: Warehouse) -> None:
    for number, value in enumerate([b"1.5", b'"text"', b'{"a": [1]}', b"true", b"null", b"2"]):
        pipeline = warehouse.load(
            b'[{"id": "%d", "modified": "2026-01-0%dT00:00:00Z", "%s": %s, "address": {"%s": %s}}]'
            % (number, number + 1, LONG.encode(), value, LONG.encode(), value)
        )
    found = [warehouse.row(pipeline, str(number)) for number in range(6)]
    shown = [{str(value) for name, value in row.items() if "field" in name} for row in found]
    assert [len(row) for row in shown] == [1, 1, 1, 1, 0, 1]
    assert [
        row & {"1.500000000", "text", "{'a': [1]}", '{"a":[1]}', "true", "2.000000000"} for row in shown
    ] == shown


def test_odd_names_texts_and_depths_load(warehouse: Warehouse) -> None:
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    wide = b",".join(b'"wide%05d": %d' % (number, number) for number in range(2_000))
    body = (
        rb'[{"id": "1", "modified": "2026-01-01T00:00:00Z", "": 1, " ": 2, "_dlt_load_id": 3, "_dlt_id": "x",'
        rb' "\ud83d": 4, "name": "a\u0000b\ud800", "note": "zero \u0000",'
        rb' "blob": {"x": "\u0000"}, "minimumOrderAmount":'
        rb' 1e400, "deep": ' + deep + b", " + wide + b"}]"
    )
    pipeline = warehouse.load(body)
    row = warehouse.row(pipeline, "1")
    assert (row["name"], row["note"]) == ("a\ufffdb\ufffd", "zero \ufffd")
    assert (row["no_name"], row["field_dlt_load_id"], row["field_dlt_id"]) == (1, 3, "x")
    assert row["minimum_order_amount__v_text"] == "1E+400"
    value = row["deep"]
    assert (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))) == deep.decode()
    rest = row["other_fields"]
    assert (json.loads(rest) if isinstance(rest, str) else rest)["wide01999"] == 1999
