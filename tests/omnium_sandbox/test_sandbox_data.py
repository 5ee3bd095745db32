"""The sandbox's data: they hang together as a retailer's do, and agree with what the generator knows."""

import math
import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy
import pytest
from numpy.typing import NDArray
from omnium_sandbox.data import generate
from omnium_sandbox.data.catalogue import VIRTUAL_CODE, day_distribution
from omnium_sandbox.data.showcase import (
    LOST_ORDER,
    MISPLACED,
    NEW,
    OVERSTOCKED,
    PROJECT,
    PROMOTED,
    SEASONAL,
)
from omnium_sandbox.tenant import Tenant
from omnium_sandbox.truth import (
    DayDistribution,
    DemandStream,
    DemandTruth,
    OpeningDays,
    RateCurve,
    Season,
)

TODAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def small() -> Tenant:
    return generate("small", 1, TODAY)


@pytest.fixture(scope="module")
def medium() -> Tenant:
    return generate("medium", 1, TODAY)


def day_of(text: str) -> date:
    return date.fromisoformat(text[:10])


def bodies(tenant: Tenant) -> dict[str, list[bytes]]:
    return {name: list(collection.bodies()) for name, collection in tenant.collections.items()}


# The truth's own arithmetic


def test_day_distribution_figures() -> None:
    days = DayDistribution(numpy.array([0, 0.25, 0.5, 0.25]))
    assert (days.mean_days, days.sd_days) == (2.0, pytest.approx(0.7071068))
    assert [days.quantile(share) for share in (0.25, 0.5, 0.75, 0.9)] == [1, 2, 2, 3]


def test_rounded_log_normal_keeps_its_mean_and_spread() -> None:
    days = day_distribution(30, 0.3, 160)
    assert days.probability.sum() == pytest.approx(1)
    assert days.mean_days == pytest.approx(30, rel=0.01)
    assert days.sd_days == pytest.approx(9, rel=0.02)


def days(first: int, last: int) -> NDArray[numpy.float64]:
    return numpy.arange(first, last + 1, dtype=float)


def test_rate_curve_begins_and_ends() -> None:
    curve = RateCurve(2.0, first_day=1, last_day=2)
    assert curve.on(days(0, 3)).tolist() == [0.0, 2.0, 2.0, 0.0]


def test_rate_curve_has_a_week_closed_days_and_promotions() -> None:
    """Day 0 is a Wednesday; on Sundays nobody comes, nor on day 8; from day 7 to 8 three times as many."""
    opening = OpeningDays((0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0), first_weekday=2, closed_days=frozenset({8}))
    curve = RateCurve(10.0, opening=opening, promotions=((7, 8, 3.0),))
    assert curve.on(days(0, 9)).tolist() == [10, 10, 15, 20, 0, 5, 10, 30, 0, 15]
    assert curve.level(days(0, 9)).tolist() == [10.0] * 10


def test_rate_curve_grows_towards_its_base() -> None:
    curve = RateCurve(4.0, growth=math.log(2), growth_from_day=365.25)
    assert curve.level(numpy.array([0.0, 365.25, 730.5])) == pytest.approx([2, 4, 8])


@pytest.mark.parametrize("season", [Season(0.6, 100.0), Season(2.0, 100.0, 16.0)])
def test_a_season_is_one_on_average_and_highest_at_its_peak(season: Season) -> None:
    year = season.on(numpy.linspace(0, 365.25, 100_000, endpoint=False))
    assert year.mean() == pytest.approx(1, abs=1e-4)
    assert season.on(numpy.array([100.0, 465.25])) == pytest.approx([year.max()] * 2, abs=1e-4)


def test_truth_of_a_day_of_a_season_and_of_an_article_that_began() -> None:
    first, last = date(2026, 1, 1), date(2026, 4, 10)
    season = Season(0.5, 99.0 + 365.25 / 2)
    streams = (
        DemandStream(RateCurve(3.0, season), (1, 1, 4)),
        DemandStream(RateCurve(1.0, first_day=70), (1,)),
    )
    truth = DemandTruth("a", "w", "seasonal", streams, first, last)
    # At the bottom today: 3 · 0.5 + 1; at the top in half a year: 3 · 1.5 + 1.
    assert truth.daily_demand == pytest.approx(2.5)
    peak = last + timedelta(days=183)
    assert truth.season_factor(peak, peak) == pytest.approx(5.5 / 2.5, abs=1e-3)
    assert truth.mean_rate(last, last) == pytest.approx(2.5)
    assert (truth.begins, truth.is_new) == (first, False)
    late = DemandTruth("b", "w", "intermittent", streams[1:], first, last)
    assert (late.begins, late.is_new) == (date(2026, 3, 12), True)


