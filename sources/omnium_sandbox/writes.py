"""Changes of suppliers and purchase orders by a user with an admin role, as the API's description has them.

PUT    Suppliers               replaces: a missing field becomes null, 0 or an empty list; creates a new version
PUT    Suppliers/UpdateMany    the same for a list
DELETE Suppliers/{id}
POST   PurchaseOrders          creates with the given id; 409 if it exists
PUT    PurchaseOrders          replaces or creates; without an id, the server assigns one
PATCH  PurchaseOrders/{id}     changes only the fields that are sent
"""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from omnium_sandbox.answers import BadRequest, Conflict, NotFound
from omnium_sandbox.endpoints import schemas
from omnium_sandbox.rows import Row, iso, to_json
from omnium_sandbox.tenant import Tenant

MOST_ITEMS = 1_000
"""Most suppliers of one UpdateMany."""
MOST_OF_A_SUPPLIER = {"properties": 500, "externalIds": 250, "contacts": 250, "storeIds": 1_000}
ZERO_WHEN_LEFT_OUT = {"OmniumSupplier": {"shipmentCost"}, "OmniumPurchaseOrder": set[str]()}
KEYS_OF_ITEMS = ("lineItemId", "key", "id")
"""Fields that identify an item of a list; the first one that the item has counts."""


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


def exactly(raw: bytes) -> Any:
    """The JSON of a request, each number with all its digits; None if the request has no body."""
    try:
        return _DECODER.decode(raw) if raw else None
    except msgspec.DecodeError as error:
        raise BadRequest(f"The JSON is not valid: {error}") from None


class Writes:
    """Changes of a tenant through the API."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    # Suppliers

    def save_supplier(self, raw: bytes) -> bytes:
        """PUT Suppliers. Returns the saved supplier."""
        return to_json(self._saved(exactly(raw)))

    def save_suppliers(self, raw: bytes) -> bytes:
        """PUT Suppliers/UpdateMany. The answer has no body; suppliers without a change are skipped."""
        rows = exactly(raw)
        if not isinstance(rows, list) or not rows:
            raise BadRequest("The list of suppliers is empty.")
        if len(rows) > MOST_ITEMS:
            raise BadRequest(f"At most {MOST_ITEMS:,} suppliers can be updated at once.")
        seen: set[str] = set()
        for row in rows:
            supplier_id = _id_of(row, "supplier")
            if supplier_id in seen:
                raise BadRequest(f"The supplier id {supplier_id} is not unique.")
            seen.add(supplier_id)
        for row in rows:
            before = self._kept("suppliers", row["id"])
            if before is None or _replaced(row, "OmniumSupplier") != _replaced(before, "OmniumSupplier"):
                self._saved(row)
        return b""

    def _saved(self, row: Any) -> Row:
        _id_of(row, "supplier")
        for name, most in MOST_OF_A_SUPPLIER.items():
            if len(row.get(name) or ()) > most:
                raise BadRequest(f"A supplier has at most {most} {name}.")
        full = _replaced(row, "OmniumSupplier")
        if full["created"] is None:
            del full["created"]  # the server sets it
        return self._tenant.save_supplier(full, user="api")

    def _kept(self, resource: str, key: str) -> Row | None:
        """The stored row, each number with all its digits."""
        return exactly(self._tenant.collection(resource).get_bytes(key) or b"")

    def delete_supplier(self, supplier_id: str) -> bytes:
        """DELETE Suppliers/{id}."""
        if not self._tenant.delete("suppliers", supplier_id):
            raise NotFound(f"Supplier {supplier_id} was not found.")
        return b""

    # Purchase orders

    def create_order(self, raw: bytes) -> bytes:
        """POST PurchaseOrders. Returns the stored order."""
        row = exactly(raw)
        order_id = _id_of(row, "purchase order")
        if self._tenant.get("purchase_orders", order_id) is not None:
            raise Conflict(f"Purchase order {order_id} exists.")
        return self._keep_order(row)

    def put_order(self, raw: bytes) -> bytes:
        """PUT PurchaseOrders: replaces or creates an order. Without an id, the server assigns one."""
        row = exactly(raw)
        if not isinstance(row, dict):
            raise BadRequest("The purchase order is missing.")
        row.setdefault("id", uuid.uuid4().hex)
        return self._keep_order(row)

    def patch_order(self, order_id: str, raw: bytes, query: Mapping[str, str]) -> bytes:
        """PATCH PurchaseOrders/{id}: fields that are not sent stay, and so do items of lists by default."""
        before, change = self._kept("purchase_orders", order_id), exactly(raw)
        if before is None:
            raise NotFound(f"Purchase order {order_id} was not found.")
        if not isinstance(change, dict):
            raise BadRequest("The change is missing.")
        after = dict(before)
        for name, value in change.items():
            flag = "keepExistingCustomProperties" if name == "properties" else "keepExistingListItems"
            keeps = query.get(flag, "true").lower() != "false"
            after[name] = _joined(before.get(name), value) if keeps and isinstance(value, list) else value
        after["id"] = order_id
        return self._keep_order(after)

    def _keep_order(self, row: Row) -> bytes:
        saved = _replaced(row, "OmniumPurchaseOrder")
        before = self._tenant.get("purchase_orders", str(saved["id"])) or {}
        saved["status"] = saved.get("status") or "New"
        saved["purchaseOrderNumber"] = (
            saved.get("purchaseOrderNumber") or before.get("purchaseOrderNumber") or f"PO-{saved['id']}"
        )
        saved["created"] = before.get("created") or saved.get("created") or iso(self._tenant.clock())
        saved["modified"], saved["versionId"] = iso(self._tenant.clock()), uuid.uuid4().hex
        for line in (saved.get("purchaseOrderForm") or {}).get("lineItems") or ():
            line["lineItemId"] = line.get("lineItemId") or uuid.uuid4().hex
            line["purchaseOrderId"] = saved["id"]
            for counted in ("deliveredQuantity", "canceledQuantity"):
                line.setdefault(counted, 0)
        self._tenant.put("purchase_orders", saved, modified=saved["modified"])
        return to_json(saved)


def _id_of(row: Any, what: str) -> str:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not row["id"]:
        raise BadRequest(f"The {what} needs an id.")
    return str(row["id"])


def _replaced(row: Row, schema: str) -> Row:
    """The complete object of a request that replaces one: missing fields become null, 0 or an empty list."""
    full: Row = {}
    for name, kind in schemas()[schema].items():
        is_list, is_zero = str(kind).startswith("["), name in ZERO_WHEN_LEFT_OUT[schema]
        full[name] = [] if is_list else 0 if is_zero else None
    return {**full, **row}


def _joined(before: Any, after: Sequence[Any]) -> list[Any]:
    """The items of both lists; an item of `after` replaces the one in `before` with the same key."""

    def key(item: Any) -> Any:
        if isinstance(item, dict):
            return next(((name, item[name]) for name in KEYS_OF_ITEMS if item.get(name)), id(item))
        return item

    items = {key(item): item for item in before or ()}
    items.update({key(item): item for item in after})
    return list(items.values())
