"""What was proposed is kept, and held against what came of it. The tables that it is made of are written out here."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.models import Row, dbt, query

pytestmark = pytest.mark.slow  # many builds, one after the other

MODELS = ("run", "--select", "int_decision_events", "proposal_history+")
FIRST = date(2026, 3, 1)

TABLES = {
    "omnium._dlt_loads": "inserted_at timestamptz",
    "marts.replenishment": (
        "sku varchar, warehouse_code varchar, supplier_id varchar, lead_time_mean_days double,"
        " lead_time_sd_days double, daily_demand double, protection_days double, expected_demand double,"
        " demand_sd double, reorder_point double, position decimal(18, 4), block_reason varchar,"
        " service_level double, is_echelon boolean"
    ),
    "marts.purchase_proposal_line": (
        "sku varchar, warehouse_code varchar, supplier_id varchar, quantity decimal(18, 4), action varchar"
    ),
    "intermediate.int_echelon_places": "sku varchar, warehouse_code varchar, place_code varchar",
    "marts.fct_stock_and_demand_change": (
        "sku varchar, warehouse_code varchar, day date, run_days bigint, demand_quantity decimal(18, 4),"
        " transfer_out_quantity decimal(18, 4), in_stock_share decimal(18, 6), carried_share double,"
        " has_stock_record boolean"
    ),
    "marts.fct_purchase_order_line": (
        "purchase_order_id varchar, supplier_id varchar, sku varchar, warehouse_code varchar, order_date date,"
        " ordered_quantity decimal(18, 4), net_quantity decimal(18, 4), is_complete boolean, full_receipt_days integer"
    ),
    "staging.stg_purchase_orders": "purchase_order_id varchar, created_at timestamptz",
}


class Shop:
    """A warehouse whose upstream tables the test fills, day after day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "warehouse.duckdb"
        with duckdb.connect(str(self.database)) as connection:
            for table, columns in TABLES.items():
                connection.execute(f"create schema if not exists {table.partition('.')[0]}")
                connection.execute(f"create table {table} ({columns})")

    def put(self, table: str, *rows: Row) -> None:
        """Adds rows to a table."""
        with duckdb.connect(str(self.database)) as connection:
            for row in rows:
                names, marks = ", ".join(row), ", ".join("?" for _ in row)
                connection.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))

    def clear(self, *tables: str) -> None:
        """Empties tables."""
        with duckdb.connect(str(self.database)) as connection:
            for table in tables:
                connection.execute(f"delete from {table}")

    def proposes(self, day: date, *rows: Row, hour: int = 6) -> None:
        """A load of this day after which these rows of replenishment hold; `quantity` and `action` make the order."""
        self.put("omnium._dlt_loads", {"inserted_at": moment(day, hour)})
        self.clear("marts.replenishment", "marts.purchase_proposal_line")
        for given in rows:
            row = {**PLAIN, **given}
            quantity, action = row.pop("quantity"), row.pop("action")
            self.put("marts.replenishment", row)
            if quantity:
                names = ("sku", "warehouse_code", "supplier_id")
                line = {**{name: row[name] for name in names}, "quantity": quantity, "action": action}
                self.put("marts.purchase_proposal_line", line)

    def build(self, as_of: date | None = None, **variables: Any) -> None:
        """Runs the models."""
        given = {"as_of_date": as_of.isoformat()} if as_of else {}
        dbt(self.folder, *MODELS, variables={**given, **variables})

    def history(
        self, columns: str = "sku, proposal_date, reorder_point, proposed_quantity"
    ) -> list[tuple[Any, ...]]:
        """What is kept."""
        found = query(
            self.folder, f"select {columns} from snapshots.proposal_history order by recorded_at, sku"
        )
        return [tuple(row.values()) for row in found]


PLAIN: Row = {
    "sku": "a",
    "warehouse_code": "w",
    "supplier_id": "north",
    "lead_time_mean_days": 9.0,
    "lead_time_sd_days": 2.0,
    "daily_demand": 2.0,
    "protection_days": 10.0,
    "expected_demand": 20.0,
    "demand_sd": 5.0,
    "reorder_point": 29.0,
    "position": 50,
    "block_reason": None,
    "service_level": 0.95,
    "is_echelon": False,
    "quantity": 0,
    "action": "order",
}


