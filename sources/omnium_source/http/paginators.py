"""Paginators: the pages of a search, and the batches of a scroll.

Both classes have the same two methods: `first()` returns the first page, with the server's count, and `rest()` the
others. The server sends one of

    {"result": [{…}, …], "totalHits": 250, "scrollId": null, "facets": []}      search, or a scroll's batch
    [{…}, …]                                                                    a bare list, without a count

A search takes `take` and `page`; its pages can be requested again and side by side. A scroll is a snapshot: its batches
come one after the other, each once.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from omnium_source.decoding import decode, mended
from omnium_source.errors import BadRequest, Incomplete, NotFound, Refused, ScrollLost, TooLarge
from omnium_source.http.answers import NotAnAnswer
from omnium_source.http.client import Answer, OmniumClient, Read
from omnium_source.http.traffic import Budget, Traffic
from omnium_source.pages import Page
from omnium_source.resources import Resource

T = TypeVar("T")

REACH = 10_000
"""`take * page` may not exceed this on a search."""
MAX_ROWS = 250_000
"""Most rows of one answer. Requests ask for 10,000 at most; payments, which have no pages, are read in shorter periods.
A row of a few bytes takes kilobytes while a window is read."""
MOST_BATCHES = 5_000
"""Most batches of a scroll beyond the server's count, or without a count. A scroll with more is taken for endless."""
MOST_ODD_ALONE = 10
"""A page with this many elements, none an object, has another shape. Fewer may be faults in the tenant's data."""
PAGES_AT_ONCE = 8
"""Most pages of one search that are requested at the same time."""


MISSING = msgspec.UNSET


class _Envelope(msgspec.Struct):
    result: list[msgspec.Raw] | msgspec.UnsetType | None = MISSING
    totalHits: msgspec.Raw | msgspec.UnsetType = MISSING
    scrollId: msgspec.Raw | msgspec.UnsetType = MISSING
    isValid: msgspec.Raw | msgspec.UnsetType = MISSING
    error: msgspec.Raw | msgspec.UnsetType = MISSING
    errors: msgspec.Raw | msgspec.UnsetType = MISSING


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_page(body: bytes) -> Page:
    """Parse an answer as a page: an envelope, or a list of objects.

    Only the envelope is decoded, which takes a tenth of the time of decoding the rows too. An answer that is not quite
    JSON is decoded leniently. Raises NotAnAnswer for other JSON, TooLarge beyond MAX_ROWS, ValueError if it is no JSON.
    """
    try:
        envelope, rows = _quickly(body)
    except (msgspec.DecodeError, RecursionError):
        # The page keeps the original bytes, so that the normalizer can name the rows that had to be changed.
        envelope, rows = _quickly(mended(body))
    if envelope.get("isValid") is False:
        raise NotAnAnswer("the server calls its own answer invalid (isValid: false)", has_message=True)
    if rows is None:
        raise NotAnAnswer("the answer has no `result`", has_message=True)
    if envelope.get("error") or envelope.get("errors"):
        # An error beside rows may mean that a part of the index is missing, in the rows and in the count.
        beside = "beside its" if rows else "instead of"
        raise NotAnAnswer(f"the server reports an error {beside} rows", has_message=True)
    if (count := len(rows)) > MAX_ROWS:
        del rows  # the error's traceback holds them as long as its window is tried again
        raise TooLarge(f"an answer holds {count:,} rows, more than {MAX_ROWS:,}")
    total, is_least = count_in(envelope.get("totalHits"))
    objects = [row for row in rows if bytes(memoryview(row)[:1]) == b"{"]
    if rows and not objects:
        is_all = total is None or len(rows) >= total or len(rows) >= MOST_ODD_ALONE
        if is_all and all(bytes(row) != b"null" for row in rows):
            raise NotAnAnswer("the answer is JSON of another shape: none of its rows is an object")
    mark = hash((len(rows), bytes(objects[0]), bytes(objects[-1]))) if objects else None
    scroll_id = envelope.get("scrollId")
    scroll_id = str(scroll_id) if scroll_id else None
    return Page(body, len(rows), total, scroll_id, is_least, mark, len(rows) - len(objects))


