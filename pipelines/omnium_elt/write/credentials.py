"""The API user that writes: SOURCES__OMNIUM__WRITER__CLIENT_ID and …__CLIENT_SECRET, from wherever dlt looks."""

from typing import Any

from omnium_elt.infra.home import Secret

WRITER = "SOURCES__OMNIUM__WRITER"
"""The section of its settings."""


def writer() -> dict[str, Any]:
    """The fields of Settings that it fills; empty texts where it is not configured."""
    import dlt

    def secret(name: str) -> str:
        value = dlt.secrets.get(f"sources.omnium.writer.{name}")
        return "" if value is None else str(value).strip()

    return {"writer_id": secret("client_id"), "writer_secret": Secret(secret("client_secret"))}


def fault(reader_id: str, user: str, secret: str) -> str | None:
    """What is wrong with it, `reader_id` being the API user that reads; None: nothing."""
    for value, name in ((user, "CLIENT_ID"), (secret, "CLIENT_SECRET")):
        if not value:
            return f"{WRITER}__{name} is missing"
    return f"{WRITER}__CLIENT_ID is the API user that reads" if user == reader_id else None