def moment(day: date, hour: int = 6) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def after(days: int) -> date:
    return FIRST + timedelta(days=days)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_row_is_kept_for_each_change_and_only_then(shop: Shop) -> None:
    """The quantity, the reorder point or the supplier changes; the position alone does not count."""
    shop.proposes(after(0), {}, {"sku": "blocked", "block_reason": "discontinued"})
    shop.build(after(0))
    shop.proposes(after(1), {"position": 44})
    shop.build(after(1))
    shop.proposes(after(2), {"position": 28, "quantity": 40})
    shop.build(after(2))
    shop.proposes(after(3), {"position": 28, "quantity": 40, "supplier_id": "south"}, {"sku": "b"})
    shop.build(after(3))
    assert shop.history("sku, proposal_date, supplier_id, proposed_quantity, action") == [
        ("a", after(0), "north", 0, "none"),
        ("a", after(2), "north", 40, "order"),
        ("a", after(3), "south", 40, "order"),
        ("b", after(3), "north", 0, "none"),
    ]


def test_what_waits_for_the_minimum_is_not_proposed(shop: Shop) -> None:
    shop.proposes(after(0), {"quantity": 40, "action": "defer"})
    shop.build(after(0))
    assert shop.history("proposed_quantity, action") == [(0, "defer")]


def test_what_never_changes_is_kept_once_a_month_if_it_sells(shop: Shop) -> None:
    for days in (0, 29, 30):
        shop.proposes(after(days), {}, {"sku": "still", "expected_demand": 0.0, "reorder_point": 0.0})
        shop.build(after(days))
    assert shop.history("sku, proposal_date") == [("a", after(0)), ("still", after(0)), ("a", after(30))]


def test_building_a_load_again_replaces_its_rows_whatever_the_settings(shop: Shop) -> None:
    shop.proposes(after(0), {})
    shop.build(after(0))
    shop.proposes(after(1), {"reorder_point": 31.0})
    shop.build(after(1))
    shop.build(after(1))
    assert shop.history() == [("a", after(0), 29, 0), ("a", after(1), 31, 0)]
    # The same load with the settings of the day before: nothing changed after all.
    shop.put(
        "marts.replenishment", {name: PLAIN[name] for name in PLAIN if name not in ("quantity", "action")}
    )
    with duckdb.connect(str(shop.database)) as connection:
        connection.execute("delete from marts.replenishment where reorder_point = 31")
    shop.build(after(1))
    assert shop.history() == [("a", after(0), 29, 0)]


def test_a_later_load_of_the_same_day_adds_what_changed(shop: Shop) -> None:
    shop.proposes(after(0), {"quantity": 40}, hour=6)
    shop.build(after(0))
    shop.proposes(after(0), {"position": 90}, hour=15)
    shop.build(after(0))
    assert shop.history() == [("a", after(0), 29, 40), ("a", after(0), 29, 0)]
    # One row a day in the mart: the one that proposed something.
    assert query(shop.folder, "select proposal_date, proposed_quantity from marts.proposal_accuracy") == [
        {"proposal_date": after(0), "proposed_quantity": 40}
    ]


def test_a_replay_of_the_past_and_a_look_ahead_write_nothing(shop: Shop) -> None:
    shop.proposes(after(0), {})
    for days in (-1, 1):
        shop.build(after(days))
        assert shop.history() == []
    shop.build(after(0))
    shop.clear("marts.replenishment")
    shop.put(
        "marts.replenishment",
        {**{k: v for k, v in PLAIN.items() if k not in ("quantity", "action")}, "reorder_point": 5},
    )
    for days, rows in ((-40, 0), (400, 1)):
        shop.build(after(days))
        assert shop.history() == [("a", after(0), 29, 0)]
        assert query(shop.folder, "select count(*) as n from marts.proposal_accuracy") == [{"n": rows}]


def test_a_build_that_breaks_off_keeps_what_was_there(shop: Shop) -> None:
    """Rows of a load are taken back and written anew in one transaction."""
    shop.proposes(after(0), {})
    shop.build(after(0))
    with duckdb.connect(str(shop.database)) as connection:
        # A text that is no number, met when the rows are written: after the old ones were taken back.
        connection.execute("alter table marts.replenishment alter reorder_point type varchar")
        connection.execute("update marts.replenishment set reorder_point = 'broken'")
    with pytest.raises(AssertionError, match="broken"):
        shop.build(after(0))
    assert shop.history() == [("a", after(0), 29, 0)]


