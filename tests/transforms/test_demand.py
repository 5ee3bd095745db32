"""Demand from raw rows: days on which clocks are set back, empty shelves, new places and articles, one-off orders."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.models import Row, dbt, query, write_raw

TODAY = date(2026, 10, 31)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
BUILD = ("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
WANTED = ("--select", "+demand_profile", "+demand_forecast", "+fct_stock_daily")


def sold(sku: str, day: date, quantity: float, store: str) -> Row:
    """An order of one line."""
    return {
        "id": f"{sku}/{store}/{day}",
        "orderType": "Online",
        "status": "Completed",
        "storeId": store,
        "created": datetime(day.year, day.month, day.day, 12, tzinfo=UTC).isoformat(),
        "orderForm": {"lineItems": [{"lineItemId": "1", "code": sku, "quantity": quantity}]},
    }


def moved(sku: str, store: str, instant: str, change: float, stock: float, reserved: float = 0) -> Row:
    """An inventory transaction; ids run against time."""
    return {
        "id": f"{9999 - int(datetime.fromisoformat(instant).timestamp() / 60) % 9999}/{sku}/{store}",
        "transactionDate": instant,
        "variant": sku,
        "warehouseCode": store,
        "inventoryChange": change,
        "newInventory": stock,
        "reservedInventoryChange": 0,
        "newReservedInventory": reserved,
    }


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def at(day: date, hour: int = 6) -> str:
    return f"{day}T{hour:02d}:00:00+00:00"


def tenant() -> dict[str, list[Row]]:
    orders: list[Row] = []
    moves: list[Row] = []
    # Clocks are set back at 01:00Z on 25 October: 02:45 comes before 02:15 of the second hour.
    moves += [
        moved("back", "shop", "2026-10-01T06:00:00+00:00", 10, 10),
        moved("back", "shop", "2026-10-25T00:45:00+00:00", -5, 5),
        moved("back", "shop", "2026-10-25T01:15:00+00:00", -5, 0),
        # ... and set forward on 29 March: that day has 23 hours.
        moved("forward", "shop", "2026-03-28T23:00:00+00:00", 10, 10),
        moved("forward", "shop", "2026-03-29T04:45:00+00:00", -10, 0),
    ]
    # One a day for 90 days; on the first 30 the shelf was empty, and customers ordered all the same.
    moves.append(moved("empty", "shop", at(days_ago(100)), 0, 0))
    moves.append(moved("empty", "shop", "2026-09-01T22:00:00+00:00", 500, 500))
    orders += [sold("empty", days_ago(number), 1, "shop") for number in range(90)]
    # The web shop sells 20 of a SKU a day, and of its category 100; a store a tenth of the category.
    for number in range(120):
        day = days_ago(119 - number)
        orders += [
            sold("wide", day, 20, "web"),
            sold("other", day, 80, "web"),
            sold("other", day, 10, "store"),
        ]
        orders.append(sold("alone", day, 20, "web"))
    # The store has had the SKU for 13 days and sold one; the new store has it in its inventory, and nothing else.
    moves += [
        moved("wide", "store", at(days_ago(13)), 30, 30),
        moved("wide", "store", at(days_ago(6)), -1, 29),
    ]
    orders.append(sold("wide", days_ago(6), 1, "store"))
    # A project bought 500 of what sells one every other day.
    for number in range(0, 120, 2):
        orders.append(sold("project", days_ago(119 - number), 500 if number == 100 else 1, "shop"))
    # Two a day in the web shop and one in the store. 90 are planned for three days in a week; of the last campaign
    # nobody planned anything, and it sold 13 a day on four days.
    for number in range(200):
        day = days_ago(199 - number)
        promoted = 150 <= number < 154
        orders.append(sold("promoted", day, 10 if promoted else 2, "web"))
        orders.append(sold("promoted", day, 3 if promoted else 1, "store"))
        orders.append(sold("neighbour", day, 2, "web"))
        # Seven a week in a shop that is closed on Sundays, and was closed for two weeks.
        if day.weekday() != 6 and not 20 <= 199 - number < 34:
            orders.append(sold("closed", day, 7 / 6, "shop"))
    # What has not sold for long: two a year, and one a day until 60 days ago.
    orders += [sold("seldom", days_ago(days), 1, "shop") for days in (700, 520, 330, 150)]
    orders += [sold("ended", days_ago(days), 1, "shop") for days in range(60, 200)]
    return {
        "orders": orders,
        "inventory_transactions": moves,
        "products": [
            {"id": sku, "productId": sku, "skuId": sku, "mainCategoryId": category}
            for sku, category in {
                "wide": "lamps", "other": "lamps", "alone": "chairs", "back": "tools", "empty": "tools",
                "project": "tools", "seldom": "tools", "ended": "tools", "never": "tools", "closed": "plants",
                "promoted": "plants", "neighbour": "plants",
            }.items()
        ],
        "inventory": [
            {"sku": sku, "warehouseCode": store, "inventory": on_hand, "created": created}
            for sku, store, on_hand, created in [
                ("wide", "store", 29, at(days_ago(13))),
                ("wide", "new store", 5, at(days_ago(2))),
                ("other", "new store", 40, at(days_ago(300))),
                # never sold anywhere: one is new, the other has lain there for a year, a third only has a row
                ("never", "shop", 3, at(days_ago(3))),
                ("never", "web", 3, at(days_ago(365))),
                ("alone", "shop", 0, at(days_ago(365))),
            ]
        ],
        "stores": [{"id": name, "name": name} for name in ("web", "store", "new store")] + [
            {
                "id": "shop", "name": "shop",
                **{f"{day}OpeningHours": {"isOpen": True} for day in WEEKDAYS},
                "sundayOpeningHours": {"isOpen": False},
                "additionalOpeningHours": [
                    {"date": f"{days_ago(days)}T00:00:00Z", "closed": True} for days in (*range(20, 34), -3, -4)
                ] + [{"date": f"{days_ago(-5)}T00:00:00Z", "closed": False, "label": "until 23"}],
            }
        ],
        "promotions": [
            {"id": "autumn", "name": "Autumn", "activeFrom": at(days_ago(49), 0), "activeTo": at(days_ago(46), 20),
             "deactivated": False, "createdDate": at(days_ago(60)),
             "promotionData": {"categoryAndBrandFilter": {"products": [{"productId": "promoted", "isSku": True}]}}},
        ],
        "price_lists": [
            {"id": "week", "name": "Week", "isActive": True, "promotionId": "next", "validFrom": at(days_ago(-7), 0),
             "validTo": at(days_ago(-9), 20), "created": at(days_ago(5))},
        ],
        "price_list_items": [
            {"id": "1", "priceListId": "week", "skuId": "promoted", "plannedSalesVolume": 90,
             "created": at(days_ago(5))},
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demand")
    write_raw(folder, tenant(), at(TODAY, 20))
    dbt(folder, *BUILD, *WANTED, variables={"time_zone": "Europe/Oslo"})
    return folder


def profile(folder: Path, sku: str, store: str) -> Row:
    return query(
        folder, "select * from marts.demand_profile where sku = ? and warehouse_code = ?", sku, store
    )[0]


def stock(folder: Path, sku: str, day: date) -> tuple[Any, Any]:
    row = query(folder, "select * from marts.fct_stock_daily where sku = ? and day = ?", sku, day)[0]
    return row["closing_quantity"], row["in_stock_share"]


def test_transactions_are_ordered_by_instant_when_clocks_are_set_back(folder: Path) -> None:
    # In stock until 01:15Z, of a day that began at 22:00Z and has 25 hours.
    assert stock(folder, "back", date(2026, 10, 25)) == (0, pytest.approx(3.25 / 25))
    assert stock(folder, "back", date(2026, 10, 26)) == (0, 0)


def test_stock_that_rises_and_falls_in_one_instant(tmp_path: Path) -> None:
    """The last one is the one whose stock no other found: by sign or id nobody could tell."""
    instants = {
        # received 48 and sold 1 of them: 152 are left, and not 153
        "received": [(100, 105), (48, 153), (-1, 152)],
        # the other way round
        "sold": [(100, 105), (-1, 104), (48, 152)],
        # something else was written beside it, and changed nothing
        "kept": [(100, 105), (0, 105), (-1, 104)],
        # sold, returned, and sold again
        "returned": [(100, 105), (-5, 100), (5, 105), (-1, 104)],
        # put on another shelf: nothing changes, whichever was written first
        "up and down": [(100, 105), (5, 110), (-5, 105)],
        "down and up": [(100, 105), (-5, 100), (5, 105)],
        # the first thing ever: what was there before is what no other left
        "first": [(-7, 3), (4, 7)],
        "first too": [(4, 14), (-7, 7)],
    }
    moves = []
    for sku, changes in instants.items():
        for number, (change, left) in enumerate(changes):
            is_before = number == 0 and not sku.startswith("first")
            instant = "2026-10-01T12:00:00+00:00" if is_before else "2026-10-02T12:00:00+00:00"
            moves.append(moved(sku, "shop", instant, change, left) | {"id": f"{sku}/{9 - number}"})
    # a unit that is reserved and given free at once: 1 stays free
    moves += [
        moved("reserved", "shop", "2026-10-01T12:00:00+00:00", 1, 1),
        moved("reserved", "shop", "2026-10-02T12:00:00+00:00", 0, 1, 1)
        | {"id": "1", "reservedInventoryChange": 1},
        moved("reserved", "shop", "2026-10-02T12:00:00+00:00", 0, 1, 0)
        | {"id": "0", "reservedInventoryChange": -1},
    ]
    write_raw(tmp_path, {"inventory_transactions": moves}, "2026-10-03T20:00:00+00:00")
    dbt(tmp_path, *BUILD, "--select", "+fct_stock_daily")
    found = query(tmp_path, "select * from marts.fct_stock_daily where day >= '2026-10-02' order by sku, day")
    assert [tuple(row.values()) for row in found] == [
        (sku, "shop", date(2026, 10, day), left, share if day == 2 else 1)
        for sku, left, share in (
            ("down and up", 105, 1),
            ("first", 7, 1),
            ("first too", 7, 1),
            ("kept", 104, 1),
            ("received", 152, 1),
            ("reserved", 1, 1),
            ("returned", 104, 1),
            ("sold", 152, 1),
            ("up and down", 105, 1),
        )
        for day in (2, 3)
    ]
    opening = query(
        tmp_path,
        "select sku, opening_quantity from intermediate.int_stock_change_days where sku like 'first%' order by sku",
    )
    assert opening == [{"sku": "first", "opening_quantity": 10}, {"sku": "first too", "opening_quantity": 10}]


def test_a_day_has_23_hours_when_clocks_are_set_forward(folder: Path) -> None:
    assert stock(folder, "forward", date(2026, 3, 29)) == (0, pytest.approx(5.75 / 23))


def test_what_a_closed_store_does_not_sell_has_not_ended(tmp_path: Path) -> None:
    """As of the last day of two weeks' holidays: sold every day before, as in a store that sold until yesterday."""
    sales = {"holidays": range(14, 200), "open": range(200)}
    orders = [sold("lamp", days_ago(age), 10, store) for store, ages in sales.items() for age in ages]
    closed = [{"date": f"{days_ago(age)}T00:00:00Z", "closed": True} for age in range(14)]
    stores = [{"id": "holidays", "additionalOpeningHours": closed}, {"id": "open"}]
    write_raw(tmp_path, {"orders": orders, "stores": stores}, at(TODAY, 20))
    dbt(tmp_path, *BUILD, "--select", "+int_demand_estimates")
    found = query(
        tmp_path, "select warehouse_code, daily_demand from intermediate.int_demand_estimates order by 1"
    )
    assert found == [
        {"warehouse_code": store, "daily_demand": pytest.approx(10, rel=0.005)}
        for store in ("holidays", "open")
    ]


