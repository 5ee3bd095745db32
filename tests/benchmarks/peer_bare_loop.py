"""A peer: downloads the scroll of all orders with httpx, and parses each page with orjson. Nothing more."""

import os

import httpx
import orjson


def main() -> None:
    """Prints how many orders and bytes came."""
    base_url, client_id, client_secret = (
        os.environ[f"SOURCES__OMNIUM__{name}"] for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET")
    )
    with httpx.Client(base_url=f"{base_url}/api/", timeout=60) as client:
        access = {"clientId": client_id, "clientSecret": client_secret, "returnAsJson": "true"}
        token = client.post("token", params=access).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
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
