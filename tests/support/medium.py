"""The medium sandbox tenant, built into the models, and what its generator knows."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from omnium_sandbox import Truth
from omnium_sandbox.data import generate

from tests.support.models import dbt, write_raw

TODAY = date(2026, 11, 28)
RESOURCES = (
    "suppliers",
    "supplier_versions",
    "products",
    "product_categories",
    "stores",
    "inventory",
    "inventory_transactions",
    "purchase_orders",
    "deliveries",
    "orders",
    "returns",
    "event_log",
    "promotions",
    "price_lists",
    "price_list_items",
)


@dataclass(frozen=True)
class Medium:
    """The warehouse as of `last_day`, with estimates as of earlier days too, and what the generator knows."""

    folder: Path
    truth: Truth
    categories: dict[str, str]
    """SKU → category."""
    last_day: date
    as_of_days: tuple[date, ...]


def build_medium(folder: Path) -> Medium:
    """Build the medium tenant as of its last day and six earlier days on which a season was already known."""
    tenant = generate("medium", 1, TODAY)
    loaded = datetime.combine(TODAY, datetime.min.time(), UTC).isoformat()
    write_raw(folder, {resource: tenant.rows(resource) for resource in RESOURCES}, loaded)
    last_day = TODAY - timedelta(days=1)
    as_of_days = tuple(last_day - timedelta(days=20 * number) for number in range(7))
    dbt(
        folder,
        "build",
        "--select",
        "+replenishment",
        "+fct_stock_daily",
        "+policy_backtest",
        "--exclude-resource-type",
        "unit_test",
        "test",
        variables={
            "as_of_date": str(last_day),
            "replayed_as_of_days": [str(day) for day in as_of_days],
            "backtest_items": 400,
        },
    )
    categories = {
        holder["skuId"]: row["mainCategoryId"]
        for row in tenant.rows("products")
        for holder in (row.get("variants") or [row])
    }
    return Medium(folder, tenant.truth, categories, last_day, as_of_days)
