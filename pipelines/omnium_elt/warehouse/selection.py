"""Suppliers and warehouses as users name them, by id or by name; errors suggest the nearest name."""

import difflib
from collections.abc import Sequence
from typing import Any

from omnium_elt.infra.errors import UsageError


def supplier_ids(connection: Any, wanted: Sequence[str]) -> list[str]:
    """Ids of suppliers that are named by id, or by name in any case. Raises UsageError if none or several match."""
    known = connection.sql("select supplier_id, supplier_name from marts.dim_supplier").fetchall()
    return [_meant("supplier", text, known) for text in wanted]


def warehouse_codes(connection: Any, wanted: Sequence[str]) -> list[str]:
    """Codes of warehouses that are named by code or name in any case. Raises UsageError if none or several match."""
    known = connection.sql("select warehouse_code, warehouse_name from marts.dim_warehouse").fetchall()
    return [_meant("warehouse", text, known) for text in wanted]


def _meant(what: str, text: str, known: Sequence[tuple[str, str | None]]) -> str:
    if text in {key for key, _ in known}:
        return text
    folded = text.casefold().strip()
    found = [key for key, name in known if folded in (key.casefold(), (name or "").casefold())]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"several {what}s are called {text!r}", f"Name one by its id: {', '.join(sorted(found))}."
        )
    spelled = {spelling.casefold(): spelling for row in known for spelling in row if spelling}
    near = difflib.get_close_matches(folded, spelled, n=1, cutoff=0.5)
    hint = (
        f"Did you mean {spelled[near[0]]!r}?" if near else f"There are {len(known):,}; see marts.dim_{what}."
    )
    raise UsageError(f"there is no {what} {text!r}", hint)