def test_a_full_refresh_leaves_it_alone(shop: Shop) -> None:
    shop.proposes(after(0), {})
    shop.build(after(0))
    shop.proposes(after(1), {"reorder_point": 31.0})
    dbt(shop.folder, *MODELS, "--full-refresh", variables={"as_of_date": after(1).isoformat()})
    assert shop.history() == [("a", after(0), 29, 0), ("a", after(1), 31, 0)]


def change(day: int, demand: float, run: int, share: float = 1, carried: float = 1, **fields: Any) -> Row:
    return {
        "sku": "a",
        "warehouse_code": "w",
        "day": after(day),
        "run_days": run,
        "demand_quantity": demand,
        "transfer_out_quantity": 0,
        "in_stock_share": share,
        "carried_share": carried,
        "has_stock_record": True,
    } | fields


def accuracy(shop: Shop, columns: str) -> list[tuple[Any, ...]]:
    found = query(shop.folder, f"select {columns} from marts.proposal_accuracy order by proposal_date, sku")
    return [tuple(row.values()) for row in found]


def test_the_forecast_is_held_against_the_days_after_the_proposal(shop: Shop) -> None:
    """Ten days from the 2nd to the 11th: 7 on the 4th and 15 + 2 on the 11th; neither the 1st nor the 12th counts."""
    shop.proposes(after(0), {})
    shop.build(after(0))
    shop.put(
        "marts.fct_stock_and_demand_change",
        change(-5, 3, 5),
        change(0, 9, 3),
        change(3, 7, 7),
        change(10, 15, 1, transfer_out_quantity=2),
        change(11, 50, 1),
    )
    columns = (
        "is_judged, horizon_days, forecast_demand, demand_quantity, in_stock_share, wanted_quantity,"
        " forecast_error, has_reorder_point_held"
    )
    shop.build(after(9))
    assert accuracy(shop, columns) == [(False, None, 20, None, None, None, None, None)]
    shop.build(after(11))
    assert accuracy(shop, columns) == [(True, 10, 20, 24, 1, 24, -4, True)]


SOLD_OUT: dict[str, tuple[tuple[Row, ...], tuple[Any, ...]]] = {
    "from noon of the 6th on: 20 in 4.5 of 10 days": (
        (change(-5, 0, 10), change(5, 20, 6, 0.5, 0)),
        (0.45, None, None),
    ),
    "from the 8th on: 28 in 6.5 of 10 days would have been 43": (
        (change(-5, 0, 12), change(7, 28, 4, 0.5, 0)),
        (0.65, 43.076923, False),
    ),
    "more than the reorder point, though it was out most of the time": (
        (change(-5, 0, 7), change(2, 30, 9, 0.5, 0)),
        (0.15, None, False),
    ),
    "never a row: nobody knows": ((), (0, None, None)),
    "empty at first, in stock from the 3rd on": (
        (change(-5, 0, 7, 0, 0), change(2, 3, 9, 1, 1)),
        (0.9, 3.333333, True),
    ),
}


def test_what_was_wanted_is_more_than_what_was_sold_out(shop: Shop) -> None:
    shop.proposes(after(0), *({"sku": case} for case in SOLD_OUT))
    shop.build(after(0))
    for case, (changes, _) in SOLD_OUT.items():
        shop.put("marts.fct_stock_and_demand_change", *({**row, "sku": case} for row in changes))
    shop.build(after(10))
    found = accuracy(shop, "sku, in_stock_share, wanted_quantity, has_reorder_point_held")
    assert {row[0]: row[1:] for row in found} == {
        case: pytest.approx(expected) for case, (_, expected) in SOLD_OUT.items()
    }


