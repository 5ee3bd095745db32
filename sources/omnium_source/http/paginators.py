"""Pages of one search, and batches of one scroll: two objects with the same two verbs.

Both are asked for their `first()` page, which tells how many rows there are, and for the `rest()`. What the
server sends is one of

    {"result": [{…}, …], "totalHits": 250, "scrollId": null, "facets": []}      search, or a scroll's batch
    [{…}, …]                                                                    a bare list, without a count

A search is asked with `take` and `page`, and its pages can be repeated and read side by side. A scroll is a
snapshot: its batches come one after the other, each once.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from omnium_source.errors import BadRequest, Incomplete, ScrollLost
from omnium_source.http.client import Answer, Budget, OmniumClient, Read, Traffic
from omnium_source.normalize.decoding import Decoded, Fault, decode, mended, page_of
from omnium_source.resources import Resource

T = TypeVar("T")

REACH = 10_000
"""`take * page` may not exceed this on a search."""
SIDE_BY_SIDE = 8
"""Search pages of one window asked for at the same time."""


class _Envelope(msgspec.Struct):
    result: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    totalHits: int | msgspec.UnsetType | None = msgspec.UNSET
    scrollId: str | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_BARE_LIST = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class Page:
    """One answer: its bytes, how many rows, the server's count of all rows, and where a scroll goes on."""

    body: bytes
    count: int
    total: int | None = None
    scroll_id: str | None = None

    @cached_property
    def _decoded(self) -> Decoded:
        # When somebody asks: most pages are only handed on to become tables.
        return page_of(self.body)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its rows."""
        return self._decoded.rows

    @property
    def faults(self) -> Sequence[Fault]:
        """What of its rows could not be read as it stands."""
        return self._decoded.faults


def read_page(body: bytes) -> Page | None:
    """The page in an answer, None where it is neither an envelope nor a list of objects; ValueError: no JSON.

    Only the envelope is read, which takes a tenth of the time that its rows would.
    """
    try:
        is_bare = body.lstrip()[:1] == b"["
        found = _Envelope(_BARE_LIST.decode(body)) if is_bare else _ENVELOPE.decode(body)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, RecursionError):
        # What is not quite JSON goes on as it came: whoever makes rows of it names those that are touched.
        page = read_page(mended(body))
        return replace(page, body=body) if page else None
    if found.result is msgspec.UNSET and found.totalHits is msgspec.UNSET:
        return None
    rows = found.result or []
    if not all(bytes(memoryview(row)[:1]) == b"{" for row in rows):
        return None
    total = found.totalHits if isinstance(found.totalHits, int) else None
    return Page(body, len(rows), total, found.scrollId or None)


def read_object(body: bytes) -> Answer | None:
    """The one row in an answer: with its id, or with what it is a version of. ValueError: no JSON."""
    row = decode(body).document
    is_row = isinstance(row, dict) and (bool(row.get("id")) or isinstance(row.get("value"), dict))
    return Answer(body, row) if is_row else None


@dataclass
class Learned:
    """What the answers taught about a resource, for all its connections."""

    refuses_size: bool = False


@dataclass
class Connection:
    """How the pages of one resource are asked for, and what that costs."""

    client: OmniumClient
    resource: Resource
    traffic: Traffic
    budget: Budget = field(default_factory=Budget)
    learned: Learned = field(default_factory=Learned)

    def sized(self, path: str, body: Mapping[str, Any], *, starts_scroll: bool = False) -> Page:
        """A request that says how large its batches may be, unless the server takes no such size.

        How large is nowhere described: where the server calls it wrong, its own default has to do.
        """
        size = {} if self.learned.refuses_size else self.resource.batch_size
        try:
            return self.post(path, {**body, **size}, starts_scroll=starts_scroll)
        except BadRequest:
            if not size:
                raise
            self.learned.refuses_size = True
            return self.post(path, body, starts_scroll=starts_scroll)

    def post(self, path: str, body: Mapping[str, Any], *, starts_scroll: bool = False) -> Page:
        """One search request, or the start of a scroll."""
        return self.client.post(
            path,
            body,
            what=self.resource.name,
            role=self.resource.role,
            budget=self.budget,
            traffic=self.traffic,
            read=read_page,
            starts_scroll=starts_scroll,
        )

    def batch(self, scroll_id: str) -> Page:
        """The next batch of a scroll, asked for once."""
        path = f"{self.resource.scroll_next}/{quote(scroll_id, safe='')}"
        return self._get(path, read_page, continues_scroll=True)

    def get(self, path: str) -> Answer:
        """The row at a path of this resource."""
        return self._get(path, read_object)

    def _get(self, path: str, read: Read[T], *, continues_scroll: bool = False) -> T:
        return self.client.get(
            path,
            what=self.resource.name,
            role=self.resource.role,
            budget=self.budget,
            traffic=self.traffic,
            read=read,
            continues_scroll=continues_scroll,
        )


@dataclass
class PageBase:
    """The number of the first page: declared in the table of resources, or found out."""

    number: int = 0
    is_clear: bool = True


class SearchPages:
    """The pages of one search.

    POST Suppliers/Search {"take": 100, "page": 0} → {"result": [100 rows], "totalHits": 250}; page 1 brings
    100 more, page 2 the last 50. Whether counting starts at 0 or 1 differs by endpoint, and even by document:
    `base` holds what is assumed, and is corrected by what the server does.
    """

    def __init__(
        self,
        connection: Connection,
        body: Mapping[str, Any],
        base: "PageBase",
        executor: Executor,
    ) -> None:
        self._connection, self._body, self._executor = connection, body, executor
        self._take, self._base = connection.resource.take, base

    def page(self, number: int) -> Page:
        """Page `number`, as the server counts."""
        resource = self._connection.resource
        if not resource.paged:
            return self._connection.sized(resource.search, self._body)
        return self._connection.post(resource.search, {**self._body, "take": self._take, "page": number})

    def first(self) -> Page:
        """The first page. Where the base is unclear that is page 0: it holds the first rows on any server."""
        return self.page(self._base.number if self._base.is_clear else 0)

    def rest(self, first: Page) -> Iterator[Page]:
        """All further pages, several in flight, in their order."""
        if first.total is None:
            yield from self._until_short(first)
            return
        pages = -(-first.total // self._take)
        if pages < 2:
            return
        brought = 1
        if not self._base.is_clear:
            yield self._settle_base(first)
            brought = 2
        numbers = range(self._base.number + brought, self._base.number + pages)
        flying: list[Future[Page]] = []
        try:
            for number in numbers:
                flying.append(self._executor.submit(self.page, number))
                if len(flying) >= SIDE_BY_SIDE:
                    yield flying.pop(0).result()
            while flying:
                yield flying.pop(0).result()
        finally:
            for future in flying:
                future.cancel()

    def _settle_base(self, first: Page) -> Page:
        """The second page, by whichever base the server has."""
        second = self.page(1)
        self._base.is_clear = True
        self._base.number = int(_is_same_page(first, second))
        return self.page(2) if self._base.number else second

    def find_base(self) -> int:
        """The number of the server's first page: one that counts from 1 answers page 0 like page 1."""
        return int(_is_same_page(self.page(0), self.page(1)))

    def _until_short(self, page: Page) -> Iterator[Page]:
        """Bare lists tell no count: go on until a page is not full."""
        number, previous = (self._base.number if self._base.is_clear else 0), page
        while previous.count >= self._take:
            number += 1
            if number * self._take > REACH:
                raise Incomplete(
                    f"{self._connection.resource.name}: more than {REACH:,} rows, and the endpoint has "
                    "neither a scroll nor a filter to ask for fewer"
                )
            following = self.page(number)
            if _is_same_page(previous, following):
                if number == 1:
                    continue  # the base is 1: page 0 was page 1
                raise Incomplete(f"{self._connection.resource.name}: the server repeats a page")
            previous = following
            yield following