def test_drawn_demand_has_the_mean_and_spread_of_compound_poisson() -> None:
    """Two lines a day of 1, 1 or 4 units: mean 4 a day, variance 2 · (1 + 1 + 16) / 3 = 12 a day."""
    truth = DemandTruth(
        "a", "w", "lumpy", (DemandStream(RateCurve(4.0), (1, 1, 4)),), TODAY, TODAY + timedelta(days=9)
    )
    drawn = truth.draw(TODAY, TODAY + timedelta(days=9), 200_000, numpy.random.default_rng(1))
    assert drawn.mean() == pytest.approx(40, rel=0.005)
    assert drawn.var() == pytest.approx(120, rel=0.02)


# Sizes and determinism


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second, other = (bodies(generate("small", seed, TODAY)) for seed in (7, 7, 8))
    assert first == second
    assert first["orders"] != other["orders"]


def test_another_day_shifts_the_same_tenant(small: Tenant) -> None:
    later = generate("small", 1, TODAY + timedelta(days=1))
    for name in ("suppliers", "products", "inventory"):
        assert later.collections[name].keys() == small.collections[name].keys()
    assert [(truth.kind, truth.configured_days) for truth in later.truth.lead_times.values()] == [
        (truth.kind, truth.configured_days) for truth in small.truth.lead_times.values()
    ]


def test_small_is_made_at_once() -> None:
    started = time.thread_time()
    generate("small", 3, TODAY)
    assert time.thread_time() - started < 2


def test_sizes(small: Tenant, medium: Tenant) -> None:
    assert 240 <= small.count("orders") <= 360
    assert 100 <= small.count("purchase_orders") <= 180
    assert 9_000 <= medium.count("orders") <= 11_500
    assert 1_400 <= medium.count("products") <= 2_000
    assert 2_700 <= medium.count("purchase_orders") <= 3_500


def test_history_ends_some_hours_before_today(medium: Tenant) -> None:
    end = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)
    for name in ("orders", "purchase_orders", "inventory", "inventory_transactions", "products", "suppliers"):
        times = medium.collection(name).times("modified" if name != "inventory_transactions" else "created")
        newest = times.max() / 1e6
        assert newest < end.timestamp() - 3_600
    assert datetime.fromtimestamp(newest, UTC) > end - timedelta(days=40)


# Stock


def test_stock_rebuilt_from_transactions_is_the_inventory(medium: Tenant) -> None:
    moves: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in medium.rows("inventory_transactions"):
        moves[row["variant"], row["warehouseCode"]].append(row)
    for row in medium.rows("inventory"):
        history = sorted(
            moves.pop((row["sku"], row["warehouseCode"]), []), key=lambda move: move["transactionDate"]
        )
        stock = reserved = 0
        for move in history:
            stock += move["inventoryChange"]
            reserved += move["reservedInventoryChange"]
            assert (move["newInventory"], move["newReservedInventory"]) == (stock, reserved)
        assert (row["inventory"], row["reservedInventory"]) == (stock, reserved)
        assert len({move["transactionDate"] for move in history}) == len(history)
        assert stock >= 0
    assert not moves


def test_virtual_locations_show_physical_stock_again(medium: Tenant) -> None:
    virtual = [row for row in medium.rows("inventory") if row["warehouseCode"] == VIRTUAL_CODE]
    assert len(virtual) > 20
    for row in virtual:
        physical = medium.get("inventory", (row["sku"], row["physicalWarehouseCode"]))
        assert physical
        assert physical["inventory"] == row["inventory"]
    assert not any(
        row.get("purchaseOrderId")
        for row in medium.rows("inventory_transactions")
        if row["warehouseCode"] == VIRTUAL_CODE
    )