Envelope = dict[str, Any]


def _quickly(body: bytes) -> tuple[Envelope, Sequence[msgspec.Raw] | None]:
    """The fields of the envelope, and the undecoded rows; None if there is no list of rows."""
    rows: Sequence[msgspec.Raw] | None
    try:
        if body.lstrip()[:1] == b"[":
            envelope, rows = _Envelope(), _ROWS.decode(body)
            if len(rows) == 1 and _is_envelope(rows[0]):
                raise NotAnAnswer(
                    "the answer is JSON of another shape: a list around what should be the answer"
                )
        else:
            envelope = _ENVELOPE.decode(body)
            rows = None if isinstance(envelope.result, msgspec.UnsetType) else envelope.result
    except msgspec.ValidationError:
        msgspec.json.decode(body, type=msgspec.Raw)  # raises DecodeError if the body is cut off
        raise NotAnAnswer("the answer is JSON of another shape: no list of rows") from None
    names = ("totalHits", "scrollId", "isValid", "error", "errors")
    return {name: _plain(getattr(envelope, name)) for name in names}, rows


def _is_envelope(element: msgspec.Raw) -> bool:
    """Whether an element of a list is an envelope instead of a row."""
    try:
        return {"result", "totalHits"} <= _OBJECT.decode(element).keys()
    except msgspec.DecodeError:  # not an object
        return False


def _plain(raw: msgspec.Raw | msgspec.UnsetType) -> Any:
    if isinstance(raw, msgspec.UnsetType):
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:  # a number that no float holds
        return None


def count_in(value: Any) -> tuple[int | None, bool]:
    """A server's count (None if unusable), and whether it is only a lower bound.

    It comes as 200, and from some serializers as 200.0 or "200"; an index may say {"value": 10000, "relation": "gte"}.
    """
    is_least = False
    if isinstance(value, dict):
        is_least, value = value.get("relation", "eq") != "eq", value.get("value")
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None, is_least
    return (int(value), is_least) if value == int(value) else (None, is_least)


def read_object(body: bytes) -> Answer:
    """Parse an answer as a single row: an object with an `id`, or with an object in `value`, as versions have it.

    Raises NotAnAnswer for other JSON, ValueError if it is not JSON.
    """
    row = decode(body).document
    if isinstance(row, dict) and (bool(row.get("id")) or isinstance(row.get("value"), dict)):
        return Answer(body, row)
    raise NotAnAnswer(
        "the answer is JSON of another shape: no row with an id", has_message=isinstance(row, dict)
    )


@dataclass
class Learned:
    """What the answers have shown about a resource's pages, shared by all its connections.

    `page_base`: the number of the first page, from the table of resources or found out. `is_base_clear`: it is certain.
    `refuses_size`: the server refuses the field for the size of a batch.
    """

    page_base: int = 0
    is_base_clear: bool = True
    refuses_size: bool = False
    shows_bare_lists: bool = False
    """Whether rows came as a bare list."""

    @classmethod
    def of(cls, resource: Resource) -> "Learned":
        """What the table of resources says. An unclear base starts as 0: every server puts the first rows on page 0."""
        is_clear = resource.page_base_is_clear
        return cls(resource.page_base if is_clear else 0, is_clear)


