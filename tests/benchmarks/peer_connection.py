"""The connection that the bare loops use: an HTTP client with a token."""

import contextlib
import os
from collections.abc import Iterator

import httpx


@contextlib.contextmanager
def connected() -> Iterator[httpx.Client]:
    """A client of the API, authenticated with the credentials in the environment."""
    base_url, client_id, client_secret = (
        os.environ[f"SOURCES__OMNIUM__{name}"] for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET")
    )
    with httpx.Client(base_url=f"{base_url}/api/", timeout=60) as client:
        access = {"clientId": client_id, "clientSecret": client_secret, "returnAsJson": "true"}
        token = client.post("token", params=access).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
