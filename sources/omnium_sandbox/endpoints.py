"""The sandbox's table of resources: one row for each, with what its endpoints accept.

The server registers every regular route from RESOURCES. The fields of requests and responses (schemas.json beside this
file) come from the vendor's public description. This table has what the description says only in prose: keys, page
bases, and which request field filters which response field. The module is as long as the table.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

TakeStyle = Literal["page", "batch", "all"]
"""page: `take` and `page`; batch: up to a fixed number of rows, and a scroll for the others; all: one answer."""

Bound = Literal["from", "to", "after"]
"""from and to include the given moment, after excludes it."""


@dataclass(frozen=True)
class Resource:
    """A resource of the tenant and the endpoints that show it.

    One record, as it is a row of the table.
    """

    name: str
    schema: str
    role: str
    search: str
    request: str
    key: tuple[str, ...] = ("id",)
    created: str | None = "created"
    modified: str | None = "modified"
    scroll: str | None = None
    """POST path that starts a scroll."""
    more: str | None = None
    """GET path, without the id, that continues a scroll; by default derived from `scroll`. If `scroll` is empty, a
    search starts the scroll."""
    page_base: int = 0
    take: TakeStyle = "page"
    take_default: int = 10
    scroll_take_limit: int = 100
    by_get: bool = False
    """Whether the search is a GET without a request body."""
    is_bare_list: bool = False
    facets_flag: str | None = None
    event_times: Mapping[str, tuple[str, Bound]] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    """Request fields that filter the response field of the same name."""
    other_filters: Mapping[str, str] = field(default_factory=dict)
    """Request fields that filter a field of another name: request field -> path in the row."""
    list_schema: str | None = None
    """Schema of search results, if they have fewer fields than the full model."""
    is_immutable: bool = False

    def __post_init__(self) -> None:
        """Derive `more` from `scroll`."""
        if self.scroll and not self.more:
            object.__setattr__(self, "more", self.scroll.replace("ScrollSearch", "Scroll"))

    def check(self) -> None:
        """Raise ValueError if this row names a request, or a field of one, that the API's description lacks.

        Such a filter would match every row unnoticed.
        """
        if self.search and not self.by_get and self.request not in schemas():
            raise ValueError(f"{self.name}: the description has no request {self.request!r}")
        unknown = {*self.filtered(), *self.event_times} - request_fields(self.request).keys()
        if unknown:
            raise ValueError(f"{self.name}: {self.request} has no field {', '.join(sorted(unknown))}")

    def filtered(self) -> dict[str, str]:
        """Request fields that filter by value: name -> path in the row."""
        return {**{name: name for name in self.filters}, **self.other_filters}

    def times(self) -> dict[str, tuple[str, Bound]]:
        """Request fields that bound a time: name -> (path in the row, kind of bound)."""
        fields = request_fields(self.request)
        usual: dict[str, tuple[str | None, Bound]] = {
            "createdFrom": (self.created, "from"),
            "createdTo": (self.created, "to"),
            "modifiedFrom": (self.modified, "from"),
            "modifiedTo": (self.modified, "to"),
            "changedSince": (self.modified, "from"),
            "lastModified": (self.modified, "after"),
        }
        bounds = {name: (path, bound) for name, (path, bound) in usual.items() if path and name in fields}
        return {**bounds, **self.event_times}


@cache
def schemas() -> dict[str, dict[str, str]]:
    """Schema -> field -> type: s text, t date-time, n number, i integer, b boolean, @One, [Many], [s]."""
    text = files(__package__).joinpath("schemas.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, str]] = json.loads(text)
    return loaded


def request_fields(name: str) -> dict[str, str]:
    """The fields of a request schema. The server ignores other fields, as the vendor's does."""
    return schemas().get(name, {})