@dataclass
class Connection:
    """Sends the requests for one resource's pages, and counts them in `traffic`."""

    client: OmniumClient
    resource: Resource
    traffic: Traffic
    budget: Budget
    learned: Learned

    def page(self, body: Mapping[str, Any], number: int | None = None, take: int | None = None) -> Page:
        """One page of the search, by default the first. A search without pages answers everything at once."""
        resource, place = self.resource, {}
        if resource.paged:
            number = self.learned.page_base if number is None else number
            place = {"take": take or resource.take, "page": number}
        return self.post(resource.search, {**body, **place})

    def page_after(self, body: Mapping[str, Any], number: int, take: int) -> Page | None:
        """A page that may come after the last one; None if the server refuses to show such a page."""
        try:
            return self.page(body, number, take)
        except (BadRequest, NotFound):
            return None

    def sized(self, path: str, body: Mapping[str, Any], *, starts_scroll: bool = False) -> Page:
        """POST with the size of a scroll's batches, if the resource has a field for it.

        The API's description gives no limit for the size. If the server refuses it (400), its own default is used.
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
        """Send a search request, or the start of a scroll."""
        if self.resource.by_get:
            return self._get(path, self._page)
        return self.client.post(
            path,
            body,
            what=self.resource.name,
            role=self.resource.role,
            budget=self.budget,
            traffic=self.traffic,
            read=self._page,
            starts_scroll=starts_scroll,
        )

    def _page(self, body: bytes) -> Page:
        """Parse an answer as a page. Raises NotAnAnswer also for a bare empty list from an endpoint with a count.

        A proxy or a failing server may answer so too, and rows would be missing unnoticed.
        """
        page = read_page(body)
        if page.is_bare and page.count:
            self.learned.shows_bare_lists = True
        elif page.is_bare and not (self.resource.is_bare_list or self.learned.shows_bare_lists):
            raise NotAnAnswer("the answer is an empty list alone, without the count that comes with rows")
        return page

    def batch(self, scroll_id: str) -> Page:
        """The next batch of a scroll. The request is not repeated."""
        path = f"{self.resource.scroll_next}/{quote(scroll_id, safe='')}"
        return self._get(path, self._page, continues_scroll=True)

    def get(self, path: str) -> Answer:
        """The row at a path of the API."""
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


class SearchPages:
    """The pages of one search.

    POST Suppliers/Search {"take": 100, "page": 0} → {"result": [100 rows], "totalHits": 250}; page 1 has 100 more, page
    2 the last 50. Whether counting starts at 0 or 1 differs by endpoint, and documents of the API contradict each
    other: `Learned` holds the assumption, and is corrected by the answers.
    """

    def __init__(self, connection: Connection, body: Mapping[str, Any], executor: Executor) -> None:
        self._connection, self._body, self._executor = connection, body, executor
        self._learned = connection.learned
        self.take = connection.resource.take
        """Rows per page: as many as requested, or fewer if the server's pages are smaller."""
        self.is_cut_off = False
        """Whether there may be rows that no page can show, because pages end at `REACH`."""

    def page(self, number: int) -> Page:
        """Page `number`, as the server counts."""
        resource = self._connection.resource
        if not resource.paged:
            return self._connection.sized(resource.search, self._body)
        return self._connection.page(self._body, number, self.take)

    def first(self) -> Page:
        """The first page."""
        page = self.page(self._learned.page_base)
        if 0 < page.count < min(self.take, page.total or 0):
            self.take = page.count
        return page

    def rest(self, first: Page) -> Iterator[Page]:
        """All further pages in order, several in flight; also pages beyond the server's count."""
        if first.total is None:
            yield from self._until_none(first)
            return
        last = first
        for last in self._counted(first):
            yield last
        pages = max(1, -(-first.total // self.take))
        yield from self._beyond(last, pages - 1 + self._learned.page_base)

    def _counted(self, first: Page) -> Iterator[Page]:
        """The pages after the first by the server's count."""
        pages = -(-(first.total or 0) // self.take)
        if pages < 2:
            return
        brought = 1
        if not self._learned.is_base_clear:
            yield self._settle_base(first)
            brought = 2
        numbers = range(self._learned.page_base + brought, self._learned.page_base + pages)
        flying: list[Future[Page]] = []
        try:
            for number in numbers:
                flying.append(self._executor.submit(self.page, number))
                if len(flying) >= PAGES_AT_ONCE:
                    yield flying.pop(0).result()
            while flying:
                yield flying.pop(0).result()
        finally:
            for future in flying:
                future.cancel()

    def _beyond(self, page: Page, number: int) -> Iterator[Page]:
        """The pages after the last counted one. There are none unless the count stops at a limit."""
        while page.count >= self.take:
            number += 1
            if number * self.take > REACH:
                self.is_cut_off = True
                return
            following = self._connection.page_after(self._body, number, self.take)
            if following is None:
                return
            if _is_same_page(page, following):
                if number == 1 and not self._learned.is_base_clear:
                    continue  # the base is 1: page 0 was page 1
                return  # the server answers any later page number with its last page
            if not following.count:
                return
            page = following
            yield page

    def _settle_base(self, first: Page) -> Page:
        """The second page; it shows which base the server has."""
        second = self.page(1)
        self._learned.is_base_clear = True
        self._learned.page_base = int(_is_same_page(first, second))
        return self.page(2) if self._learned.page_base else second

    def find_base(self) -> int:
        """The number of the server's first page: a server that counts from 1 answers page 0 like page 1."""
        return int(_is_same_page(self.page(0), self.page(1)))

    def _until_none(self, page: Page) -> Iterator[Page]:
        """The further pages if there is no count: read until a page is empty.

        A page with fewer rows than requested is not the end, as the server's pages may be smaller.
        """
        number, previous = self._learned.page_base, page
        asked, self.take = self.take, min(self.take, page.count)
        while previous.count and (self._connection.resource.paged or previous.count == asked):
            number += 1
            if number * self.take > REACH:
                if previous.count < self.take:
                    return
                raise Incomplete(
                    f"{self._connection.resource.name}: more than {REACH:,} rows, and the endpoint has "
                    "neither a scroll nor a filter to ask for fewer"
                )
            try:
                following = self.page(number)
            except NotFound:
                return
            except BadRequest:
                if previous.count < asked:
                    return
                raise  # or the server lets nobody look further
            if _is_same_page(previous, following):
                if number == 1:
                    continue  # the base is 1: page 0 was page 1
                if previous.count < asked:
                    return  # the server answers any later page number with its last page
                raise Incomplete(f"{self._connection.resource.name}: the server repeats a page")
            previous = following
            if following.count:
                yield following


def one_ahead(pages: Iterator[Page], executor: Executor) -> Iterator[Page]:
    """The same pages; the next one is read while the caller works on one."""
    coming = executor.submit(next, pages, None)
    while (page := coming.result()) is not None:
        coming = executor.submit(next, pages, None)
        yield page


def _is_same_page(one: Page, other: Page) -> bool:
    """Whether most rows of one page are also on the other; a few may have moved meanwhile."""
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
        """All further batches, until one is empty or has no scrollId, whatever the count says.

        Raises ScrollLost if a batch is lost or comes again, Refused if the batches do not end (`MOST_BATCHES`).
        """
        page, rows, total = first, first.count, first.total
        name, seen, beyond = self._connection.resource.name, {first.mark}, 0
        while page.count and page.scroll_id:
            try:
                following = self._connection.batch(page.scroll_id)
            except ScrollLost:
                if rows == total and not first.may_be_more:
                    return  # all rows have come; only the end of the scroll was lost
                raise
            if following.mark is not None and following.mark in seen:
                if rows == total:
                    return  # the server starts again; the keys will show whether all rows have come
                raise ScrollLost(f"{name}: the scroll repeats itself after {rows:,} rows of {total}")
            seen.add(following.mark)
            rows += following.count
            beyond += total is None or rows > total
            if beyond > MOST_BATCHES:
                raise Refused(f"{name}: a scroll goes on after {rows:,} rows, and the server counts {total}")
            # Each batch has the id for the next; a batch without an id is the last.
            page = following
            if page.count:
                yield page
