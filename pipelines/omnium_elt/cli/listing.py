"""The rows of `omnium-elt resources`: the source's table of resources, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RULES = {
    "window": "changes between two moments",
    "event": "new rows; old ones never change",
    "from": "changes since a moment",
    "trailing": "a trailing period again, all of it every few days",
    "open": "rows that can still change, and new ones",
    "full": "everything; writes only what differs",
    "versions": "each changed supplier's versions",
}


COSTS = {
    "window": "1",
    "event": "1",
    "from": "1",
    "trailing": "1 for {size} rows of the last 30 days",
    "open": "2, 1 for {size} rows of the last 30 days, 1 for 100 open ones",
    "full": "1 for {size} rows",
    "versions": "1",
}


NEWEST_FIRST = {
    "honoured": "changes newest first: the server sorts by them",
    "ignored": "{rule}: the server does not sort by changes",
    None: "changes newest first where the server sorts by them (not seen yet), else {rule}",
    "unseeable": "{rule} (its rows name no moment of change, so that no order of changes can be seen)",
}
"""How a resource stays current if its search takes a sort order, by what was observed of the server."""


@dataclass(frozen=True)
class ListedResource:
    """One row of `omnium-elt resources`.

    One record, as its fields are the columns of the listing.
    """

    name: str
    endpoint: str
    read_by: str
    """`page`: numbered pages. `scroll`: one page after the other. `batch`: one answer, then a scroll for the rest."""
    rule: str
    current_by: str
    key: str
    cursor: str
    role: str
    cost: str
    """Requests that a run makes if nothing has changed."""
    newest_first: str | None = None
    """Whether the server sorts by changes: `honoured` or `ignored`; None if it was not observed or does not matter."""
    fields: str = "all"
    """Which fields are read: `all`, or in words what was left out or chosen."""


def listing(
    names: tuple[str, ...] | None = None,
    exclude: tuple[str, ...] = (),
    states: Mapping[str, Mapping[str, Any]] | None = None,
    choices: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[ListedResource]:
    """The resources `names` (None: all) without `exclude`, in the table's order.

    `states`: the state that a home keeps of each resource, such as whether the server sorts by changes. `choices`: the
    settings by which fields of a resource are left out or chosen.
    """
    from omnium_source.fields import left_out
    from omnium_source.resources import select

    states = states or {}
    return [
        ListedResource(
            name=row.name,
            endpoint=row.scroll or row.search,
            read_by="scroll" if row.scroll else "page" if row.paged else "batch",
            rule=row.rule,
            current_by=_current_by(row, states.get(row.name, {})),
            key=" + ".join(row.key) if len(row.key) < 4 else f"{len(row.key)} fields",
            cursor=row.cursor if row.rule != "full" else "",
            role=row.role,
            cost=_cost(row, states.get(row.name, {})),
            newest_first=states.get(row.name, {}).get("newest_first") if row.newest_first else None,
            fields=left_out(row.name, (choices or {}).get(row.name, {})) or "all",
        )
        for row in select(names, exclude)
    ]


def _current_by(row: Any, state: Mapping[str, Any]) -> str:
    rule = RULES.get(row.rule, row.rule)
    return NEWEST_FIRST[_order_seen(row, state)].format(rule=rule) if row.newest_first else rule


def _cost(row: Any, state: Mapping[str, Any]) -> str:
    rule, seen = COSTS[row.rule].format(size=_page_size(row)), _order_seen(row, state)
    if not row.newest_first or seen in ("ignored", "unseeable"):
        return rule
    return "2" if seen == "honoured" else f"2, else {rule}"


def _order_seen(row: Any, state: Mapping[str, Any]) -> str | None:
    """Whether the server was seen to sort by changes; `unseeable` if neither contract nor rows have a change date."""
    from omnium_source.contract import contract

    seen: str | None = state.get("newest_first")
    return "unseeable" if seen != "honoured" and "modified" not in contract()[row.schema] else seen


def _page_size(row: Any) -> str:
    size = row.scroll_take if row.scroll and not row.search else row.take
    return "all" if not row.paged and not row.scroll_next else f"{size:,}"