def test_a_store_that_opens_on_a_sunday_sells_on_it(tmp_path: Path) -> None:
    """Of two that are closed on Sundays one opens on the next; of the Sunday after that it is said that it does not."""
    week = {f"{day}OpeningHours": {"isOpen": day in WEEKDAYS} for day in (*WEEKDAYS, "sunday")}
    sundays = [
        TODAY + timedelta(days=days) for days in range(1, 22) if (TODAY + timedelta(days)).weekday() == 6
    ]
    hours = {"isOpen": True, "openFrom": "12:00", "openTo": "18:00"}
    special = [
        {"date": f"{sundays[0]}T00:00:00Z", "closed": False, "openingHours": hours},
        {"date": f"{sundays[1]}T00:00:00Z", "closed": False, "openingHours": {"isOpen": False}},
        {"date": f"{sundays[1]}T00:00:00Z", "closed": False, "openingHours": hours},
        {"date": f"{sundays[2]}T00:00:00Z", "label": "nothing is said"},
    ]
    stores = [{"id": "open", **week, "additionalOpeningHours": special}, {"id": "closed", **week}]
    orders = [
        sold("lamp", days_ago(age), 6, store["id"])
        for store in stores
        for age in range(200)
        if days_ago(age).weekday() != 6
    ]
    write_raw(tmp_path, {"orders": orders, "stores": stores}, at(TODAY, 20))
    dbt(tmp_path, *BUILD, "--select", "+int_demand_weekdays", variables={"time_zone": "Europe/Oslo"})
    found = query(
        tmp_path,
        """
        select warehouse_code, next_weekday_days - weekday_days as factor
        from intermediate.int_demand_weekdays
        where ahead_days + 1 in (select unnest($1)) order by 1, ahead_days
        """,
        [(day - TODAY).days for day in sundays],
    )
    assert [(row["warehouse_code"], row["factor"]) for row in found] == [
        *(("closed", 0) for _ in sundays),
        ("open", pytest.approx(7 / 6)),
        ("open", 0),
        ("open", 0),
    ]
    weeks = query(
        tmp_path,
        "select warehouse_code, weekday_days from intermediate.int_demand_weekdays where ahead_days = 21 order by 1",
    )
    assert [row["weekday_days"] for row in weeks] == [pytest.approx(21), pytest.approx(21 + 7 / 6)]