def test_stock_outs_happen_and_hide_demand(medium: Tenant) -> None:
    emptied = sum(
        row["newInventory"] - row["newReservedInventory"] <= 0
        for row in medium.rows("inventory_transactions")
        if row["transactionType"] in ("Sale", "Reservation")
    )
    assert emptied > 500


# Purchases


def receipts_of(tenant: Tenant) -> dict[tuple[str, str, str], list[tuple[date, int]]]:
    receipts: dict[tuple[str, str, str], list[tuple[date, int]]] = defaultdict(list)
    for row in tenant.rows("inventory_transactions"):
        if row.get("purchaseOrderId"):
            key = (row["purchaseOrderId"], row["variant"], row["warehouseCode"])
            receipts[key].append((day_of(row["transactionDate"]), row["inventoryChange"]))
    return receipts


def durations_of(tenant: Tenant) -> dict[str, list[tuple[int, bool]]]:
    """Days per line and whether it is complete, by supplier: what a careful reader makes of the rows."""
    receipts = receipts_of(tenant)
    durations: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for order in tenant.rows("purchase_orders"):
        if order["status"] in ("New", "OnHold") or order.get("supplierWarehouseCode"):
            continue
        nets: dict[str, int] = defaultdict(int)
        for line in order["purchaseOrderForm"]["lineItems"]:
            nets[line["code"]] += line["quantity"] - line["canceledQuantity"]
        ordered = day_of(order["created"])
        for sku, net in nets.items():
            if net <= 0:
                continue
            got, full, last = 0, None, None
            for day, quantity in sorted(receipts.get((order["id"], sku, order["storeId"]), [])):
                got, last = got + quantity, day
                full = full or (day if got >= net else None)
            closed = order["status"] in ("Completed", "OrderCanceled")
            end = full or (last if closed else None)
            censored = day_of(order["modified"]) if closed else TODAY
            durations[order["supplierId"]].append((((end or censored) - ordered).days, end is not None))
    return durations


def kaplan_meier(durations: list[tuple[int, bool]]) -> tuple[float, float]:
    """Mean and standard deviation in days."""
    days = numpy.array([length for length, _ in durations])
    complete = numpy.array([done for _, done in durations])
    survival, mean, square = 1.0, 0.0, 0.0
    for day in range(int(days.max())):
        at_risk = int((days >= day).sum())
        survival *= 1 - int(((days == day) & complete).sum()) / at_risk
        mean += survival
        square += (2 * day + 1) * survival
    return mean, float(numpy.sqrt(max(0.0, square - mean * mean)))


def test_measured_lead_times_agree_with_the_truth(medium: Tenant) -> None:
    errors, naive_errors = [], []
    for supplier_id, durations in durations_of(medium).items():
        complete = [days for days, done in durations if done]
        if len(complete) < 50:
            continue
        mean, sd = kaplan_meier(durations)
        truth = medium.truth.lead_times[supplier_id].mean_days
        standard_error = sd / len(complete) ** 0.5
        errors.append((mean - truth) / standard_error)
        naive_errors.append((numpy.mean(complete) - truth) / standard_error)
    assert len(errors) >= 40
    assert abs(numpy.mean(errors)) < 0.3
    assert numpy.mean(numpy.abs(errors) < 2.5) >= 0.95
    assert numpy.mean(naive_errors) < numpy.mean(errors) - 0.2


def test_suppliers_are_of_every_kind_and_none_is_tame(medium: Tenant) -> None:
    truths = medium.truth.lead_times.values()
    assert {truth.kind for truth in truths} == {"reliable", "late", "erratic", "drifting"}
    assert sum(truth.sd_days / truth.mean_days > 0.8 for truth in truths) >= 5
    for truth in truths:
        if truth.kind == "reliable":
            assert truth.quantile(0.5) == truth.configured_days
        if truth.kind == "late":
            assert truth.mean_days > truth.configured_days
        if truth.kind == "drifting":
            first = truth.on(TODAY - timedelta(days=540)).mean_days
            assert truth.on(TODAY).mean_days > 1.5 * first
            assert first < truth.mean_days < truth.on(TODAY).mean_days


def test_about_a_tenth_of_the_purchase_lines_is_open(medium: Tenant) -> None:
    lines = [line for lines in durations_of(medium).values() for line in lines]
    assert 0.05 < sum(not done for _, done in lines) / len(lines) < 0.15


