"""Rows of an unknown tenant: random values for every field of the public description.

`data/description.json` was taken from the vendor's contract alone, independently of how the program and the sandbox
read it. It holds schema → field → kind (`time`, `decimal?`, `[OmniumAddress]?`, …), and the endpoints.
"""

import datetime as dt
import json
import random
import string
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

DESCRIPTION: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "description.json").read_text()
)
SCHEMAS: dict[str, dict[str, str]] = DESCRIPTION["schemas"] | {
    # The description does not describe the answer for product alerts, so it has what the request can filter by.
    "OmniumProductAlert": {
        "id": "string?",
        "created": "time",
        "email": "string?",
        "phone": "string?",
        "skuId": "string?",
        "storeId": "string?",
        "storeName": "string?",
        "isActive": "boolean?",
        "notificationSentDate": "time?",
        "productAlertDeletedDate": "time?",
        "warehouseCodes": "[string]?",
    },
    "OmniumSupplierVersion": {
        "id": "string?",
        "versionId": "string?",
        "created": "time?",
        "createdBy": "string?",
        "type": "string?",
        "value": "OmniumSupplier",
    },
}
Row = dict[str, Any]

NUMBERS = [
    "0", "1", "-1", "0.1", "19.90", "1.10",
    "100.00", "-0.0", "1E+2", "1e-7", "0.0000000005", "0.0000000015",
    "2.675", "1234567.891", "3.141592653589793238", "12345678901234567.89",
    "99999999999999999999.999999999", "0.30000000000000004",
    "1e300",
]  # fmt: skip
TEXTS = [
    "", " ", "0", "007", "1.0", "true", "null", "2024-01-01", "2024-01-01T00:00:00Z", "Blåbærsyltetøy", "日本語",
    "😀 emoji", "two\nlines", "tab\there", 'say "quoted"', "it's", "back\\slash", "a,b;c|d", "{}", "[1, 2]", "NaN",
    "\u2028line", "  spaces  ", "-", "%s %d {0}", "<b>&amp;</b>", "e\u0301 combining", "'; drop table orders; --",
]  # fmt: skip
PERSONAL = {
    "firstName", "lastName", "fullName", "customerName", "customerEmail", "customerPhone", "customerId", "email",
    "phone", "line1", "line2", "raterName",
}  # fmt: skip
NEW_FIELDS = ("newText", "new_number", "New-Flag", "nyttFelt", "shifty", "newObject", "newList", "newTime")
FINAL = ("Completed", "Cancelled")


@dataclass(frozen=True)
class Endpoint:
    """How one resource is read. Paths are those of a row; `base` is the number of the first page."""

    schema: str
    search: str = ""
    scroll: str = ""
    next: str = ""
    key: tuple[str, ...] = ("id",)
    modified: str = "modified"
    created: str = "created"
    base: int = 0
    batch: int = 100
    can_change: bool = True
    is_bare: bool = False

    @property
    def is_paged(self) -> bool:
        """Whether its search takes a page."""
        return "page" in request_of(self.search)


def request_of(path: str) -> dict[str, str]:
    """The fields of the request to a path; empty if it is a GET."""
    request = DESCRIPTION["endpoints"].get(f"POST /api/{path}", [None])[0]
    return SCHEMAS.get(request or "", {})


def _scrolled(schema: str, name: str, **more: Any) -> Endpoint:
    return Endpoint(schema, f"{name}/Search", f"{name}/Scroll", f"{name}/Scroll", **more)