@pytest.mark.slow
def test_the_newest_day_counts_from_its_noon_on(tmp_path: Path) -> None:
    """A load of the night finds nothing sold of its own day yet, which is no day without demand."""
    before_midnight = "2026-10-30T23:30:00+00:00"  # half past midnight in Oslo
    orders = [sold(sku, days_ago(days), 10, sku) for days in range(1, 200) for sku in ("daily", "closed")]
    orders.append(sold("first", TODAY, 5, "daily") | {"created": before_midnight})
    closed = {"date": f"{TODAY}T00:00:00Z", "closed": True}
    stores = [{"id": "daily"}, {"id": "closed", "additionalOpeningHours": [closed]}]
    write_raw(tmp_path, {"orders": orders, "stores": stores}, before_midnight)

    def daily_demand(**variables: str) -> dict[str, float]:
        chosen = ("--select", "+int_demand_estimates")
        dbt(tmp_path, *BUILD, *chosen, variables={"time_zone": "Europe/Oslo", **variables})
        rows = query(tmp_path, "select as_of_day, sku, daily_demand from intermediate.int_demand_estimates")
        assert {row["as_of_day"] for row in rows} == {TODAY}
        return {row["sku"]: row["daily_demand"] for row in rows}

    night = daily_demand()
    assert night.keys() == {"daily", "closed", "first"}
    assert (night["daily"], night["closed"]) == (pytest.approx(10, rel=0.001), pytest.approx(10, rel=0.001))
    asked_for = daily_demand(as_of_date=str(TODAY))
    assert asked_for["closed"] == pytest.approx(10, rel=0.001)
    assert asked_for["daily"] == pytest.approx(9.533, abs=0.001)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("update omnium._dlt_loads set inserted_at = '2026-10-31T11:05:00+00:00'")
    assert daily_demand() == pytest.approx(asked_for)


