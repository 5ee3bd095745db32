"""A peer that only downloads the scroll of all orders with httpx and parses each page with orjson."""

import orjson

from tests.benchmarks.peer_connection import connected


def main() -> None:
    """Read all orders and print their number and size."""
    with connected() as client:
        body = {"take": 100, "sortOrder": "DocumentId", "disableFacets": True}
        answer, orders, size = client.post("Orders/Scroll", json=body), 0, 0
        while True:
            content = answer.raise_for_status().content
            page = orjson.loads(content)
            orders, size = orders + len(page["result"]), size + len(content)
            if not page["result"] or not page["scrollId"]:
                break
            answer = client.get(f"Orders/Scroll/{page['scrollId']}")
    print(f"{orders} orders, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
