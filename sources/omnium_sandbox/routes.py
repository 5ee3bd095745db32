"""The routes of the API. A loop over the table of resources registers every regular route."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

import orjson

from omnium_sandbox.answers import Answer, BadRequest, NotFound, Refused
from omnium_sandbox.behaviour import Behaviour
from omnium_sandbox.endpoints import RESOURCES, Resource
from omnium_sandbox.rows import Row
from omnium_sandbox.search import Searches
from omnium_sandbox.tenant import Tenant
from omnium_sandbox.writes import Writes


@dataclass
class Call:
    """The request as a route gets it."""

    body: Row
    query: dict[str, str]
    rest: str
    """The part of the path after the route's prefix, unquoted."""
    raw: bytes = b""
    again: bool = False


@dataclass(frozen=True)
class Route:
    """The role that a route needs, its handler, and the limits that apply."""

    role: str
    handle: Callable[[Call], bytes]
    is_read_of_stock: bool = False
    starts_scroll: bool = False


class Routes:
    """All paths of the API that the sandbox answers."""

    def __init__(self, tenant: Tenant, searches: Searches, behaviour: Behaviour) -> None:
        self._tenant, self._searches, self._behaviour = tenant, searches, behaviour
        self._routes: dict[str, Route] = {}
        self._prefixes: dict[str, Route] = {}
        self._register()

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """The route of a request, and the part of the path after the route's prefix, unquoted."""
        name = f"{method} {path}".lower().rstrip("/")
        if name in self._routes:
            return self._routes[name], ""
        fitting = [prefix for prefix in self._prefixes if name.startswith(prefix)]
        if not fitting:
            if any(known.endswith(name.partition(" ")[2]) for known in self._routes):
                raise Refused(405)
            raise NotFound("")
        prefix = max(fitting, key=len)
        # The prefix includes the method and a blank, which the path lacks.
        return self._prefixes[prefix], unquote(path[len(prefix) - len(method) - 1 :])

    def _register(self) -> None:
        self._routes["get /api/markets"] = Route("StoreRead", lambda _: orjson.dumps(_MARKETS))
        for resource in RESOURCES.values():
            resource.check()
            if not resource.search:
                continue
            is_stock = resource.role in ("ProductRead", "InventoryRead")
            if resource.search != resource.scroll:
                path = f"{'GET' if resource.by_get else 'POST'} /api/{resource.search}".lower()
                if path in self._routes:
                    raise ValueError(f"{resource.name}: another row, or this module, answers {path} already")
                self._routes[path] = Route(resource.role, partial(self._search, resource), is_stock)
            if resource.scroll:
                self._routes[f"POST /api/{resource.scroll}".lower()] = Route(
                    resource.role, partial(self._start_scroll, resource), is_stock, starts_scroll=True
                )
            if resource.more:
                self._prefixes[f"GET /api/{resource.more}/".lower()] = Route(
                    resource.role, self._continue_scroll, is_stock
                )
        for path, name in _LISTS.items():
            self._routes[f"GET /api/{path}".lower()] = Route(RESOURCES[name].role, partial(self._list, name))
        self._prefixes["get /api/suppliers/"] = Route("SupplierRead", self._supplier)
        self._register_writes(Writes(self._tenant))

    def _register_writes(self, writes: Writes) -> None:
        supplier, order = partial(Route, "SupplierAdmin"), partial(Route, "PurchaseOrderAdmin")
        self._routes |= {
            "put /api/suppliers": supplier(lambda call: writes.save_supplier(call.raw)),
            "put /api/suppliers/updatemany": supplier(lambda call: writes.save_suppliers(call.raw)),
            "post /api/purchaseorders": order(lambda call: writes.create_order(call.raw)),
            "put /api/purchaseorders": order(lambda call: writes.put_order(call.raw)),
        }
        self._prefixes |= {
            "delete /api/suppliers/": supplier(lambda call: writes.delete_supplier(call.rest)),
            "patch /api/purchaseorders/": order(
                lambda call: writes.patch_order(call.rest, call.raw, call.query)
            ),
        }

    def _search(self, resource: Resource, call: Call) -> bytes:
        answer = self._searches.search(self._tenant.collection(resource.name), call.body)
        return self._envelope(answer, is_bare_list=resource.is_bare_list)

    def _start_scroll(self, resource: Resource, call: Call) -> bytes:
        return self._envelope(self._searches.start_scroll(self._tenant.collection(resource.name), call.body))

    def _continue_scroll(self, call: Call) -> bytes:
        return self._envelope(self._searches.scrolls.go_on(call.rest, again=call.again))

    def _envelope(self, answer: Answer, *, is_bare_list: bool = False) -> bytes:
        rows, limit = b",".join(answer.rows), self._behaviour.count_limit
        if is_bare_list:
            return b"[" + rows + b"]"
        total = answer.total if limit is None else min(answer.total, limit)
        parts = [b'{"result":[', rows, b'],"totalHits":', str(total).encode(), b',"isValid":true']
        if answer.facets is not None:
            parts += [b',"facets":', answer.facets]
        parts += [b',"scrollId":', orjson.dumps(answer.scroll_id), b"}"]
        return b"".join(parts)

    def _list(self, name: str, call: Call) -> bytes:
        """Answer a GET listing, with page, pageSize and changedSince in the query."""
        request: Row = {}
        try:
            for asked, field_name in (("page", "page"), ("pageSize", "take")):
                if asked in call.query:
                    request[field_name] = int(call.query[asked])
        except ValueError as error:
            raise BadRequest(f"The query is not valid: {error}") from None
        if "changedSince" in call.query:
            request["modifiedFrom"] = call.query["changedSince"]
        if "filterPublicVisible" in call.query:
            request["includeInactive"] = False
        return self._envelope(self._searches.search(self._tenant.collection(name), request, is_list=False))

    def _supplier(self, call: Call) -> bytes:
        supplier_id, _, version_id = call.rest.partition("/")
        if not version_id:
            supplier = self._tenant.collection("suppliers").get_bytes(supplier_id)
            if supplier is None:
                raise NotFound(f"Supplier {supplier_id} was not found.")
            return supplier
        version = self._tenant.get("supplier_versions", (supplier_id, version_id))
        if version is None:
            raise NotFound(f"Supplier {supplier_id} has no version {version_id}.")
        return orjson.dumps(version if self._behaviour.supplier_version == "wrapped" else version["value"])


_LISTS = {
    "Orders/GetOrders": "orders",
    "Invoices": "invoices",
    "BusinessCustomers/GetAll": "business_customers",
    "ProductCategories": "product_categories",
    "Stores": "stores",
}

_MARKETS = [
    {"marketId": "nor", "marketName": "Norge", "currency": "NOK", "countryCode": "NO", "isActive": True},
    {"marketId": "swe", "marketName": "Sverige", "currency": "SEK", "countryCode": "SE", "isActive": True},
]