def test_a_day_with_demand_for_an_empty_shelf_was_observed(folder: Path) -> None:
    row = profile(folder, "empty", "shop")
    assert (row["daily_demand_in_stock"], row["in_stock_days"]) == (1, 90)
    assert row["daily_demand"] == pytest.approx(1, rel=0.03)


def test_a_new_article_in_a_store_is_scaled_not_copied(folder: Path) -> None:
    # A tenth of the category is sold there: two a day are expected, 14 days' worth; it sold one in 13 days.
    row = profile(folder, "wide", "store")
    assert 0.3 < row["daily_demand"] < 1.3
    assert (row["is_low_evidence"], row["evidence"]) == (True, "scaled from other warehouses")


def test_a_store_that_sells_nothing_of_the_category_expects_little(folder: Path) -> None:
    row = profile(folder, "wide", "new store")
    assert 0 <= row["daily_demand"] < 0.5
    assert row["is_low_evidence"]


def test_what_never_sold_is_expected_to_sell_only_when_new(folder: Path) -> None:
    new, old = profile(folder, "never", "shop"), profile(folder, "never", "web")
    assert (new["evidence"], old["evidence"]) == ("scaled from category", "none")
    assert 0 < new["daily_demand"] < 2
    assert old["daily_demand"] == 0


