"""A peer that only downloads every resource in turn with httpx and parses each page with orjson.

A scroll is read batch by batch; the pages of a search are read in parallel, AT_ONCE at a time. A search shows at most
10,000 rows; if there are more, its time is extrapolated to all rows.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import orjson
from omnium_source.resources import RESOURCES, Resource

from tests.benchmarks.peer_connection import connected

AT_ONCE = 20
REACH = 10_000


class Loops:
    """A connection pool, and a loop for each kind of endpoint."""

    def __init__(self, client: httpx.Client) -> None:
        self._client, self._pool = client, ThreadPoolExecutor(AT_ONCE)

    def _parsed(self, answer: httpx.Response) -> Any:
        return orjson.loads(answer.raise_for_status().content)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._parsed(self._client.post(path, json=body))

    def read(self, resource: Resource) -> tuple[int, float]:
        """Read a resource; return the number of rows read, and their share of all rows."""
        if resource.name == "supplier_versions":
            return self._versions(resource)
        body = dict(resource.body)
        if resource.scroll:
            first = self._post(resource.scroll, {**body, resource.scroll_take_field: resource.scroll_take})
            return self._scroll(resource, first)
        paging = {"take": resource.take, "page": resource.page_base} if resource.paged else {}
        first = self._post(resource.search, {**body, **paging})
        if isinstance(first, list):
            return len(first), 1.0
        if resource.scroll_next and first.get("scrollId") and len(first["result"]) < first["totalHits"]:
            return self._scroll(resource, first)
        pages = min(-(-first["totalHits"] // resource.take), REACH // resource.take)
        numbers = range(resource.page_base + 1, resource.page_base + pages) if resource.paged else ()

        def page(number: int) -> int:
            answer = self._post(resource.search, {**body, "take": resource.take, "page": number})
            return len(answer["result"])

        rows = len(first["result"]) + sum(self._pool.map(page, numbers))
        return rows, rows / max(1, first["totalHits"])

    def _scroll(self, resource: Resource, page: Any) -> tuple[int, float]:
        rows = 0
        while page["result"]:
            rows += len(page["result"])
            if not page["scrollId"]:
                break
            page = self._parsed(self._client.get(f"{resource.scroll_next}/{page['scrollId']}"))
        return rows, 1.0

    def _versions(self, resource: Resource) -> tuple[int, float]:
        suppliers = self._post(resource.search, {"take": 100, "page": 0})["result"]

        def chain(supplier: Any) -> int:
            version, count = supplier.get("versionId"), 0
            while version:
                answer = self._client.get(f"Suppliers/{supplier['id']}/{version}")
                if answer.status_code == 404:
                    break
                version, count = orjson.loads(answer.content)["value"].get("previousVersionId"), count + 1
            return count

        return sum(self._pool.map(chain, suppliers)), 1.0


def main() -> None:
    """Read all resources one after the other; print the seconds in total and of each resource."""
    with connected() as client:
        loops, each, rows_in_all = Loops(client), {}, 0
        for resource in RESOURCES.values():
            started = time.monotonic()
            rows, share = loops.read(resource)
            each[resource.name] = (time.monotonic() - started) / (share or 1.0)
            rows_in_all += round(rows / (share or 1.0))
    print(json.dumps({"seconds": sum(each.values()), "rows": rows_in_all, "each": each}))


if __name__ == "__main__":
    main()
