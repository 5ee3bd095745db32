"""Scrolls that no time can split, on a connection that keeps losing answers: they are read by values instead.

A continuation whose answer was lost is not sent again, so 200 batches of which one in twenty is lost never arrive
as one scroll.
"""

import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.load import load
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Fault
from omnium_source.errors import Incomplete
from omnium_source.windows.gathered import Verified

from tests.support.completeness import one, unlike
from tests.support.reading import read
from tests.support.tenants import sandbox_settings
from tests.support.wire import Asked, Reply, Wire

Row = dict[str, Any]
OLD, NOW = "2026-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"
FILTERS = {
    "warehouseCodes": "warehouseCode",
    "productCodes": "sku",
    "priceListIds": "priceListId",
    "statuses": "status",
}


class Lossy:
    """An inventory (or what scrolls like it) in batches of 10; continuations are lost where `loses` says so.

    `hides`: rows that no filter shows. `others`: what other resources hold, by path.
    """

    def __init__(
        self,
        rows: list[Row],
        loses: Callable[[], bool],
        *,
        hides: Callable[[Row], bool] = lambda row: False,
        others: dict[str, list[Row]] | None = None,
        batch: int = 10,
    ) -> None:
        self.rows, self.loses, self.hides, self.others, self.batch = rows, loses, hides, others or {}, batch
        self.before_search: Callable[[Row], None] = lambda body: None
        self._scrolls: dict[str, list[Row]] = {}

    def __call__(self, asked: Asked) -> Any:
        if asked.method == "GET":
            name = asked.path.rpartition("/")[2]
            some, self._scrolls[name] = self._scrolls[name][: self.batch], self._scrolls[name][self.batch :]
            return Reply(status=503) if self.loses() else {"result": some, "scrollId": name}
        for path, rows in self.others.items():
            if asked.path == path:
                return {"result": rows, "totalHits": len(rows)}
        if asked.path.partition("/")[0] in ("Stores", "Products", "PriceLists"):
            return Reply("no such role", 403)
        self.before_search(asked.body)
        found = [row for row in self.rows if row.get("modified", OLD) > asked.body.get("lastModified", "")]
        for field in set(FILTERS) & set(asked.body):
            found = [
                row
                for row in found
                if row.get(FILTERS[field], row.get("skuId")) in asked.body[field] and not self.hides(row)
            ]
        name = f"scroll-{len(self._scrolls)}"
        self._scrolls[name] = found[self.batch :]
        return {
            "result": found[: self.batch],
            "totalHits": len(found),
            "scrollId": name if self._scrolls[name] else None,
        }


def one_in(number: int, seed: int = 1) -> Callable[[], bool]:
    """Loses one answer in so many."""
    chance = random.Random(seed)
    return lambda: chance.random() < 1 / number


def item(sku: int, warehouse: int | None) -> Row:
    row = {"sku": f"{sku:04}", "inventory": sku * 7, "modified": OLD}
    return row if warehouse is None else {**row, "warehouseCode": f"w{warehouse}"}


def stock(windows: list[Verified]) -> list[tuple[str, str | None, int]]:
    """Every row handed on: SKU, warehouse, inventory."""
    return sorted(
        (
            (row["sku"], row["warehouse_code"], int(row["inventory"]))
            for window in windows
            for part in window.tables.finish().parts
            for table in part.tables()
            for row in table.to_pylist()
        ),
        key=str,
    )


def stock_of(rows: list[Row]) -> list[tuple[str, str | None, int]]:
    return sorted(
        ((row["sku"], row.get("warehouseCode"), row["inventory"]) for row in rows),
        key=str,
    )


def asked_by(wire: Wire, field: str) -> list[list[str]]:
    return [asked.body[field] for asked in wire.asked if asked.body and field in asked.body]


MANY = [item(sku, warehouse) for sku in range(100) for warehouse in range(20)]


@pytest.mark.parametrize("seed", range(3))
def test_an_inventory_of_200_batches_of_which_one_in_twenty_is_lost_is_read_whole(seed: int):
    with Wire(Lossy(MANY, one_in(20, seed))) as wire:
        shown: list[int] = []
        (window,) = read(wire, "inventory", on_rows=lambda rows, total: shown.append(rows))
    assert stock([window]) == stock_of(MANY)
    assert (window.total_hits, window.distinct_keys, window.written) == (2_000,) * 3
    assert sum(shown) == 2_000, "what is read again is shown once"
    assert window.state["cursor"]


def test_nothing_more_is_asked_for_where_nothing_is_lost():
    with Wire(Lossy(MANY, lambda: False)) as wire:
        (window,) = read(wire, "inventory")
    assert stock([window]) == stock_of(MANY)
    assert len(wire.asked) == 201, "200 batches and an empty one, which ends the scroll"
    assert {tuple(asked.body) for asked in wire.asked if asked.body} == {("isBatchesExcluded",)}


def test_one_large_warehouse_is_read_by_the_products_that_the_catalogue_lists():
    rows = [item(sku, 1) for sku in range(2_000)]
    products = [
        {"id": f"{n}_no", "skuId": f"{n:04}", "variants": [{"skuId": f"{n + 1:04}"}]}
        for n in range(0, 2_000, 2)
    ]
    with Wire(Lossy(rows, one_in(10), others={"Products/Scroll": products})) as wire:
        (window,) = read(wire, "inventory")
    assert stock([window]) == stock_of(rows)
    (catalogue,) = [asked for asked in wire.asked if asked.path == "Products/Scroll"]
    assert catalogue.body["includedFields"] == {"specificFields": ["id", "skuId", "variants.skuId"]}
    assert max(len(codes) for codes in asked_by(wire, "productCodes")) == 29