def one_ahead(pages: Iterator[Page], executor: Executor) -> Iterator[Page]:
    """The same pages; while one is worked on, the next is on its way."""
    coming = executor.submit(next, pages, None)
    while (page := coming.result()) is not None:
        coming = executor.submit(next, pages, None)
        yield page


def _is_same_page(one: Page, other: Page) -> bool:
    """Whether most rows of one page stand in the other too; a few may have moved meanwhile."""
    return bool(one.rows) and 2 * sum(row in other.rows for row in one.rows) > len(one.rows)


class Scroll:
    """The batches of one scroll.

    POST Orders/Scroll {"take": 100} → {"result": [100 rows], "totalHits": 250, "scrollId": "a"}, then
    GET Orders/Scroll/a → 100 more and perhaps another scrollId, until a batch is empty or names no id.
    """

    def __init__(self, connection: Connection, body: Mapping[str, Any]) -> None:
        self._connection, self._body = connection, body

    def first(self) -> Page:
        """Start the scroll."""
        resource = self._connection.resource
        take = {} if resource.batch_size else {"take": resource.scroll_take}
        return self._connection.sized(resource.scroll, {**self._body, **take}, starts_scroll=True)

    def rest(self, first: Page) -> Iterator[Page]:
        """All further batches. Raises ScrollLost when one did not arrive, or when they never end."""
        page, rows, total = first, first.count, first.total
        resource = self._connection.resource
        while page.count and page.scroll_id:
            try:
                following = self._connection.batch(page.scroll_id)
            except ScrollLost:
                if rows == total:
                    return  # everything is here: only the end of the scroll was lost
                raise
            if following.count and rows == total:
                return  # the server begins again; whether everything is here the keys will tell
            if following.count and (
                following.body == page.body or (total is not None and rows + following.count > total)
            ):
                raise ScrollLost(f"{resource.name}: the scroll repeats itself after {rows:,} rows of {total}")
            rows += following.count
            # The newest id counts; a batch without one is the last.
            page = following
            if page.count:
                yield page
