"""The table of resources: one row for each endpoint, with all that is particular to it.

A row says where a resource is read, which fields are its key, which stamp shows a change, and how it stays current.
`http/paginators.py`, `windows/` and `normalize/` use these rows and know no resource by name. The facts come from the
vendor's public API description, early 2026. The module is as long as the table.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from omnium_source.errors import ConfigurationError

Rule = Literal["window", "event", "from", "trailing", "open", "full", "versions"]
"""How a resource stays current.

window    a request can bound `modified` from and to: read what changed since the last complete window
event     a request can bound the time of the event from and to, and rows never change: read the new ones
from      a request can bound `modified` only from below: read everything that changed since then
trailing  a request can bound only creation, and rows change later: read a trailing period again, and
          everything every few days
open      like trailing, but it is known which rows can still change: those not in a final status, and those
          that a changed parent names
full      there is no filter: read everything, write only what differs
versions  follow the chain of versions of each changed supplier
"""

LEFT_OUT = "left_out_before"
"""Key in a resource's state: `since` left out the rows before this moment (ISO 8601). The load that reads these rows
removes it."""


@dataclass(frozen=True)
class ValueFilter:
    """A request field that takes a list of values, and the response field that they are compared with.

    The rows of the resource `listed_in` list further possible values, at the paths `listed_at`.
    """

    field: str
    path: str
    listed_in: str = ""
    listed_at: tuple[str, ...] = ("id",)


@dataclass(frozen=True)
class OptionalFields:
    """Fields that are read only if a setting asks for them, and the request's flag that leaves them out."""

    fields: tuple[str, ...]
    flag: str
    meaning: str