def test_warehouses_that_no_row_has_shown_are_those_of_the_stores():
    rows = [item(sku, warehouse) for warehouse in range(20) for sku in range(100)]
    stores = [{"id": f"w{number}", "modified": OLD} for number in range(24)]
    losses = count()
    lossy = Lossy(rows, lambda: next(losses) == 50, others={"Stores/SearchStores": stores})
    with Wire(lossy) as wire:
        assert stock(read(wire, "inventory")) == stock_of(rows)
    asked = [code for codes in asked_by(wire, "warehouseCodes") for code in codes]
    assert sorted(asked) == sorted(f"w{n}" for n in range(24))
    assert asked_by(wire, "productCodes") == []


def test_items_without_a_warehouse_are_found_by_their_product():
    rows = MANY[:1_990] + [item(sku, None) for sku in range(60, 70)]
    with Wire(Lossy(rows, one_in(20))) as wire:
        (window,) = read(wire, "inventory")
    assert stock([window]) == stock_of(rows)
    assert (window.total_hits, window.distinct_keys, window.written) == (2_000,) * 3


def test_a_product_that_leads_to_an_unknown_warehouse_makes_it_known():
    rows = [item(sku, 1) for sku in range(60)] + [item(sku, 2) for sku in range(30, 90)]
    losses = count()
    with Wire(Lossy(rows, lambda: next(losses) == 3)) as wire:
        assert stock(read(wire, "inventory")) == stock_of(rows)
    assert asked_by(wire, "warehouseCodes") == [["w1"], ["w2"]]


def is_hidden(row: Row) -> bool:
    return row["sku"] == "0099" and row["warehouseCode"] == "w10"


def test_parts_that_hide_a_row_are_not_accepted():
    with (
        Wire(Lossy(MANY, one_in(20), hides=is_hidden)) as wire,
        pytest.raises(Incomplete, match="tried 5 times, the cursor stays where it was"),
    ):
        read(wire, "inventory")


def test_a_whole_scroll_brings_what_parts_hide():
    losses = count()
    lossy = Lossy(MANY, lambda: next(losses) == 50, hides=is_hidden)
    with Wire(lossy) as wire:
        (window,) = read(wire, "inventory")
    assert stock([window]) == stock_of(MANY)
    assert window.tries == 2


def test_a_row_deleted_meanwhile_does_not_stand_for_one_that_parts_hide():
    """As many rows came as the server counts: one that it no longer has, and one is missing."""
    rows, losses = list(MANY), count()
    lossy = Lossy(rows, lambda: next(losses) == 50, hides=is_hidden)

    def delete(body: Row) -> None:
        if "productCodes" in body and len(rows) == 2_000:
            rows.remove(MANY[0])

    lossy.before_search = delete
    with Wire(lossy) as wire:
        (window,) = read(wire, "inventory")
    assert stock([window]) == stock_of(MANY[1:])


def test_items_that_come_while_the_parts_are_read_are_read_too():
    rows, losses = list(MANY), count()
    lossy = Lossy(rows, lambda: next(losses) == 50)

    def insert(body: Row) -> None:
        if body.get("warehouseCodes") == ["w7"] and len(rows) == 2_000:
            rows.append({**item(100, 0), "modified": NOW})

    lossy.before_search = insert
    with Wire(lossy) as wire:
        (window,) = read(wire, "inventory")
    assert stock([window]) == stock_of(rows)
    assert (window.total_hits, window.distinct_keys) == (2_001, 2_001)


def price(number: int, sku: int) -> Row:
    return {"productId": "p", "skuId": f"{sku:04}", "unitPrice": number, "modified": OLD}


def prices(windows: list[Verified]) -> list[tuple[str, int]]:
    return sorted(
        (row["sku_id"], int(row["unit_price"]))
        for window in windows
        for part in window.tables.finish().parts
        for table in part.tables()
        for row in table.to_pylist()
    )


def test_prices_have_no_id_and_are_read_by_product():
    rows = [price(number, number // 2) for number in range(2_000)]
    products = [{"id": f"{n}_no", "skuId": f"{n:04}"} for n in range(1_000)]
    with Wire(Lossy(rows, one_in(20), others={"Products/Scroll": products})) as wire:
        (window,) = read(wire, "prices")
    assert (window.total_hits, window.rows, window.distinct_keys) == (2_000, 2_000, 1_000)
    assert {sku for sku, _ in prices([window])} == {f"{n:04}" for n in range(1_000)}


def test_price_list_items_are_read_by_their_lists():
    rows = [{"id": f"i{n:04}", "priceListId": f"l{n // 100}"} for n in range(2_000)]
    lists = [{"id": f"l{n}", "modified": OLD} for n in range(20)]
    with Wire(Lossy(rows, one_in(20), others={"PriceLists/SearchPriceLists": lists})) as wire:
        (window,) = read(wire, "price_list_items")
    assert (window.total_hits, window.distinct_keys, window.written) == (2_000,) * 3
    assert len(asked_by(wire, "priceListIds")) >= 20


@pytest.fixture
def busy() -> Iterator[Sandbox]:
    with Sandbox(size="small", seed=4) as sandbox:
        sandbox.behaviour.batch = 5
        sandbox.faults.add(Fault("lost", path="Inventory/Scroll/", rate=0.05))
        yield sandbox


def test_a_load_over_a_connection_that_keeps_losing_answers_equals_the_tenant(busy: Sandbox, home: Home):
    settings = sandbox_settings(home, busy, resources=("inventory",), personal="include")
    report = load(settings, Silent())
    assert one(report, "inventory").status == "ok", one(report, "inventory").error
    assert unlike(settings, busy, ["inventory"]) == []
