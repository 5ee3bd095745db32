"""Answers of the server, as they become tables."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from omnium_source.decoding import Fault, page_of, whole_number


class Page(Protocol):
    """One answer of the server."""

    @property
    def body(self) -> bytes:
        """Its bytes."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its rows as JSON has them, in the order of the bytes; what is no object is none."""

    @property
    def faults(self) -> Sequence[Fault]:
        """What of them could not be read as it stands."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A page whose rows are parsed already."""

    body: bytes
    rows: list[dict[str, Any]]
    faults: Sequence[Fault] = ()

    @classmethod
    def of(cls, body: bytes) -> "Parsed":
        """The page with these bytes. Raises Incomplete: they are no JSON."""
        decoded = page_of(body)
        return cls(body, decoded.rows, decoded.faults)


def as_version(supplier: dict[str, Any]) -> dict[str, Any]:
    """A bare supplier, as the description promises it, in the form in which versions really come."""
    return {
        "id": supplier.get("id"),
        "versionId": supplier.get("versionId"),
        "created": supplier.get("modified"),
        "value": supplier,
    }


def read_exactly(page: Page) -> Page:
    """The page with numbers as decimals. Slow: for pages whose numbers floats cannot tell apart."""
    document = json.loads(page.body, parse_float=Decimal, parse_int=whole_number)
    elements = document.get("result", [document]) if isinstance(document, dict) else document
    rows = [element for element in elements if type(element) is dict] if isinstance(elements, list) else []
    if len(rows) != len(page.rows):
        # The caller picked among the rows: without the bytes, what the floats tell has to do.
        return Parsed(b"", page.rows)
    return Parsed(page.body, rows, page.faults)
