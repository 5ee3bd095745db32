"""resources: the table of resources as the source has it, in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class ListedResource:
    """One row of `omnium-elt resources`."""

    name: str
    endpoint: str
    read_by: str
    """page: numbered pages; scroll: one after the other; batch: all at once, a scroll for the rest."""
    rule: str
    current_by: str
    key: str
    cursor: str
    role: str
    cost: str
    """Requests of a run in which nothing has changed."""
    fields: str
    """What is read of it, `all` or what was left out or chosen."""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def listing(
    names: tuple[str, ...] | None = None,
    exclude: tuple[str, ...] = (),
    choices: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[ListedResource]:
    """The resources called `names` (all where None) without `exclude`, in the table's order, with chosen fields."""
    from omnium_source.fields import left_out
    from omnium_source.resources import select

    return [
        ListedResource(
            name=row.name,
            endpoint=row.scroll or row.search,
            read_by="scroll" if row.scroll else "page" if row.paged else "batch",
            rule=row.rule,
            current_by=RULES.get(row.rule, row.rule),
            key=" + ".join(row.key) if len(row.key) < 4 else f"{len(row.key)} fields",
            cursor=row.cursor if row.rule != "full" else "",
            role=row.role,
            cost=COSTS[row.rule].format(size=_page_size(row)),
            fields=left_out(row.name, (choices or {}).get(row.name, {})) or "all",
        )
        for row in select(names, exclude)
    ]


def _page_size(row: Any) -> str:
    size = row.scroll_take if row.scroll and not row.search else row.take
    return "all" if not row.paged and not row.scroll_next else f"{size:,}"
