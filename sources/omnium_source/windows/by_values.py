"""Splits a window by the values of a filter, such as warehouses or products, if time cannot make it small enough.

ByValues    which values to ask for next, until the window is covered
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from omnium_source.errors import Incomplete, Refused, ScrollLost
from omnium_source.resources import RESOURCES, Resource, ValueFilter
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.splitter import Shown
from omnium_source.windows.window import Row, Window, texts_at

log = logging.getLogger("omnium")

BATCHES_A_PART = 3
"""About how many batches of a scroll one part should hold."""
VALUES_A_PART = 300
"""The most values that one request names."""

RowsOf = Callable[[Resource, Window, dict[str, Any] | None], list[Row]]
"""Reads the rows of another resource."""


class ByValues:
    """The values by which a resource can be filtered: those seen in its rows, and those that another resource lists."""

    def __init__(self, run: ResourceRun, rows_of: RowsOf) -> None:
        self._run, self._rows_of = run, rows_of
        self._listed: dict[str, set[str]] = {}
        self._listing = threading.Lock()

    def parts(
        self, shown: Shown, filters: Sequence[ValueFilter], asked: dict[str, set[str]]
    ) -> Iterator[tuple[dict[str, list[str]], Sequence[ValueFilter]]]:
        """Yield the values to ask for, and the filters by which each part may be split further.

        Values seen in rows come first, then those that another resource lists, then those of the next filter, whose
        rows may show new values of the filters before it. `asked` notes which values were asked for.
        """
        self._run.values.add(shown.rows)
        goes_on = True
        while goes_on:
            goes_on = False
            for number, by in enumerate(filters):
                while values := self.left(by, asked[by.field]):
                    fitting = BATCHES_A_PART * len(shown.rows) * len(values) // max(1, shown.total)
                    size = max(1, min(VALUES_A_PART, fitting))
                    for start in range(0, len(values), size):
                        some = values[start : start + size]
                        asked[by.field].update(some)
                        yield {by.field: some}, filters[number + 1 :]
                    goes_on = number > 0

    def left(self, by: ValueFilter, asked: set[str]) -> list[str]:
        """Values not asked for yet: those seen in rows or, if none is left, those that another resource lists."""
        return sorted(self._run.values.of(by.field) - asked or self._list(by) - asked)

    def _list(self, by: ValueFilter) -> set[str]:
        """The values that another resource lists; none if it cannot be read."""
        with self._listing:
            if by.field not in self._listed:
                self._listed[by.field] = self._values_listed(by) if by.listed_in else set()
            return self._listed[by.field]

    def _values_listed(self, by: ValueFilter) -> set[str]:
        listing = RESOURCES[by.listed_in]
        only = {**listing.key_only, "includedFields": {"specificFields": ["id", *by.listed_at]}}
        window = Window(end=self._run.client.server_time())
        try:
            rows = self._rows_of(listing, window, only if listing.key_only else None)
        except (Refused, ScrollLost, Incomplete) as failure:
            log.info("%s: no more values of %s: %s", self._run.resource.name, by.field, failure)
            return set()
        return {value for path in by.listed_at for value in texts_at(rows, path)}
