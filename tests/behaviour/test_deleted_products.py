"""Products that a tenant deletes are marked with the next run, and come back when they do; nothing else is touched."""

from typing import Any

import duckdb
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.load import load
from omnium_sandbox import Sandbox

from tests.support.reading import read
from tests.support.tenants import sandbox_settings
from tests.support.wire import Asked, Wire


def held(home: Home) -> dict[str, tuple[str | None, bool]]:
    """Product → its status, and whether it is marked deleted."""
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        rows = connection.execute(
            "select id, status, _omnium_deleted_at is not null from omnium.products"
        ).fetchall()
    return {id: (status, is_marked) for id, status, is_marked in rows}


def test_a_deleted_product_is_marked_with_the_next_run_and_comes_back(sandbox: Sandbox, home: Home) -> None:
    settings = sandbox_settings(home, sandbox, resources=("products",), personal="include")
    load(settings, Silent())
    before = held(home)
    key = next(row["id"] for row in sandbox.tenant.rows("products") if row.get("status") != "Deleted")
    product = sandbox.tenant.get("products", key)
    assert product is not None
    sandbox.tenant.put("products", product | {"status": "Deleted"})
    assert load(settings, Silent()).status == "ok"
    assert held(home) == {**before, key: ("Deleted", True)}
    sandbox.clear_requests()
    (products,) = load(settings, Silent()).resources
    assert products.status == "unchanged"
    assert products.requests <= 3
    assert held(home) == {**before, key: ("Deleted", True)}
    sandbox.tenant.put("products", product)
    load(settings, Silent())
    assert held(home) == before


def test_a_server_that_shows_living_rows_to_who_asks_for_deleted_ones_marks_none() -> None:
    rows = [{"id": f"p{n}", "status": "Active", "modified": "2026-11-01T00:00:00.000Z"} for n in range(3)]

    def answer(asked: Asked) -> Any:
        return {"result": rows, "totalHits": 3, "scrollId": None}

    with Wire(answer) as wire:
        windows = read(wire, "products", {"cursor": "2026-11-02T00:00:00.000Z"})
    marks = [
        mark
        for window in windows
        for part in window.tables.finish().parts
        if part.name == "products"
        for table in part.tables()
        for mark in table["_omnium_deleted_at"].to_pylist()
    ]
    assert marks == [None] * 6