@dataclass(frozen=True)
class Resource:
    """One row of the table.

    One record, as it is a row of the table.
    """

    name: str
    schema: str
    """Name of the rows' schema in the contract."""
    search: str = ""
    """POST path of the search."""
    by_get: bool = False
    """Whether `search` is a GET path instead; such a request has no body, and one answer holds everything."""
    scroll: str = ""
    """POST path that starts a scroll."""
    scroll_next: str = ""
    """GET path that continues a scroll. The default is `scroll` with `ScrollSearch` replaced by `Scroll`."""
    key: tuple[str, ...] = ("id",)
    """JSON paths of the response that together identify a row."""
    has_own_id: bool = True
    """Whether the key is unique. False: two rows may have the same key."""
    rule: Rule = "full"
    lower: str = ""
    upper: str = ""
    """The request's fields that bound the cursor."""
    cursor: str = "modified"
    """JSON path of the response: the stamp that windows are bounded by."""
    created_lower: str = ""
    created_upper: str = ""
    """The request's fields that bound creation. They split a window whose rows all have the same cursor stamp."""
    take: int = 100
    """Rows per page of a search."""
    scroll_take: int = 100
    scroll_take_field: str = "take"
    """Rows per batch of a scroll, and the request's field for that number."""
    page_base: int = 0
    """The number of the first page."""
    page_base_is_clear: bool = True
    """False if the description contradicts itself: the first two pages show where counting starts."""
    paged: bool = True
    """Whether the search takes a page number."""
    sort: str = ""
    """The stamp that `sortOrder` orders by."""
    role: str = ""
    """The role that the API user needs."""
    body: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Fields that every request has."""
    excluded: frozenset[str] = frozenset()
    """Fields of the response that are not read and therefore get no column."""
    optional: Mapping[str, OptionalFields] = field(default_factory=lambda: MappingProxyType({}))
    """Fields among `excluded` that a setting can ask for, by the name of the setting."""
    key_only: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Added to the body for a sweep, which needs only keys."""
    status: str = ""
    final_statuses: tuple[str, ...] = ()
    """The field of a row's status, and the statuses in which a row no longer changes."""
    value_filters: tuple[ValueFilter, ...] = ()
    """Filters that split a scroll which no time bound can split, the one with the fewest values first."""
    deleted: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Added to the body, it asks for deleted rows alone; their stamps show when they changed, as those of others do."""
    newest_first: str = ""
    """Path of the search that returns the newest changes first by `sortOrder`, if the server honours it."""
    is_history: bool = False
    """Whether rows are events or transactions, so that `since` leaves out old ones. All other resources hold what such
    rows refer to or what is true now (suppliers, products, stock, prices); all their rows are read, however old."""
    is_bare_list: bool = False
    """Whether the description says that the answer is a list without a count, or does not say what it is."""

    def __post_init__(self) -> None:
        """Derive `scroll_next` and `paged`."""
        if self.scroll and not self.scroll_next:
            object.__setattr__(self, "scroll_next", self.scroll.replace("ScrollSearch", "Scroll"))
        if self.by_get:
            object.__setattr__(self, "paged", False)

    @property
    def batch_size(self) -> dict[str, int]:
        """The request's field and value for the size of a scroll's batches, if that field is not `take`."""
        return {} if self.scroll_take_field == "take" else {self.scroll_take_field: self.scroll_take}

    @property
    def is_bounded(self) -> bool:
        """Whether a request can bound both ends of a window."""
        return bool(self.lower and self.upper)

    @property
    def scrolls(self) -> bool:
        """Whether a scroll can read more rows than the pages of a search show."""
        return bool(self.scroll or self.scroll_next)


OPTIONAL_OF_PRODUCTS = MappingProxyType(
    {
        "assets": OptionalFields(
            ("assets", "variants.assets"), "isAssetsExcluded", "pictures and other media"
        ),
        "prices": OptionalFields(
            ("prices", "variants.prices"), "isPricesExcluded", "prices (besides the resource `prices`)"
        ),
        "inventory": OptionalFields(
            ("inventory", "variants.inventory"),
            "isInventoryExcluded",
            "stock levels (besides the resource `inventory`)",
        ),
    }
)
OPTIONAL_OF_INVENTORY = MappingProxyType(
    {"batches": OptionalFields(("batches",), "isBatchesExcluded", "batches of an article in a warehouse")}
)
PRODUCT_BODY = MappingProxyType(
    {
        "isFacetsDisabled": True,
        "isPricesExcluded": True,
        "isProductLanguageFilterIgnored": True,
        "excludedFields": {one.flag: True for one in OPTIONAL_OF_PRODUCTS.values()},
    }
)
PRODUCT_KEYS_ONLY = MappingProxyType(
    {
        "excludedFields": {"isEverythingExcluded": True},
        "includedFields": {"specificFields": ["id"]},
    }
)
BY_STORE = ValueFilter("storeIds", "storeId", "stores")
BY_MARKET = ValueFilter("marketIds", "marketId")
SKU_IDS = ("skuId", "variants.skuId")
ANALYTICS_BODY = MappingProxyType(
    dict.fromkeys(
        (
            "includeOrderLines",
            "includeReturns",
            "includeShipping",
            "isContactPersonIncluded",
            "isCustomerPropertiesIncluded",
            "isInvoiceAddressPropertiesIncluded",
            "isOrderDefaultPropertiesIncluded",
            "isOrderPropertiesIncluded",
            "isPaymentPropertiesIncluded",
            "isProductPropertiesIncluded",
            "isPromotionPropertiesIncluded",
            "isShipmentPropertiesIncluded",
            "isShippingAddressPropertiesIncluded",
            "isStorePropertiesIncluded",
            "isSupplierPropertiesIncluded",
            "isWarehousePropertiesIncluded",
        ),
        True,
    )
)


def _fields_of(optional: Mapping[str, OptionalFields]) -> frozenset[str]:
    return frozenset(name for one in optional.values() for name in one.fields)


def _modified(**row: Any) -> Resource:
    """A row of a resource whose requests can bound `modified` from and to."""
    return Resource(
        **{
            "rule": "window",
            "lower": "modifiedFrom",
            "upper": "modifiedTo",
            "created_lower": "createdFrom",
            "created_upper": "createdTo",
            **row,
        }
    )


def _created(**row: Any) -> Resource:
    """A row of a resource whose rows change, but whose requests can bound only creation."""
    return Resource(
        **{"rule": "trailing", "lower": "createdFrom", "upper": "createdTo", "cursor": "created", **row}
    )


_ROWS = (
    _modified(
        name="orders",
        is_history=True,
        schema="OmniumOrder",
        search="Orders/Search",
        scroll="Orders/Scroll",
        sort="Modified",
        role="OrderRead",
        body={"disableFacets": True},
    ),
    _modified(
        name="returns",
        is_history=True,
        schema="OmniumReturnOrderViewModel",
        search="Returns/SearchReturnOrders",
        key=("orderId", "returnOrderForm.returnId"),
        cursor="returnOrderForm.modified",
        role="OrderRead",
    ),
    _created(
        name="order_line_analytics",
        is_history=True,
        schema="OmniumAnalyticsOrderLine",
        search="AnalyticsOrders/Search",
        cursor="order.created",
        sort="Created",
        role="OrderRead",
        body=ANALYTICS_BODY,
    ),
    Resource(
        name="carts",
        is_history=True,
        schema="OmniumCart",
        search="Cart/Search",
        scroll="Cart/ScrollSearch",
        rule="from",
        lower="changedSince",
        created_lower="createdFrom",
        created_upper="createdTo",
        sort="Modified",
        role="CartRead",
    ),
    _created(
        name="cart_templates",
        schema="OmniumCartTemplate",
        search="CartTemplate/Search",
        role="CartRead",
    ),
    _modified(
        name="private_customers",
        schema="OmniumPrivateCustomer",
        search="PrivateCustomers/Search",
        scroll="PrivateCustomers/Scroll",
        key=("customerId",),
        sort="Modified",
        role="CustomerRead",
    ),
    _modified(
        name="business_customers",
        schema="OmniumBusinessCustomer",
        search="BusinessCustomers/Search",
        scroll="BusinessCustomers/Scroll",
        key=("customerId",),
        sort="Modified",
        role="CustomerRead",
    ),
    Resource(
        name="customer_club_members",
        schema="OmniumCustomerClubMember",
        search="PrivateCustomers/CustomerClubMembers/Search",
        scroll_next="PrivateCustomers/ScrollCustomerClubMembers",
        key=("customerId",),
        role="CustomerRead",
        value_filters=(BY_STORE, BY_MARKET),
    ),
    _created(
        name="customer_groups",
        schema="OmniumCustomerGroup",
        search="CustomerGroups/CustomerGroups/Search",
        role="CustomerRead",
    ),
    _modified(
        name="products",
        schema="OmniumProduct",
        # Products/SearchProducts returns list items, not the full model.
        scroll="Products/Scroll",
        created_lower="",
        created_upper="",
        sort="Modified",
        role="ProductRead",
        body=PRODUCT_BODY,
        optional=OPTIONAL_OF_PRODUCTS,
        excluded=_fields_of(OPTIONAL_OF_PRODUCTS),
        key_only=PRODUCT_KEYS_ONLY,
        deleted=MappingProxyType({"isDeleted": True}),
    ),
    Resource(
        name="product_categories",
        schema="OmniumProductCategory",
        scroll="ProductCategories/ScrollSearch",
        scroll_take=10_000,
        role="ProductRead",
    ),
    Resource(
        name="product_alerts",
        schema="OmniumProductAlert",
        search="ProductAlerts/SearchProductAlerts",
        is_bare_list=True,
        role="ProductRead",
    ),
    Resource(
        name="prices",
        schema="OmniumPrice",
        search="Prices/Search",
        scroll_next="Prices/Scroll",
        key=(
            "productId",
            "skuId",
            "code",
            "marketId",
            "marketGroupId",
            "storeId",
            "customerId",
            "customerGroup",
            "currencyCode",
            "unit",
            "minQuantity",
            "validFrom",
            "validUntil",
            "priceType",
            "priceListId",
            "priceListItemId",
            "promotionId",
        ),
        has_own_id=False,
        rule="from",
        lower="lastModified",
        paged=False,
        scroll_take=1_000,
        scroll_take_field="scrollSize",
        role="ProductRead",
        value_filters=(ValueFilter("productCodes", "skuId", "products", SKU_IDS),),
    ),
    Resource(
        name="cost_prices",
        schema="OmniumCostPrice",
        search="CostPrices/Search",
        scroll_next="CostPrices/Scroll",
        key=(
            "productId",
            "skuId",
            "ean",
            "supplier",
            "marketId",
            "marketGroupId",
            "storeId",
            "storeGroupId",
            "currencyCode",
            "unit",
            "type",
            "validFrom",
            "validUntil",
        ),
        has_own_id=False,
        rule="from",
        lower="lastModified",
        paged=False,
        role="ProductRead",
        value_filters=(ValueFilter("productCodes", "skuId", "products", SKU_IDS),),
    ),
    Resource(
        name="price_lists",
        schema="OmniumPriceList",
        search="PriceLists/SearchPriceLists",
        newest_first="PriceLists/SearchPriceLists",
        sort="Created",
        role="ProductRead",
    ),
    Resource(
        name="price_list_items",
        schema="OmniumPriceListItem",
        newest_first="PriceListItems/Search",
        scroll="PriceListItems/ScrollSearch",
        scroll_take=1_000,
        scroll_take_field="scrollSize",
        sort="Created",
        role="ProductRead",
        value_filters=(ValueFilter("priceListIds", "priceListId", "price_lists"),),
    ),
    _modified(
        name="promotions",
        schema="OmniumPromotion",
        search="Promotions/Search",
        scroll_next="Promotions/Scroll",
        cursor="updatedDate",
        created_lower="",
        created_upper="",
        page_base=1,
        role="PromotionRead",
    ),
    Resource(
        name="inventory",
        schema="OmniumInventoryItem",
        search="Inventory/Search",
        scroll_next="Inventory/Scroll",
        key=("sku", "warehouseCode"),
        rule="from",
        lower="lastModified",
        paged=False,
        take=1_000,
        role="InventoryRead",
        body={"isBatchesExcluded": True},
        optional=OPTIONAL_OF_INVENTORY,
        excluded=_fields_of(OPTIONAL_OF_INVENTORY),
        value_filters=(
            ValueFilter("warehouseCodes", "warehouseCode", "stores"),
            ValueFilter("productCodes", "sku", "products", SKU_IDS),
        ),
    ),
    Resource(
        name="inventory_transactions",
        is_history=True,
        schema="OmniumInventoryTransaction",
        search="Inventory/SearchTransactions",
        scroll_next="Inventory/ScrollTransactions",
        rule="event",
        lower="from",
        upper="to",
        cursor="transactionDate",
        page_base=1,
        role="InventoryRead",
    ),
    _modified(
        name="stores",
        schema="OmniumStore",
        search="Stores/SearchStores",
        sort="Modified",
        role="StoreRead",
        body={"includeInactive": True},
    ),
    _modified(
        name="suppliers",
        schema="OmniumSupplier",
        search="Suppliers/Search",
        # The reference says 1; the schema's comment on the same request says 0.
        page_base_is_clear=False,
        role="SupplierRead",
    ),
    _modified(
        name="supplier_versions",
        schema="OmniumSupplierVersion",
        search="Suppliers/Search",
        key=("id", "versionId"),
        rule="versions",
        page_base_is_clear=False,
        role="SupplierRead",
    ),
    _modified(
        name="purchase_orders",
        is_history=True,
        schema="OmniumPurchaseOrder",
        search="PurchaseOrders/Search",
        scroll="PurchaseOrders/Scroll",
        sort="Modified",
        role="PurchaseOrderRead",
    ),
    _created(
        name="deliveries",
        is_history=True,
        schema="OmniumDelivery",
        search="Deliveries/Search",
        newest_first="Deliveries/Search",
        rule="open",
        sort="Created",
        role="PurchaseOrderRead",
        status="deliveryStatus",
        final_statuses=("Completed", "Cancelled", "Canceled", "Deleted"),
    ),
    _created(
        name="gift_cards",
        schema="OmniumGiftCard",
        search="GiftCard/Search",
        scroll="GiftCard/Scroll",
        role="OrderRead",
    ),
    Resource(
        name="vouchers",
        schema="OmniumVoucher",
        search="Vouchers/Search",
        newest_first="Vouchers/Search",
        scroll="Vouchers/ScrollSearch",
        sort="Created",
        role="OrderRead",
        value_filters=(ValueFilter("statuses", "status"), ValueFilter("customerIds", "customerId")),
    ),
    _created(
        name="invoices",
        is_history=True,
        schema="OmniumInvoice",
        search="Invoices/Search",
        newest_first="Invoices/Search",
        sort="Created",
        role="OrderRead",
    ),
    _created(
        name="payment_transactions",
        is_history=True,
        schema="OmniumPaymentTransaction",
        search="PaymentReport",
        paged=False,
        role="OrderRead",
    ),
    _created(
        name="pick_lists",
        is_history=True,
        schema="OmniumPickList",
        search="PickList/Search",
        newest_first="PickList/Search",
        sort="Created",
        role="OrderRead",
    ),
    Resource(
        name="subscriptions",
        schema="OmniumSubscription",
        search="Subscriptions/Search",
        role="OrderRead",
    ),
    Resource(
        name="ratings",
        schema="OmniumRating",
        search="Ratings/Search",
        scroll="Ratings/ScrollSearch",
        role="ProductRead",
        value_filters=(BY_STORE, BY_MARKET),
    ),
    _modified(
        name="projects",
        schema="OmniumProject",
        search="Projects/Search",
        sort="Modified",
        role="ProjectRead",
    ),
    Resource(
        name="project_logs",
        schema="OmniumProjectLog",
        search="Projects/ProjectLogs/Search",
        # A list without a count would not reveal a wrong base.
        page_base_is_clear=False,
        is_bare_list=True,
        role="ProjectRead",
    ),
    Resource(
        name="time_entries",
        is_history=True,
        schema="OmniumTimeEntry",
        search="Projects/TimeEntries/Search",
        page_base_is_clear=False,
        rule="trailing",
        lower="dateFrom",
        upper="dateTo",
        cursor="date",
        is_bare_list=True,
        role="ProjectRead",
    ),
    Resource(
        name="event_log",
        is_history=True,
        schema="OmniumEventLogItem",
        search="EventLog/Search",
        rule="event",
        lower="createdFrom",
        upper="createdTo",
        cursor="timestamp",
        role="SettingsRead",
    ),
    Resource(
        name="comments",
        schema="OmniumComment",
        search="Comments/Search",
        page_base_is_clear=False,
        is_bare_list=True,
        role="OrderRead",
    ),
)

RESOURCES: Mapping[str, Resource] = MappingProxyType({row.name: row for row in _ROWS})


def select(names: Iterable[str] | None, exclude: Iterable[str] = ()) -> list[Resource]:
    """The rows named in `names` (None: all rows) and not in `exclude`, in the table's order.

    Raises ConfigurationError for an unknown name, with the nearest known one. Also raises if no row is left: otherwise
    a scheduler's variable that is not set would read nothing and report success.
    """
    wanted, unwanted = (set(RESOURCES) if names is None else set(names)), set(exclude)
    for name in sorted(wanted | unwanted):
        if name not in RESOURCES:
            near = difflib.get_close_matches(name, RESOURCES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`omnium-elt resources` lists them all."
            raise ConfigurationError(f"unknown resource {name!r}: {hint}")
    chosen = [row for row in RESOURCES.values() if row.name in wanted and row.name not in unwanted]
    if not chosen:
        raise ConfigurationError(
            "no resource is chosen: leave --resources out for all of them, and --exclude fewer than all"
        )
    return chosen