PRICE_KEY = (
    "productId skuId code marketId marketGroupId storeId customerId customerGroup currencyCode unit minQuantity"
    " validFrom validUntil priceType priceListId priceListItemId promotionId"
)
COST_KEY = (
    "productId skuId ean supplier marketId marketGroupId storeId storeGroupId currencyCode unit type"
    " validFrom validUntil"
)
ENDPOINTS: dict[str, Endpoint] = {
    "orders": _scrolled("OmniumOrder", "Orders"),
    "returns": Endpoint(
        "OmniumReturnOrderViewModel",
        "Returns/SearchReturnOrders",
        key=("orderId", "returnOrderForm.returnId"),
        modified="returnOrderForm.modified",
        created="returnOrderForm.created",
    ),
    "order_line_analytics": Endpoint(
        "OmniumAnalyticsOrderLine", "AnalyticsOrders/Search", modified="", created="order.created"
    ),
    "carts": Endpoint("OmniumCart", "Cart/Search", "Cart/ScrollSearch", "Cart/Scroll"),
    "cart_templates": Endpoint("OmniumCartTemplate", "CartTemplate/Search"),
    "private_customers": _scrolled("OmniumPrivateCustomer", "PrivateCustomers", key=("customerId",)),
    "business_customers": _scrolled("OmniumBusinessCustomer", "BusinessCustomers", key=("customerId",)),
    "customer_club_members": Endpoint(
        "OmniumCustomerClubMember",
        "PrivateCustomers/CustomerClubMembers/Search",
        next="PrivateCustomers/ScrollCustomerClubMembers",
        key=("customerId",),
        modified="",
        created="memberSince",
    ),
    "customer_groups": Endpoint("OmniumCustomerGroup", "CustomerGroups/CustomerGroups/Search"),
    "products": Endpoint("OmniumProduct", "", "Products/Scroll", "Products/Scroll"),
    "product_categories": Endpoint(
        "OmniumProductCategory",
        "",
        "ProductCategories/ScrollSearch",
        "ProductCategories/Scroll",
        modified="",
        created="",
        batch=10_000,
    ),
    "product_alerts": Endpoint("OmniumProductAlert", "ProductAlerts/SearchProductAlerts", modified=""),
    "prices": Endpoint(
        "OmniumPrice",
        "Prices/Search",
        next="Prices/Scroll",
        key=tuple(PRICE_KEY.split()),
        created="",
        batch=1_000,
    ),
    "cost_prices": Endpoint(
        "OmniumCostPrice",
        "CostPrices/Search",
        next="CostPrices/Scroll",
        key=tuple(COST_KEY.split()),
        created="",
    ),
    "price_lists": Endpoint("OmniumPriceList", "PriceLists/SearchPriceLists"),
    "price_list_items": Endpoint(
        "OmniumPriceListItem",
        "PriceListItems/Search",
        "PriceListItems/ScrollSearch",
        "PriceListItems/Scroll",
        modified="",
        batch=1_000,
    ),
    "promotions": Endpoint(
        "OmniumPromotion",
        "Promotions/Search",
        next="Promotions/Scroll",
        modified="updatedDate",
        created="createdDate",
        base=1,
    ),
    "inventory": Endpoint(
        "OmniumInventoryItem",
        "Inventory/Search",
        next="Inventory/Scroll",
        key=("sku", "warehouseCode"),
        batch=1_000,
    ),
    "inventory_transactions": Endpoint(
        "OmniumInventoryTransaction",
        "Inventory/SearchTransactions",
        next="Inventory/ScrollTransactions",
        modified="",
        created="transactionDate",
        base=1,
        can_change=False,
    ),
    "stores": Endpoint("OmniumStore", "Stores/SearchStores"),
    "suppliers": Endpoint("OmniumSupplier", "Suppliers/Search"),
    "purchase_orders": _scrolled("OmniumPurchaseOrder", "PurchaseOrders"),
    "deliveries": Endpoint("OmniumDelivery", "Deliveries/Search"),
    "gift_cards": _scrolled("OmniumGiftCard", "GiftCard"),
    "vouchers": Endpoint("OmniumVoucher", "Vouchers/Search", "Vouchers/ScrollSearch", "Vouchers/Scroll"),
    "invoices": Endpoint("OmniumInvoice", "Invoices/Search"),
    "payment_transactions": Endpoint("OmniumPaymentTransaction", "PaymentReport", modified="", batch=100_000),
    "pick_lists": Endpoint("OmniumPickList", "PickList/Search"),
    "subscriptions": Endpoint("OmniumSubscription", "Subscriptions/Search"),
    "ratings": Endpoint(
        "OmniumRating",
        "Ratings/Search",
        "Ratings/ScrollSearch",
        "Ratings/Scroll",
        modified="",
        created="date",
    ),
    "projects": Endpoint("OmniumProject", "Projects/Search"),
    "project_logs": Endpoint(
        "OmniumProjectLog", "Projects/ProjectLogs/Search", modified="", created="date", base=1, is_bare=True
    ),
    "time_entries": Endpoint(
        "OmniumTimeEntry", "Projects/TimeEntries/Search", modified="", created="date", is_bare=True
    ),
    "event_log": Endpoint(
        "OmniumEventLogItem", "EventLog/Search", modified="", created="timestamp", can_change=False
    ),
    "comments": Endpoint("OmniumComment", "Comments/Search", modified="", is_bare=True),
}
FILTERS: dict[str, tuple[str, str]] = {
    "modifiedFrom": ("modified", ">="),
    "changedSince": ("modified", ">="),
    "lastModified": ("modified", ">"),
    "modifiedTo": ("modified", "<="),
    "createdFrom": ("created", ">="),
    "createdTo": ("created", "<="),
    "from": ("created", ">="),
    "to": ("created", "<="),
    "dateFrom": ("created", ">="),
    "dateTo": ("created", "<="),
}
ONLY_CREATION = {
    name
    for name, endpoint in ENDPOINTS.items()
    if {"createdFrom", "dateFrom"} & request_of(endpoint.search).keys()
    and not {"modifiedFrom", "changedSince"} & request_of(endpoint.search).keys()
}
"""Resources of which an incremental read sees only new rows, so their old rows are not changed."""