def test_a_row_of_inventory_alone_is_no_offer(folder: Path) -> None:
    assert profile(folder, "alone", "shop")["daily_demand"] == 0


def test_a_one_off_order_is_told_and_does_not_move_the_level(folder: Path) -> None:
    row = profile(folder, "project", "shop")
    assert row["last_one_off_date"] == days_ago(19)
    assert 450 < row["one_off_quantity"] < 500
    assert 0.4 < row["daily_demand"] < 1.2
    assert row["daily_demand_naive"] > 5


def test_what_sells_seldom_is_not_forgotten_and_what_ended_is(folder: Path) -> None:
    # Unsold for 150 days, with a sale every half year; unsold for 60, with a sale every day.
    assert 0.003 < profile(folder, "seldom", "shop")["daily_demand"] < 0.02
    assert profile(folder, "ended", "shop")["daily_demand"] < 0.03


def forecast(folder: Path, sku: str, store: str) -> list[tuple[int, float]]:
    """Expected units of the first two weeks."""
    rows = query(
        folder,
        "select week, week_demand from marts.demand_forecast"
        " where sku = ? and warehouse_code = ? and week <= 2 order by week",
        sku,
        store,
    )
    return [(row["week"], row["week_demand"]) for row in rows]


def test_a_promotion_to_come_is_forecast_and_one_that_is_over_is_no_level(folder: Path) -> None:
    """Of the 90 planned, 60 are the web shop's, which sells two of three, six of them on ordinary days."""
    web, store = profile(folder, "promoted", "web"), profile(folder, "promoted", "store")
    # The autumn campaign would have lifted the rates by a tenth.
    assert web["daily_demand"] == pytest.approx(2, rel=0.06)
    assert store["daily_demand"] == pytest.approx(1, rel=0.06)
    assert web["promotion_demand"] == pytest.approx(60 - 3 * web["daily_demand"], rel=0.03)
    assert web["promotion_demand"] + store["promotion_demand"] == pytest.approx(
        90 - 3 * (web["daily_demand"] + store["daily_demand"]), rel=1e-6
    )
    assert web["season_factor"] == pytest.approx(1, abs=0.05)
    # It begins on the seventh day from now: 30 of 90 fall into the first week.
    (_, first), (_, second) = forecast(folder, "promoted", "web")
    assert first == pytest.approx(6 * 2 + 20, rel=0.05)
    assert second == pytest.approx(5 * 2 + 40, rel=0.05)
    assert profile(folder, "neighbour", "web")["promotion_demand"] == 0


def test_nobody_buys_on_days_on_which_a_store_is_closed(folder: Path) -> None:
    """Two weeks of refit are no weeks without demand; of the week to come two days are closed beside the Sunday."""
    row = profile(folder, "closed", "shop")
    assert row["daily_demand"] == pytest.approx(1, rel=0.08)
    (_, first), (_, second) = forecast(folder, "closed", "shop")
    assert first == pytest.approx(4 * 7 / 6, rel=0.1)
    assert second == pytest.approx(7, rel=0.1)