def test_a_warehouse_that_plans_for_others_is_judged_by_their_customers(shop: Shop) -> None:
    """12 here and 10 in the place that it supplies, in stock for five of ten days there: 22 seen, 32 wanted.

    What it sent there is not counted again; a warehouse that does not plan for those it supplies is judged by that.
    """
    shop.put(
        "intermediate.int_echelon_places",
        {"sku": "a", "warehouse_code": "w", "place_code": "v"},
        {"sku": "a", "warehouse_code": "w", "place_code": "never heard of"},
    )
    shop.proposes(after(0), {"is_echelon": True}, {"sku": "b"})
    shop.build(after(0))
    shop.put(
        "marts.fct_stock_and_demand_change",
        change(-5, 0, 10),
        change(5, 12, 9, transfer_out_quantity=100),
        change(-5, 0, 6, warehouse_code="v"),
        change(1, 10, 5, warehouse_code="v"),
        change(6, 0, 8, 0, 0, warehouse_code="v"),
        change(-5, 0, 10, sku="b"),
        change(5, 1, 9, sku="b", transfer_out_quantity=30),
    )
    shop.build(after(10))
    assert accuracy(
        shop, "sku, demand_quantity, in_stock_share, wanted_quantity, has_reorder_point_held"
    ) == [
        ("a", 22, 0.5, 32, False),
        ("b", 31, 1, 31, False),
    ]


def test_several_proposals_of_an_article_are_judged_each_by_its_own_time(shop: Shop) -> None:
    for days, point in ((0, 29.0), (3, 5.0), (4, 6.0)):
        shop.proposes(after(days), {"reorder_point": point}, {"sku": "b", "protection_days": 2.4})
        shop.build(after(days))
    shop.put(
        "marts.fct_stock_and_demand_change", change(-9, 0, 14), change(5, 6, 9), change(2, 4, 12, sku="b")
    )
    shop.build(after(13))
    assert accuracy(shop, "sku, proposal_date, horizon_days, demand_quantity, has_reorder_point_held") == [
        ("a", after(0), 10, 6, True),
        ("b", after(0), 2, 4, True),
        ("a", after(3), 10, 6, False),
        ("a", after(4), None, None, None),
    ]


def ordered(
    key: str, day: int, quantity: int, hour: int = 12, days: int | None = None, **fields: Any
) -> tuple[Row, Row]:
    line = {
        "purchase_order_id": key,
        "supplier_id": "north",
        "sku": "a",
        "warehouse_code": "w",
        "order_date": after(day),
        "ordered_quantity": quantity,
        "net_quantity": quantity,
        "is_complete": days is not None,
        "full_receipt_days": days,
    }
    return line | fields, {"purchase_order_id": key, "created_at": moment(after(day), hour)}


DECISIONS: dict[str, tuple[list[tuple[Row, Row]], str]] = {
    "nothing": ([], "ignored"),
    "as proposed": ([ordered("1", 0, 40)], "followed"),
    "on the last day": ([ordered("2", 7, 40)], "followed"),
    "a day too late": ([ordered("3", 8, 40)], "ignored"),
    "at five, before the load at six knew it": ([ordered("4", 0, 40, hour=5)], "ignored"),
    "less": ([ordered("5", 1, 24)], "changed"),
    "in two orders": ([ordered("6", 1, 24), ordered("7", 2, 16)], "followed"),
    "for another place": ([ordered("8", 1, 40, warehouse_code="v")], "ignored"),
    "from another supplier": ([ordered("9", 1, 40, supplier_id="south")], "followed"),
}


def test_what_the_purchaser_did(shop: Shop) -> None:
    shop.proposes(after(0), *({"sku": case, "quantity": 40} for case in DECISIONS))
    shop.build(after(0))
    for case, (orders, _) in DECISIONS.items():
        for line, order in orders:
            shop.put("marts.fct_purchase_order_line", {**line, "sku": case})
            shop.put("staging.stg_purchase_orders", order)
    shop.build(after(8))
    assert dict(accuracy(shop, "sku, decision")) == {
        case: decision for case, (_, decision) in DECISIONS.items()
    }
    shop.build(after(7))
    assert dict(accuracy(shop, "sku, decision"))["nothing"] == "open"