def as_json(value: Any) -> bytes:
    """JSON, with decimals as they are spelled."""
    return orjson.dumps(value, default=lambda number: orjson.Fragment(str(number)))


def moment(text: Any) -> int | None:
    """Microseconds since 1970 of a time of the API, None if there is none; without a zone it is UTC."""
    if not isinstance(text, str):
        return None
    parsed = dt.datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=dt.UTC)
    return (parsed - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def at(row: Any, path: str) -> Any:
    """The value at a path of a row, None if there is none."""
    for name in path.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def without(row: Row, names: set[str]) -> Row:
    """A product without some of its fields, in its variants too."""
    kept = {name: value for name, value in row.items() if name.lower() not in names}
    if isinstance(kept.get("variants"), list):
        kept["variants"] = [
            {name: value for name, value in variant.items() if name.lower() not in names}
            for variant in kept["variants"]
        ]
    return kept


def version_of(supplier: Row) -> Row:
    """A supplier's version: some servers send it with an envelope around it, some send the supplier alone."""
    if len(supplier["versionId"]) % 3 == 0:
        return supplier
    return {
        "id": supplier["id"],
        "versionId": supplier["versionId"],
        "created": supplier["modified"],
        "createdBy": "somebody",
        "type": "Supplier",
        "value": supplier,
    }


class Maker:
    """Makes rows; the same seed makes the same rows.

    `whole_seconds`: stamps have no fractions. `odd`: adds unknown fields, and spellings that few servers use.
    """

    def __init__(self, seed: int, *, whole_seconds: bool = False, odd: bool = True) -> None:
        self.random = random.Random(seed)
        self.whole_seconds, self.odd = whole_seconds, odd
        self.count = 0

    def identity(self) -> str:
        """An id that no other row has, and that may have awkward characters."""
        self.count += 1
        number = self.count
        plain = (f"{number:06d}", f"ID-{number}", f"{self.random.getrandbits(128):032x}")
        awkward = (
            f"A/{number}/B", f"with space {number}", f"ünï-{number}-日本", f"%2F{number}%20", f"{number}?a=b&c#d+e;f",
            f"{'x' * 180}{number}", f" lead {number}", f"trail {number} ", f"UP{number}", f'"{number}"',
            f"it's {number}", f"back\\{number}", f"{number}|{number}", f"..{number}", f"-{number}", f"é{number}",
            f"😀{number}",
        )  # fmt: skip
        return self.random.choice(awkward if self.random.random() < 0.3 else plain)

    def time(self, micro: int) -> str:
        """A moment as one of the spellings of ISO 8601 that .NET writes, exact to the microsecond."""
        choice = self.random.random()
        offset = 0 if choice < 0.7 else self.random.choice((-330, 60, 120, 345))
        if self.whole_seconds:
            micro -= micro % 1_000_000
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micro, minutes=offset)
        text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
        if micro % 1_000_000:
            text += f".{micro % 1_000_000:06d}".rstrip("0") if choice < 0.3 else f".{micro % 1_000_000:06d}0"
        if choice < 0.1:
            return text
        return text + (
            f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}" if offset else "Z"
        )

    def scalar(self, kind: str, name: str) -> Any:
        """A value of one of the description's kinds."""
        pick = self.random
        if kind in ("decimal", "double"):
            if pick.random() < 0.3:
                text = pick.choice(NUMBERS)
                # A number that is too large for an exact decimal would go into a column beside its own.
                return Decimal("1" if text == "1e300" and kind == "decimal" else text)
            return Decimal(pick.randint(-(10**9), 10**9)).scaleb(-pick.randint(0, 6))
        if kind == "int":
            return pick.choice((0, 1, -1, 2**31 - 1, pick.randint(-1000, 1000)))
        if kind == "long":
            return pick.choice((0, 2**63 - 1, -(2**63), pick.randint(-(10**12), 10**12)))
        if kind == "boolean":
            return pick.random() < 0.5
        if kind == "time":
            if pick.random() < 0.1:
                return pick.choice(
                    ("0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999", "2024-02-29T12:00:00Z")
                )
            return self.time(pick.randrange(1_500_000_000, 1_900_000_000) * 1_000_000 + pick.randrange(10**6))
        if kind == "uuid":
            return f"{pick.getrandbits(32):08x}-0000-4000-8000-{pick.getrandbits(48):012x}"
        if name in PERSONAL:
            return self.personal(name)
        if pick.random() < 0.25:
            return pick.choice(TEXTS)
        return "".join(pick.choices(string.ascii_letters, k=pick.randint(3, 12)))

    def personal(self, name: str) -> str:
        """A personal value; it contains `zqx`, which no other text does."""
        number = self.random.randint(100, 400)
        if "mail" in name.lower():
            return f"zqx{number}@secret.example"
        return f"+47 9zqx{number}" if "phone" in name.lower() else f"Zqx{number} Person"

    def value(self, kind: str, name: str, above: tuple[str, ...], fullness: float) -> Any:
        """A value of any kind: scalar, object or list."""
        if kind.startswith("["):
            inner = kind.strip("[]?")
            length = self.random.choice((1, 2)) if fullness == 1 else self.random.choice((0, 1, 1, 2, 3))
            return [self.value(inner, name, above, fullness) for _ in range(length)]
        if SCHEMAS.get(kind):
            return self.object(kind, above, fullness)
        if kind in SCHEMAS:
            return self.random.choice(("Normal", "Special", "Type_3"))
        return [1, "a"] if kind == "array" else self.scalar(kind, name)

    def object(self, schema: str, above: tuple[str, ...] = (), fullness: float = 0.6) -> Row:
        """An object of a schema in any order of fields: some are missing, some null, perhaps some unknown."""
        row: Row = {}
        names = list(SCHEMAS[schema].items())
        self.random.shuffle(names)
        below = (*above, schema)
        for name, kind in names:
            inner = kind.strip("[]?")
            is_nested = bool(SCHEMAS.get(inner))
            # A cart holds return forms that hold a cart, and so on: one round is enough.
            if above.count(inner) > 1 or (is_nested and len(above) > 5):
                continue
            chance = fullness if fullness == 1 else fullness * (0.5 if is_nested else 1)
            if self.random.random() > chance:
                if kind.endswith("?") and self.random.random() < 0.5:
                    row[name] = None
                continue
            deeper = fullness if fullness == 1 and above.count(inner) == 0 else min(fullness, 0.6) * 0.7
            row[name] = self.value(kind.removesuffix("?"), name, below, deeper if is_nested else fullness)
        if self.odd and self.random.random() < (0.5 if not above else 0.03):
            for name in self.random.sample(NEW_FIELDS if not above else NEW_FIELDS[:5], 2):
                row[name] = self.unknown(name)
        return row

    def unknown(self, name: str) -> Any:
        """A value of a field that the description does not have."""
        pick = self.random
        kinds = {
            "newText": lambda: self.scalar("string", name),
            "new_number": lambda: pick.choice((1, 2, Decimal("3.25"), Decimal("0.1"))),
            "New-Flag": lambda: pick.random() < 0.5,
            "newObject": lambda: {
                "a": 1,
                "b": {"c": [1, Decimal("2.50"), None], "shifty": pick.choice((1, "1"))},
            },
            "newList": lambda: pick.choice(([{"x": 1}, {"x": "one"}], ["a", "b"], [], [[1], [2]])),
            "newTime": lambda: self.scalar("time", name),
            "nyttFelt": lambda: pick.choice((None, "æøå", "x" * 300)),
            "shifty": lambda: pick.choice(
                (1, Decimal("1.5"), "text", True, {"a": 1}, [1], None, "2024-01-01T00:00:00Z")
            ),
        }
        return kinds[name]()