def test_delivered_quantities_are_the_sum_of_receipts(medium: Tenant) -> None:
    receipts = receipts_of(medium)
    for order in medium.rows("purchase_orders"):
        delivered: dict[str, int] = defaultdict(int)
        for line in order["purchaseOrderForm"]["lineItems"]:
            assert line["deliveredQuantity"] >= 0
            assert 0 <= line["canceledQuantity"] <= line["quantity"]
            delivered[line["code"]] += line["deliveredQuantity"]
        for sku, quantity in delivered.items():
            arrived = receipts.get((order["id"], sku, order["storeId"]), [])
            assert quantity == sum(units for _, units in arrived)
            assert all(day > day_of(order["created"]) for day, _ in arrived)


def test_purchases_have_every_complication(medium: Tenant) -> None:
    seen: dict[str, int] = defaultdict(int)
    receipts = receipts_of(medium)
    ids: set[str] = set()
    for order in medium.rows("purchase_orders"):
        lines = order["purchaseOrderForm"]["lineItems"]
        seen[order["status"]] += 1
        seen["transfer"] += bool(order.get("supplierWarehouseCode"))
        seen["split"] += len({line["code"] for line in lines}) < len(lines)
        for line in lines:
            assert line["lineItemId"] not in ids
            ids.add(line["lineItemId"])
            net = line["quantity"] - line["canceledQuantity"]
            seen["canceled line"] += net == 0
            seen["over"] += line["deliveredQuantity"] > net
            seen["short"] += order["status"] == "Completed" and 0 < line["deliveredQuantity"] < net
            seen["without promise"] += "estimatedTimeOfArrival" not in line
            seen["partial"] += len(receipts.get((order["id"], line["code"], order["storeId"]), [])) > 1
    for what in ("transfer", "split", "canceled line", "over", "short", "without promise", "partial"):
        assert seen[what] >= 10, what
    for status in ("New", "OnHold", "Confirmed", "InProgress", "Completed", "OrderCanceled"):
        assert seen[status] >= 3, status


def test_every_delivery_of_a_line_exists(medium: Tenant) -> None:
    deliveries = set(medium.keys("deliveries"))
    named = {
        line["deliveryId"]
        for order in medium.rows("purchase_orders")
        for line in order["purchaseOrderForm"]["lineItems"]
        if "deliveryId" in line
    }
    assert named
    assert named <= deliveries


def test_versions_lead_back_to_the_first(medium: Tenant) -> None:
    lengths = []
    for supplier in medium.rows("suppliers"):
        length, version_id = 0, supplier["versionId"]
        while version_id:
            version = medium.get("supplier_versions", (supplier["id"], version_id))
            assert version
            version_id = version["value"].get("previousVersionId")
            length += 1
        lengths.append(length)
    assert sum(lengths) == medium.count("supplier_versions")
    assert max(lengths) >= 3


# Demand


