"""Reads changes from the newest one back to the cursor, where no filter finds them but a search sorts by them.

NewestFirst   one attempt at the newest rows of a search, in one of its orders
Order         what their order proved
"""

from dataclasses import replace
from enum import Enum
from itertools import pairwise

from omnium_source.errors import Incomplete
from omnium_source.http.paginators import REACH, SearchPages
from omnium_source.normalize.columns import microseconds
from omnium_source.pages import Page
from omnium_source.windows.gathered import Gathered
from omnium_source.windows.window import EARLIEST, microseconds_of, value_at

FEWEST_STAMPS = 8
"""This many different stamps are in order by chance only once in forty thousand cases (8! = 40,320)."""


class Order(Enum):
    """What the rows of some pages say about the order that was asked for."""

    ALL = "everything there is stands on one page, in whatever order"
    PROVED = "they come in this order, and would come otherwise in the usual one"
    FITTING = "they come in this order, as they might by chance"
    IGNORED = "they come in another order, or do not say in which"


class NewestFirst:
    """One attempt at the newest rows: reads pages by `sort` until a row is older than the window's lower bound.

    Such a read is proved by the order, not by a count. A row that changes meanwhile moves to the top and those below it
    move down, so rows may come twice but are never missed. A deleted row would let them move up; the count reveals
    that.
    """

    def __init__(self, rows: Gathered, sort: str) -> None:
        self._run, self._rows, self._sort = rows.run, rows, sort
        self._path = "modified" if sort.startswith("Modified") else "created"
        self._stamps: list[int | None] = []
        self._usual: list[int | None] = []

    def read_down(self) -> Order:
        """Read the pages. Raises Incomplete if their count changed meanwhile, and what the client raises."""
        run, rows = self._run, self._rows
        resource = replace(run.resource, search=run.resource.newest_first)
        body = {**run.resource.body, "sortOrder": self._sort}
        connection = replace(rows.connection, resource=resource)
        pages = SearchPages(connection, body, run.executor)
        bound = microseconds_of(rows.window.lower or EARLIEST)
        number, page = connection.learned.page_base, pages.first()
        rows.total = page.total
        run.on_rows(0, page.total)
        is_all = page.total == page.count < resource.take
        self._see(page)
        while not is_all and self._order is not Order.IGNORED and self._goes_on(page, bound, pages.take):
            number += 1
            if page.may_be_more or run.server.is_at_limit(page.total) or number * pages.take > REACH:
                return Order.IGNORED  # the count would not reveal a deletion, or no page reaches so far
            page = pages.page(number)
            if page.total != rows.total:
                text = f"its count went from {rows.total} to {page.total} while it was read"
                raise Incomplete(rows.says(text))
            self._see(page)
        rows.finish_batches()
        if is_all:
            return Order.ALL
        if page.count < pages.take and not self._has_all(page):
            return Order.IGNORED  # it shows no more rows, though there may be older changes
        rows.total = None  # it counts all rows, not those that were read
        return self._order

    def _has_all(self, last: Page) -> bool:
        """Whether the pages up to this one show all rows that exist."""
        path = self._run.resource.newest_first
        is_doubtful = self._run.server.is_doubtful(path, last.total, is_least=last.is_least)
        return not is_doubtful and last.total == self._rows.read_rows + self._rows.no_rows

    def _goes_on(self, page: Page, bound: int, take: int) -> bool:
        last = self._stamps[-1] if self._stamps else None
        return page.count >= take and last is not None and last >= bound

    def _see(self, page: Page) -> None:
        self._stamps += [microseconds(value_at(row, self._path)) for row in page.rows]
        self._usual += [microseconds(value_at(row, "created")) for row in page.rows]
        self._rows.add(page)

    @property
    def _order(self) -> Order:
        stamps = [stamp for stamp in self._stamps if stamp is not None]
        if len(stamps) < len(self._stamps) or any(one < next_one for one, next_one in pairwise(stamps)):
            return Order.IGNORED
        usual = [stamp for stamp in self._usual if stamp is not None]
        differs = self._path == "created" or any(one < next_one for one, next_one in pairwise(usual))
        return Order.PROVED if differs and len(set(stamps)) >= FEWEST_STAMPS else Order.FITTING