def test_what_was_decided_in_the_dashboard(shop: Shop) -> None:
    """Decided two days after the proposal that was kept, and once more; ordered; put off; taken back; not yet then."""
    shop.proposes(after(0), *({"sku": sku, "quantity": 40} for sku in ("a", "b", "c", "d", "e")))
    shop.build(after(0))
    assert accuracy(shop, "sku, purchaser_decision") == [(sku, None) for sku in "abcde"]
    with duckdb.connect(str(shop.database)) as connection:
        connection.execute(
            """
            create table omnium._omnium_decisions (
                number bigint, what varchar, sku varchar, warehouse_code varchar, proposal_date date,
                proposed_quantity decimal(18, 4), quantity decimal(18, 4), is_ticked boolean, snoozed_until date,
                decided_at timestamptz
            )
            """
        )
    for number, (sku, what, day, quantity, snoozed_until) in enumerate(
        [
            ("a", "decided", 2, 30, None),
            ("b", "ordered", 0, 40, None),
            ("c", "decided", 1, None, after(9)),
            ("d", "decided", 1, 12, None),
            ("a", "ordered", 2, 25, None),
            ("d", "cleared", 1, None, None),
            ("e", "decided", 6, None, None),
        ],
        1,
    ):
        row = {
            "number": number,
            "what": what,
            "sku": sku,
            "warehouse_code": "w",
            "proposal_date": after(day),
            "proposed_quantity": 40,
            "quantity": quantity,
            "is_ticked": snoozed_until is None,
            "snoozed_until": snoozed_until,
            "decided_at": moment(after(day), 12),
        }
        shop.put("omnium._omnium_decisions", row)
    shop.build(after(4))
    assert accuracy(shop, "sku, purchaser_decision, decided_quantity") == [
        ("a", "ordered otherwise", 25),
        ("b", "ordered as proposed", 40),
        ("c", "put off", None),
        ("d", None, None),
        ("e", None, None),
    ]
    shop.build(after(8))
    assert accuracy(shop, "sku, purchaser_decision, decided_quantity")[-1] == ("e", "chosen", 40)


def test_a_newer_proposal_takes_the_place_of_an_older_one(shop: Shop) -> None:
    """40, then 50, then an order of 50, after which nothing is proposed, and one that nobody asked for."""
    for days, quantity in ((0, 40), (2, 50), (4, 0)):
        shop.proposes(after(days), {"quantity": quantity})
        shop.build(after(days))
    for line, order in (ordered("1", 3, 50), ordered("2", 6, 5)):
        shop.put("marts.fct_purchase_order_line", line)
        shop.put("staging.stg_purchase_orders", order)
    shop.build(after(20))
    assert accuracy(shop, "proposal_date, proposed_quantity, ordered_quantity, decision") == [
        (after(0), 40, 0, "superseded"),
        (after(2), 50, 50, "followed"),
        (after(4), 0, 5, "unasked"),
    ]


def test_arrivals_are_held_against_what_we_said(shop: Shop) -> None:
    """Ordered on the 2nd, expected after 9 days on the 11th, nine of ten by the 13th (9 + 1.28 · 2 days)."""
    took = {"9 days": 9, "12 days": 12, "13 days": 13, "not yet": None}
    shop.proposes(after(0), *({"sku": sku, "quantity": 40} for sku in took))
    shop.build(after(0))
    for sku, days in took.items():
        line, order = ordered(sku, 1, 40, days=days)
        shop.put("marts.fct_purchase_order_line", {**line, "sku": sku})
        shop.put("staging.stg_purchase_orders", order)
    shop.build(after(14))
    columns = "sku, expected_arrival_date, latest_arrival_date, arrival_date, days_late, has_arrived_in_time"
    assert {row[0]: row[1:] for row in accuracy(shop, columns)} == {
        "9 days": (after(10), after(13), after(10), 0, True),
        "12 days": (after(10), after(13), after(13), 3, True),
        "13 days": (after(10), after(13), after(14), 4, False),
        "not yet": (after(10), after(13), None, None, False),
    }
    shop.build(after(13))
    assert dict(accuracy(shop, "sku, has_arrived_in_time"))["not yet"] is None


