"""Puts suppliers, purchase orders and receipts into a sandbox, loads them, and builds the purchasing models on them."""

from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
from dbt.cli.main import dbtRunner
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.dbt_commands import dbt_arguments, dbt_environment
from omnium_elt.steps.load import load
from omnium_elt.warehouse import queries
from omnium_sandbox import Sandbox

from tests.support.parsing import share_parsing

TODAY = date(2024, 4, 1)
RESOURCES = (
    "suppliers",
    "supplier_versions",
    "products",
    "stores",
    "inventory",
    "inventory_transactions",
    "purchase_orders",
    "deliveries",
    "event_log",
)
PURCHASING = ("+path:models/marts/purchasing", "+path:models/marts/core")
LINE = ("+fct_purchase_order_line",)


def read(settings: Settings) -> None:
    """Load the tenant into the working database."""
    settings.home.create()
    report = load(settings, Silent())
    assert report.status == "ok", [resource.error for resource in report.resources]


def build(
    settings: Settings,
    as_of: date | None = None,
    *,
    select: tuple[str, ...] = PURCHASING,
    tests: bool = False,
) -> None:
    """Build the purchasing marts, or the models that `select` names; with `tests` also run their data tests."""
    without = ("unit_test",) if tests else ("unit_test", "test")
    settings = replace(settings, variables={"test_severity": "error", **settings.variables})
    chosen = ("--select", *select, "--indirect-selection", "cautious", "--exclude-resource-type", *without)
    invoke(settings, dbt_arguments(settings, "build", *chosen, as_of=as_of))


def invoke(settings: Settings, arguments: list[str]) -> None:
    """Run dbt; fails with the messages of the nodes that failed."""
    share_parsing()
    with dbt_environment(settings):
        answer = dbtRunner().invoke(arguments)
    failed = [
        f"{one.node.name}: {one.message}"
        for one in getattr(answer.result, "results", None) or []
        if one.status not in ("success", "pass", "warn", "no-op")
    ]
    assert answer.success, failed or answer.exception


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query on the working database."""
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def record(home: Home, query: str) -> dict[str, Any]:
    """The only row of a query, as column → value."""
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        (row,) = queries.rows(connection, query)
        return row


def supplier(name: str, **more: Any) -> dict[str, Any]:
    """A supplier as the API shows it."""
    return {
        "id": name,
        "name": name.title(),
        "defaultLeadTime": 10,
        "defaultLeadTimeSafetyMarginDays": 3,
        "created": "2023-01-01T00:00:00Z",
        "modified": "2023-01-01T00:00:00Z",
        **more,
    }


def line(number: str, quantity: float, **more: Any) -> dict[str, Any]:
    """A purchase order line that is promised for 15 March 2024."""
    return {
        "lineItemId": number,
        "code": "genser",
        "quantity": quantity,
        "deliveredQuantity": 0,
        "canceledQuantity": 0,
        "estimatedTimeOfArrival": "2024-03-15T00:00:00Z",
        "placedPriceExclTax": 12.5,
        **more,
    }


def order(name: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A purchase order of 1 March 2024."""
    return {
        "id": name,
        "purchaseOrderNumber": name.upper(),
        "supplierId": "nordtekstil",
        "storeId": "oslo",
        "status": "InProgress",
        "billingCurrency": "NOK",
        "created": "2024-03-01T09:30:00Z",
        "modified": "2024-03-01T09:30:00Z",
        "purchaseOrderForm": {"lineItems": list(lines)},
        **more,
    }


def receipt(name: str, order_name: str, quantity: float, day: str, **more: Any) -> dict[str, Any]:
    """The stock transaction of a goods reception."""
    return {
        "id": name,
        "purchaseOrderId": order_name,
        "variant": "genser",
        "warehouseCode": "oslo",
        "transactionType": "GoodsReception",
        "goodsReceptionId": f"GR-{name}",
        "inventoryChange": quantity,
        "newInventory": quantity,
        "transactionDate": f"{day}T10:00:00Z",
        **more,
    }


def order_row(home: Home, purchase_order: str, columns: str) -> list[tuple[Any, ...]]:
    """Columns of an order's rows in fct_purchase_order_line."""
    return rows(
        home,
        f"select {columns} from marts.fct_purchase_order_line where purchase_order_id = '{purchase_order}'",
    )


def put(sandbox: Sandbox, resource: str, *some: dict[str, Any]) -> None:
    for row in some:
        sandbox.tenant.put(resource, row, stamp=False)