def in_stock_days(tenant: Tenant, first: date, days: int) -> dict[tuple[str, str], float]:
    """In-stock days over the last `days` days, from the transactions."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
    levels: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    for row in tenant.rows("inventory_transactions"):
        moment = datetime.fromisoformat(row["transactionDate"]).timestamp()
        is_in_stock = row["newInventory"] - row["newReservedInventory"] > 0
        levels[row["variant"], row["warehouseCode"]].append((moment, is_in_stock))
    shares: dict[tuple[str, str], float] = {}
    for key, moves in levels.items():
        total, since, was_in_stock = 0.0, start, False
        for moment, is_in_stock in [*sorted(moves), (start + days * 86_400, False)]:
            if was_in_stock:
                total += max(0.0, moment - max(since, start))
            since, was_in_stock = moment, is_in_stock
        shares[key] = total / 86_400
    return shares


def sold(tenant: Tenant, first: date) -> dict[tuple[str, str], int]:
    """Units wanted since `first` as order lines tell, packages as their components."""
    parts = {
        product["skuId"]: [(part["skuId"], part["quantity"]) for part in product["components"]]
        for product in tenant.rows("products")
        if product.get("components")
    }
    units: dict[tuple[str, str], int] = defaultdict(int)
    for order in tenant.rows("orders"):
        if day_of(order["created"]) < first:
            continue
        for line in order["orderForm"]["lineItems"]:
            quantity = line["quantity"] - line["canceledQuantity"]
            if line["code"] not in parts:
                units[line["code"], order["storeId"]] += quantity
            elif not line.get("isPackageBrokeDown"):
                for sku, each in parts[line["code"]]:
                    units[sku, order["storeId"]] += each * quantity
    return units


def test_demand_while_in_stock_agrees_with_the_truth(medium: Tenant) -> None:
    days = 90
    first = TODAY - timedelta(days=days)
    units, in_stock = sold(medium, first), in_stock_days(medium, first, days)
    measured = naive = true = 0.0
    errors = []
    for key, truth in medium.truth.demand.items():
        rate = truth.units_per_day
        if in_stock.get(key, 0.0) < 30 or not rate:
            continue
        projects = sum(quantity for day, quantity in truth.project_orders if day >= first)
        found = max(0, units.get(key, 0) - projects)
        measured += found / in_stock[key]
        naive += found / days
        true += rate
        quantities = numpy.array(truth.streams[0].quantities)
        variance = rate * (quantities**2).mean() / quantities.mean() / in_stock[key]
        errors.append((found / in_stock[key] - rate) / variance**0.5)
    # By chance alone the sum is off by about 2 %, and its parts by one standard error each.
    assert measured / true == pytest.approx(1, abs=0.06)
    assert abs(numpy.mean(errors)) < 0.1
    assert 0.8 < numpy.std(errors) < 1.25
    assert naive / true < 0.97


def wanted_by_day(tenant: Tenant, store: str) -> dict[date, int]:
    """Order lines of a place by day; package components once, as the package."""
    lines: dict[date, int] = defaultdict(int)
    for order in tenant.rows("orders"):
        if order["storeId"] == store:
            kept = [line for line in order["orderForm"]["lineItems"] if "packageLineItemId" not in line]
            lines[day_of(order["created"])] += len(kept)
    return lines


def test_stores_have_a_week_and_closed_days_and_tell_them(medium: Tenant) -> None:
    lines = wanted_by_day(medium, "store-bergen")
    by_weekday = [sum(count for day, count in lines.items() if day.weekday() == n) for n in range(7)]
    assert by_weekday[6] == 0
    assert by_weekday[5] > 1.5 * by_weekday[0] > 0
    store = next(row for row in medium.rows("stores") if row["id"] == "store-bergen")
    assert store["saturdayOpeningHours"] == {"isOpen": True, "openFrom": "09:00", "openTo": "20:00"}
    assert store["sundayOpeningHours"] == {"isOpen": False}
    closed = {day_of(row["date"]): row["label"] for row in store["additionalOpeningHours"] if row["closed"]}
    assert closed[date(2025, 5, 17)] == "Helligdag"
    assert sum(label == "Oppussing" for label in closed.values()) == 10
    # Told for the time to come, too.
    assert closed[date(2026, 5, 17)] == "Helligdag"
    assert not lines.keys() & closed.keys()
    assert wanted_by_day(medium, "oslo-central").keys() & closed.keys()


def test_a_category_has_its_season(medium: Tenant) -> None:
    """Category 1 peaks in January: twice as many lines from December to February as from June to August."""
    category = {
        holder["skuId"]: row["mainCategoryId"]
        for row in medium.rows("products")
        for holder in (row.get("variants") or [row])
    }
    lines: dict[tuple[str, int], int] = defaultdict(int)
    for order in medium.rows("orders"):
        day = day_of(order["created"])
        if day >= date(2025, 3, 1):
            for line in order["orderForm"]["lineItems"]:
                lines[category[line["code"]], day.month] += 1
    winter, summer = (sum(lines["cat-01", month] for month in months) for months in ((12, 1, 2), (6, 7, 8)))
    assert winter > 2 * summer > 0
    level_winter, level_summer = (
        sum(lines["cat-00", month] for month in months) for months in ((12, 1, 2), (6, 7, 8))
    )
    assert 0.75 < level_winter / level_summer < 1.33


def test_promotions_have_dates_articles_and_a_planned_volume(medium: Tenant) -> None:
    campaigns = [row for row in medium.rows("promotions") if row["id"].startswith("CAMPAIGN")]
    to_come = [row for row in campaigns if day_of(row["activeFrom"]) >= TODAY]
    assert len(campaigns) >= 12
    assert to_come
    lists = {row["promotionId"]: row for row in medium.rows("price_lists") if "promotionId" in row}
    volumes: dict[str, dict[str, int]] = defaultdict(dict)
    for item in medium.rows("price_list_items"):
        if "plannedSalesVolume" in item:
            volumes[item["priceListId"]][item["skuId"]] = item["plannedSalesVolume"]
    skus = {sku for sku, _ in medium.truth.demand}
    for row in campaigns:
        assert row["activeFrom"] < row["activeTo"]
        promoted = {one["productId"] for one in row["promotionData"]["categoryAndBrandFilter"]["products"]}
        assert promoted <= skus
        price_list = lists[row["id"]]
        assert (price_list["validFrom"], price_list["validTo"]) == (row["activeFrom"], row["activeTo"])
        assert volumes[price_list["id"]].keys() <= promoted
        for sku, volume in volumes[price_list["id"]].items():
            first, end = day_of(row["activeFrom"]), day_of(row["activeTo"])
            places = [truth for (one, _), truth in medium.truth.demand.items() if one == sku]
            mean = sum(truth.mean_rate(first, end - timedelta(days=1)) for truth in places)
            assert volume <= math.ceil(mean * (end - first).days)


def test_project_orders_stand_far_above_the_usual_size(medium: Tenant) -> None:
    found = {
        (line["code"], order["storeId"], day_of(order["created"])): line["quantity"]
        for order in medium.rows("orders")
        for line in order["orderForm"]["lineItems"]
    }
    seen = 0
    for (sku, place), truth in medium.truth.demand.items():
        for day, units in truth.project_orders:
            usual = numpy.mean(truth.streams[0].quantities)
            assert units >= 19 * usual
            # Where the shelf was empty nobody ordered.
            seen += found.get((sku, place, day), 0) >= units
    assert seen >= 20


def test_new_articles_have_neither_sales_nor_stock_before_they_begin(medium: Tenant) -> None:
    first_move: dict[tuple[str, str], date] = {}
    for row in medium.rows("inventory_transactions"):
        key, day = (row["variant"], row["warehouseCode"]), day_of(row["transactionDate"])
        first_move[key] = min(first_move.get(key, day), day)
    new = {key: truth for key, truth in medium.truth.demand.items() if truth.is_new}
    assert len(new) >= 20
    for key, truth in new.items():
        assert first_move.get(key, truth.begins) >= truth.begins


def test_all_lines_of_a_truck_come_together(medium: Tenant) -> None:
    receipts = receipts_of(medium)
    orders = [
        row
        for row in medium.rows("purchase_orders")
        if row["supplierId"] == "sup-005" and row["status"] == "Completed"
    ]
    loads = [
        {
            day
            for line in row["purchaseOrderForm"]["lineItems"]
            for day, _ in receipts.get((row["id"], line["code"], row["storeId"]), [])
        }
        for row in orders
        if len(row["purchaseOrderForm"]["lineItems"]) > 1
    ]
    assert len(loads) >= 5
    assert all(len(load) == 1 for load in loads)


@pytest.mark.parametrize("day", [TODAY, date(2026, 6, 30), date(2026, 11, 28), date(2028, 2, 29)])
def test_the_small_tenant_shows_what_a_purchaser_meets(day: date) -> None:
    tenant = generate("small", 1, day)
    truth, central = tenant.truth.demand, "oslo-central"
    seasonal = truth[SEASONAL, central]
    factor = seasonal.season_factor(day, day + timedelta(days=40))
    assert factor is not None
    assert factor > 1.2
    assert truth[NEW, central].is_new
    assert truth[PROJECT, central].project_orders == ((day - timedelta(days=20), 90),)
    stock = {
        (row["sku"], row["warehouseCode"]): row["inventory"] - row["reservedInventory"]
        for row in tenant.rows("inventory")
    }
    assert stock[OVERSTOCKED, central] > 365 * truth[OVERSTOCKED, central].daily_demand
    assert stock[MISPLACED, "store-bergen"] > 365 * truth[MISPLACED, "store-bergen"].daily_demand
    for place in (central, "store-trondheim"):
        assert stock[MISPLACED, place] < 14 * truth[MISPLACED, place].daily_demand
    lost = [
        (day_of(order["created"]), order["status"], line["deliveredQuantity"])
        for order in tenant.rows("purchase_orders")
        for line in order["purchaseOrderForm"]["lineItems"]
        if line["code"] == LOST_ORDER and order["status"] in ("Confirmed", "InProgress")
    ]
    assert [(status, units) for _, status, units in lost] == [("Confirmed", 0)]
    assert lost[0][0] < day - timedelta(days=100)
    promoted = truth[PROMOTED, central]
    coming = promoted.mean_rate(day + timedelta(days=4), day + timedelta(days=17))
    assert coming == pytest.approx(3 * promoted.mean_rate(day + timedelta(days=18), day + timedelta(days=31)))


def test_order_lines_stand_in_the_form_and_in_the_shipment(medium: Tenant) -> None:
    for order in medium.rows("orders"):
        form = order["orderForm"]
        assert form["lineItems"] == form["shipments"][0]["lineItems"]
        assert order["total"] == pytest.approx(sum(line["extendedPrice"] for line in form["lineItems"]))


def test_shipped_units_are_the_sales_in_the_transactions(medium: Tenant) -> None:
    parts = {
        product["skuId"]: [(part["skuId"], part["quantity"]) for part in product["components"]]
        for product in medium.rows("products")
        if product.get("components")
    }
    shipped: dict[str, int] = defaultdict(int)
    for row in medium.rows("inventory_transactions"):
        if row["transactionType"] == "Sale" and row.get("orderId"):
            shipped[row["orderId"]] -= row["inventoryChange"]
    for order in medium.rows("orders"):
        delivered = 0
        for line in order["orderForm"]["lineItems"]:
            if line["code"] not in parts:
                delivered += line["deliveredQuantity"]
            elif not line.get("isPackageBrokeDown"):
                delivered += sum(each for _, each in parts[line["code"]]) * line["deliveredQuantity"]
        if order["status"] == "InProgress":
            # A part of a package may be on its way before the package is.
            assert shipped.get(order["id"], 0) >= delivered
        else:
            assert shipped.get(order["id"], 0) == delivered


def test_sales_have_every_complication(medium: Tenant) -> None:
    lines = [line for order in medium.rows("orders") for line in order["orderForm"]["lineItems"]]
    assert sum(bool(line.get("isAwaitingPurchaseOrder")) for line in lines) >= 3
    assert sum(bool(line.get("isPackage")) for line in lines) >= 50
    assert sum("packageLineItemId" in line for line in lines) >= 20
    assert sum(line["canceledQuantity"] > 0 for line in lines) >= 100
    assert medium.count("returns") > 100
    patterns = {truth.pattern for truth in medium.truth.demand.values()}
    assert patterns == {"smooth", "erratic", "intermittent", "lumpy", "seasonal", "dead"}


def test_products_come_in_languages_with_variants_and_packages(medium: Tenant) -> None:
    products = list(medium.rows("products"))
    assert {product["id"].rpartition("_")[2] for product in products} == {"no", "sv"}
    assert sum(len(product.get("variants", [])) == 3 for product in products) > 100
    assert sum(bool(product.get("components")) for product in products) > 10
    assert sum("discontinued" in product for product in products) > 10
    skus = {holder["skuId"] for product in products for holder in (product.get("variants") or [product])}
    assert {sku for sku, _ in medium.truth.demand} <= skus


# Odd data


def test_odd_rows_come_on_top_and_leave_the_others_alone(small: Tenant) -> None:
    odd = generate("small", 1, TODAY, odd_data=True)
    for name, rows in bodies(small).items():
        assert rows == list(odd.collection(name).bodies())[: len(rows)]
    assert odd.count("purchase_orders") - small.count("purchase_orders") == 19
    assert odd.truth.lead_times.keys() == small.truth.lead_times.keys()
    statuses = {row.get("status") for row in odd.rows("purchase_orders")}
    assert {None, "VenterPåTollen"} <= statuses
    assert any(row["created"].startswith("0001-01-01") for row in odd.rows("purchase_orders"))
    suppliers = set(odd.keys("suppliers"))
    assert any(row.get("supplierId") not in suppliers for row in odd.rows("purchase_orders"))