_ROWS = [
    Resource(
        "orders",
        "OmniumOrder",
        "OrderRead",
        "Orders/Search",
        "OmniumOrderSearchRequest",
        scroll="Orders/Scroll",
        facets_flag="disableFacets",
        filters=("customerId", "customerNumber", "orderNumber", "orderType", "projectId", "tags"),
        other_filters={
            "customerIds": "customerId",
            "selectedStores": "storeId",
            "selectedMarkets": "marketId",
            "selectedStatuses": "status",
        },
    ),
    Resource(
        "returns",
        "OmniumReturnOrderViewModel",
        "OrderRead",
        "Returns/SearchReturnOrders",
        "OmniumReturnOrderSearchRequest",
        key=("orderId", "returnOrderForm.returnId"),
        created="returnOrderForm.created",
        modified="returnOrderForm.modified",
        filters=("orderNumber", "customerId"),
        other_filters={"id": "orderId", "selectedStores": "returnStoreId"},
    ),
    Resource(
        "order_line_analytics",
        "OmniumAnalyticsOrderLine",
        "OrderRead",
        "AnalyticsOrders/Search",
        "OmniumAnalyticsOrderLineSearchRequest",
        created="order.created",
        modified=None,
        other_filters={
            "orderIds": "order.orderId",
            "skuIds": "product.skuId",
            "orderStatuses": "order.status",
            "storeIds": "store.storeId",
        },
        event_times={
            "completedFrom": ("order.completed", "from"),
            "completedTo": ("order.completed", "to"),
        },
    ),
    Resource(
        "carts",
        "OmniumCart",
        "CartRead",
        "Cart/Search",
        "OmniumCartSearchRequest",
        scroll="Cart/ScrollSearch",
        filters=("customerId", "projectId", "tags"),
        other_filters={
            "storeIds": "storeId",
            "marketIds": "marketId",
            "statuses": "status",
            "orderTypes": "orderType",
        },
    ),
    Resource(
        "cart_templates",
        "OmniumCartTemplate",
        "CartRead",
        "CartTemplate/Search",
        "OmniumCartTemplateSearchRequestModel",
        filters=("salesPersonId",),
        other_filters={"cartTemplateId": "id"},
    ),
    Resource(
        "private_customers",
        "OmniumPrivateCustomer",
        "CustomerRead",
        "PrivateCustomers/Search",
        "OmniumCustomerSearchRequest",
        key=("customerId",),
        scroll="PrivateCustomers/Scroll",
        filters=("customerId", "email", "phone", "isInactive", "isCustomerClubMember"),
        other_filters={"customerIds": "customerId"},
    ),
    Resource(
        "business_customers",
        "OmniumBusinessCustomer",
        "CustomerRead",
        "BusinessCustomers/Search",
        "OmniumCustomerSearchRequest",
        key=("customerId",),
        scroll="BusinessCustomers/Scroll",
        filters=("customerId", "email", "taxId", "isInactive"),
        other_filters={"customerIds": "customerId"},
    ),
    Resource(
        "customer_club_members",
        "OmniumCustomerClubMember",
        "CustomerRead",
        "PrivateCustomers/CustomerClubMembers/Search",
        "OmniumCustomerClubMemberSearchRequest",
        key=("customerId",),
        created="memberSince",
        modified=None,
        more="PrivateCustomers/ScrollCustomerClubMembers",
        other_filters={"customerIds": "customerId", "storeIds": "storeId", "marketIds": "marketId"},
    ),
    Resource(
        "customer_groups",
        "OmniumCustomerGroup",
        "CustomerRead",
        "CustomerGroups/CustomerGroups/Search",
        "OmniumCustomerGroupSearchRequest",
        other_filters={"customerGroupIds": "id"},
    ),
    Resource(
        "products",
        "OmniumProduct",
        "ProductRead",
        "Products/SearchProducts",
        "OmniumProductSearchRequest",
        scroll="Products/Scroll",
        facets_flag="isFacetsDisabled",
        list_schema="OmniumProductListItemViewModel",
        filters=("isPackage", "isBundle", "isSku", "tags"),
        other_filters={"productIds": "productId", "supplierIds": "supplierId", "productLanguage": "language"},
    ),
    Resource(
        "product_categories",
        "OmniumProductCategory",
        "ProductRead",
        "ProductCategories/ScrollSearch",
        "OmniumProductCategorySearchRequest",
        created=None,
        modified=None,
        scroll="ProductCategories/ScrollSearch",
        scroll_take_limit=10_000,
        filters=("language",),
        other_filters={
            "productCategoryId": "categoryId",
            "productCategoryIds": "categoryId",
            "parentIds": "parentId",
        },
    ),
    Resource(
        "product_alerts",
        "SandboxProductAlert",
        "ProductRead",
        "ProductAlerts/SearchProductAlerts",
        "OmniumProductAlertSearchRequest",
        modified=None,
        filters=("id", "skuId", "storeId", "isActive"),
        other_filters={"warehouseCodes": "warehouseCode"},
    ),
    Resource(
        "prices",
        "OmniumPrice",
        "ProductRead",
        "Prices/Search",
        "OmniumPriceSearchRequest",
        key=(
            "skuId",
            "productId",
            "marketId",
            "marketGroupId",
            "storeId",
            "customerGroup",
            "customerId",
            "currencyCode",
            "priceType",
            "unit",
            "minQuantity",
            "priceListId",
            "validFrom",
        ),
        created=None,
        more="Prices/Scroll",
        take="batch",
        filters=("marketId", "priceType", "unit"),
        other_filters={"productCodes": "skuId"},
    ),
    Resource(
        "cost_prices",
        "OmniumCostPrice",
        "ProductRead",
        "CostPrices/Search",
        "OmniumCostPriceSearchRequest",
        key=(
            "skuId",
            "productId",
            "marketId",
            "marketGroupId",
            "storeId",
            "storeGroupId",
            "supplier",
            "currencyCode",
            "type",
            "unit",
            "validFrom",
        ),
        created=None,
        more="CostPrices/Scroll",
        take="batch",
        other_filters={"productCodes": "skuId", "marketIds": "marketId", "storeIds": "storeId"},
    ),
    Resource(
        "price_lists",
        "OmniumPriceList",
        "ProductRead",
        "PriceLists/SearchPriceLists",
        "OmniumPriceListSearchRequest",
        filters=("isActive",),
        other_filters={"supplierIds": "supplierId", "currencyCodes": "currencyCode"},
    ),
    Resource(
        "price_list_items",
        "OmniumPriceListItem",
        "ProductRead",
        "PriceListItems/Search",
        "OmniumPriceListItemSearchRequest",
        modified=None,
        scroll="PriceListItems/ScrollSearch",
        scroll_take_limit=1_000,
        filters=("priceListId",),
        other_filters={"priceListIds": "priceListId"},
    ),
    Resource(
        "promotions",
        "OmniumPromotion",
        "PromotionRead",
        "Promotions/Search",
        "OmniumPromotionSearchRequest",
        created="createdDate",
        modified="updatedDate",
        more="Promotions/Scroll",
        page_base=1,
        other_filters={"marketIds": "markets"},
    ),
    Resource(
        "inventory",
        "OmniumInventoryItem",
        "InventoryRead",
        "Inventory/Search",
        "OmniumInventorySearchRequest",
        key=("sku", "warehouseCode"),
        more="Inventory/Scroll",
        take="batch",
        other_filters={"productCodes": "sku", "warehouseCodes": "warehouseCode"},
    ),
    Resource(
        "inventory_transactions",
        "OmniumInventoryTransaction",
        "InventoryRead",
        "Inventory/SearchTransactions",
        "OmniumInventoryTransactionSearchRequest",
        created="transactionDate",
        modified=None,
        more="Inventory/ScrollTransactions",
        page_base=1,
        is_immutable=True,
        event_times={"from": ("transactionDate", "from"), "to": ("transactionDate", "to")},
        filters=("orderId", "purchaseOrderId", "userId"),
        other_filters={"skuId": "variant", "warehouseCodes": "warehouseCode"},
    ),
    Resource(
        "stores",
        "OmniumStore",
        "StoreRead",
        "Stores/SearchStores",
        "OmniumStoreSearchRequest",
        filters=("isWarehouse", "storeGroupId"),
        other_filters={"storeIds": "id", "marketIds": "availableOnMarkets"},
    ),
    Resource(
        "suppliers",
        "OmniumSupplier",
        "SupplierRead",
        "Suppliers/Search",
        "OmniumSupplierSearchRequest",
        page_base=1,
        filters=("storeIds",),
        other_filters={"supplierId": "id"},
    ),
    Resource(
        "purchase_orders",
        "OmniumPurchaseOrder",
        "PurchaseOrderRead",
        "PurchaseOrders/Search",
        "OmniumPurchaseOrderSearchRequest",
        scroll="PurchaseOrders/Scroll",
        filters=("supplierId", "supplierWarehouseCode", "tags"),
        other_filters={
            "orderNumber": "purchaseOrderNumber",
            "selectedStatuses": "status",
            "selectedStores": "storeId",
        },
    ),
    Resource(
        "deliveries",
        "OmniumDelivery",
        "PurchaseOrderRead",
        "Deliveries/Search",
        "OmniumDeliverySearchRequest",
        event_times={
            "estimatedTimeOfArrivalFrom": ("estimatedTimeOfArrival", "from"),
            "estimatedTimeOfArrivalTo": ("estimatedTimeOfArrival", "to"),
        },
        filters=("supplierIds", "orderType", "tags"),
        other_filters={
            "selectedDeliveries": "id",
            "selectedStatuses": "deliveryStatus",
            "selectedStores": "warehouseCode",
        },
    ),
    Resource(
        "gift_cards",
        "OmniumGiftCard",
        "OrderRead",
        "GiftCard/Search",
        "OmniumGiftCardSearchRequest",
        scroll="GiftCard/Scroll",
        filters=("marketId",),
        other_filters={"giftCardCodes": "giftCardCode", "marketIds": "marketId"},
    ),
    Resource(
        "vouchers",
        "OmniumVoucher",
        "OrderRead",
        "Vouchers/Search",
        "OmniumVoucherSearchRequest",
        scroll="Vouchers/ScrollSearch",
        other_filters={"customerIds": "customerId", "statuses": "status"},
    ),
    Resource(
        "invoices",
        "OmniumInvoice",
        "OrderRead",
        "Invoices/Search",
        "OmniumInvoiceSearchRequest",
        filters=("orderId", "customerId"),
        other_filters={"invoiceId": "id", "invoiceTypes": "invoiceType"},
    ),
    Resource(
        "payment_transactions",
        "OmniumPaymentTransaction",
        "OrderRead",
        "PaymentReport",
        "OmniumPaymentReportSearchRequest",
        modified=None,
        take="all",
        event_times={"paidFrom": ("paidDate", "from"), "paidTo": ("paidDate", "to")},
        filters=("paymentMethodName",),
        other_filters={"storeIds": "paymentStoreId", "marketIds": "paymentMarketId"},
    ),
    Resource("pick_lists", "OmniumPickList", "OrderRead", "PickList/Search", "OmniumPickListSearchRequest"),
    Resource(
        "subscriptions",
        "OmniumSubscription",
        "OrderRead",
        "Subscriptions/Search",
        "OmniumSubscriptionSearchRequest",
        filters=("customerId", "customerNumber"),
    ),
    Resource(
        "ratings",
        "OmniumRating",
        "ProductRead",
        "Ratings/Search",
        "OmniumSearchRatingRequest",
        created="date",
        modified=None,
        scroll="Ratings/ScrollSearch",
        filters=("objectId", "type"),
        other_filters={"storeIds": "storeId"},
    ),
    Resource(
        "projects",
        "OmniumProject",
        "ProjectRead",
        "Projects/Search",
        "OmniumProjectSearchRequest",
        filters=("projectNumber",),
        other_filters={"projectId": "id", "statuses": "status"},
    ),
    Resource(
        "project_logs",
        "OmniumProjectLog",
        "ProjectRead",
        "Projects/ProjectLogs/Search",
        "OmniumProjectLogSearchRequest",
        created="date",
        modified=None,
        page_base=1,
        is_bare_list=True,
        filters=("projectId",),
    ),
    Resource(
        "time_entries",
        "OmniumTimeEntry",
        "ProjectRead",
        "Projects/TimeEntries/Search",
        "OmniumTimeEntrySearchRequest",
        created="date",
        modified=None,
        is_bare_list=True,
        event_times={"dateFrom": ("date", "from"), "dateTo": ("date", "to")},
        filters=("projectId", "status", "userId"),
        other_filters={"ids": "id"},
    ),
    Resource(
        "event_log",
        "OmniumEventLogItem",
        "SettingsRead",
        "EventLog/Search",
        "OmniumEventLogSearchRequest",
        created="timestamp",
        modified=None,
        is_immutable=True,
        filters=("objectId", "eventLogType", "eventLogModel", "status"),
        other_filters={"eventLogItemId": "id"},
    ),
    Resource(
        "comments",
        "OmniumComment",
        "OrderRead",
        "Comments/Search",
        "OmniumCommentSearchRequest",
        modified=None,
        is_bare_list=True,
        other_filters={"objectIds": "objectId", "objectTypes": "objectType", "commentTypes": "type"},
    ),
]

SUPPLIER_VERSIONS = Resource(
    "supplier_versions",
    "OmniumSupplier",
    "SupplierRead",
    "",
    "",
    key=("id", "versionId"),
    modified=None,
    is_immutable=True,
)
"""Versions are read one by one (GET Suppliers/{supplierId}/{versionId}); there is no search."""

RESOURCES: dict[str, Resource] = {row.name: row for row in [*_ROWS, SUPPLIER_VERSIONS]}