ANSWERS: dict[str, tuple[list[tuple[Row, Row]], tuple[Any, ...]]] = {
    "two rows of one order, the second later": (
        [ordered("1", 1, 24, days=9), ordered("1", 1, 16, days=12)],
        (after(1), after(13), True),
    ),
    "two rows, one not there": ([ordered("2", 1, 24, days=9), ordered("2", 1, 16)], (after(1), None, False)),
    "the rest was cancelled": (
        [ordered("3", 1, 24, days=9), ordered("3", 1, 16, net_quantity=0)],
        (after(1), after(10), True),
    ),
    "the second of two orders came first": (
        [ordered("5", 1, 24), ordered("4", 2, 16, days=3)],
        (after(1), None, False),
    ),
    "cancelled altogether, then ordered again": (
        [ordered("6", 1, 40, net_quantity=0), ordered("7", 3, 40, days=9)],
        (after(3), after(12), True),
    ),
    "another supplier was quicker": (
        [ordered("8", 1, 24, days=1, supplier_id="south"), ordered("9", 2, 16, days=11)],
        (after(2), after(13), True),
    ),
}


def test_the_first_order_that_is_awaited_is_held_against_what_we_said(shop: Shop) -> None:
    """It is there when all of its rows are, less what was cancelled."""
    shop.proposes(after(0), *({"sku": case, "quantity": 40} for case in ANSWERS))
    shop.build(after(0))
    for case, (orders, _) in ANSWERS.items():
        for line, _ in orders:
            shop.put("marts.fct_purchase_order_line", {**line, "sku": case})
        shop.put(
            "staging.stg_purchase_orders",
            *{order["purchase_order_id"]: order for _, order in orders}.values(),
        )
    shop.build(after(14))
    found = accuracy(shop, "sku, order_date, arrival_date, has_arrived_in_time")
    assert {row[0]: row[1:] for row in found} == {case: expected for case, (_, expected) in ANSWERS.items()}


def test_of_several_loads_of_a_day_the_one_that_was_ordered_of_counts(shop: Shop) -> None:
    """40 were ordered at eight of what was proposed at six; of the 12 of noon, and the 9 of three o'clock, nothing."""
    for hour, quantity in ((6, 40), (12, 12), (15, 9)):
        shop.proposes(after(0), {"quantity": quantity}, {"sku": "b", "quantity": quantity}, hour=hour)
        shop.build(after(0))
    line, order = ordered("1", 0, 40, hour=8)
    shop.put("marts.fct_purchase_order_line", line)
    shop.put("staging.stg_purchase_orders", order)
    shop.build(after(9))
    assert accuracy(shop, "sku, proposed_quantity, ordered_quantity, decision") == [
        ("a", 40, 40, "followed"),
        ("b", 9, 0, "ignored"),
    ]


def test_a_month_in_one_row(shop: Shop) -> None:
    """Four articles of March: one held with 24 wanted of 20, one did not with 40 of 20, two are not known."""
    names = ("a", "b", "c", "d")
    shop.proposes(after(0), *({"sku": sku, "quantity": 40 if sku < "d" else 0} for sku in names))
    shop.build(after(0))
    shop.put(
        "marts.fct_stock_and_demand_change",
        change(-1, 0, 6),
        change(5, 24, 40),
        change(-1, 0, 6, sku="b"),
        change(5, 40, 40, sku="b"),
    )
    for line, order in (ordered("1", 1, 40, days=11), ordered("2", 1, 30, days=20, sku="b")):
        shop.put("marts.fct_purchase_order_line", line)
        shop.put("staging.stg_purchase_orders", order)
    shop.proposes(after(40), {})
    shop.build(after(40))
    found = query(shop.folder, "select * from marts.proposal_accuracy_monthly order by month")
    assert found[0] == {
        "month": date(2026, 3, 1),
        "proposals": 4,
        "judged": 4,
        "reorder_points_judged": 2,
        "reorder_point_held_share": 0.5,
        "service_level": 0.95,
        "forecast_demand": 40,
        "wanted_quantity": 64,
        "forecast_bias": -0.375,
        "forecast_error_share": 0.375,
        "decided": 3,
        "followed_share": pytest.approx(1 / 3, abs=1e-6),
        "changed_share": pytest.approx(1 / 3, abs=1e-6),
        "ignored_share": pytest.approx(1 / 3, abs=1e-6),
        "unasked": 0,
        "arrivals_judged": 2,
        "arrived_in_time_share": 0.5,
        "mean_days_late": 6.5,
    }
    assert [(row["month"], row["proposals"], row["judged"]) for row in found[1:]] == [
        (date(2026, 4, 1), 1, 0)
    ]
