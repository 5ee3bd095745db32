"""The sandbox's data: they hang together as a retailer's do, and agree with what the generator knows."""

import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy
import pytest
from omnium_sandbox.data import generate
from omnium_sandbox.data_catalogue import VIRTUAL_CODE, day_distribution
from omnium_sandbox.tenant import Tenant
from omnium_sandbox.truth import DayDistribution, RateCurve

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


def test_rate_curve_stops_after_its_last_day() -> None:
    curve = RateCurve(2.0, last_day=1)
    assert curve.on(numpy.array([0.0, 1.0, 2.0])).tolist() == [2.0, 2.0, 0.0]


# Sizes and determinism


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second, other = (bodies(generate("small", seed, TODAY)) for seed in (7, 7, 8))
    assert first == second
    assert first["orders"] != other["orders"]


def test_small_is_made_at_once() -> None:
    started = time.monotonic()
    generate("small", 3, TODAY)
    assert time.monotonic() - started < 2


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
    for key, truth in medium.truth.demand.items():
        if in_stock.get(key, 0.0) < 30:
            continue
        measured += units.get(key, 0) / in_stock[key]
        naive += units.get(key, 0) / days
        true += truth.units_per_day
    assert measured / true == pytest.approx(1, abs=0.02)
    assert naive / true < 0.97


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
