"""Reads any window of a resource: as one, or as smaller ones, several of them at the same time.

A window whose counts do not match is read again, and then in smaller windows. That comes to an end, because a single
page is one consistent answer. A scroll that time cannot make smaller is split by the values of a filter
(`by_values.py`).

A scroll cannot be read in parallel, so a large window is split and its parts are read side by side: another part is
started when no tables are being made. Parts are handed on oldest first. The newest one is started only when all others
are complete: a row that changes while they are read gets a later stamp and has to be met again in the newest part.

    Scheduler     reads any window, in as many parts as it takes
"""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from omnium_source.errors import Incomplete, ScrollLost, TooLarge
from omnium_source.http.cancellation import Cancellation
from omnium_source.http.paginators import REACH, Connection
from omnium_source.http.traffic import Budget
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pages import Page, is_round
from omnium_source.pii.masking import PersonalData
from omnium_source.resources import Resource, ValueFilter
from omnium_source.windows.by_values import ByValues
from omnium_source.windows.empty_parts import EmptyParts
from omnium_source.windows.gathered import Gathered, Query
from omnium_source.windows.reader import Attempt
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.server_facts import SCROLL_FROM
from omnium_source.windows.splitter import Splitter
from omnium_source.windows.stamps import StampCheck
from omnium_source.windows.window import Row, Window, key_of

log = logging.getLogger("omnium")

IDLE_SECONDS = 0.25
"""Another window is started when no tables have been made for this long."""


@dataclass(frozen=True)
class _Split:
    """A window that has to be read in parts, and the server's count of its rows."""

    parts: Sequence[Window]
    total: int


_Outcome = Gathered | _Split


@dataclass
class _Turn:
    """A window that waits in line, or that a thread is reading (`coming`)."""

    window: Window
    coming: "Future[_Outcome] | None" = None


@dataclass(frozen=True)
class _Task:
    """What all windows of one reading have in common.

    `filters`: those by whose values a window may be split. `token`: set when the windows are no longer wanted.
    """

    query: Query
    filters: Sequence[ValueFilter]
    token: Cancellation


class Scheduler:
    """Reads windows of one resource."""

    def __init__(self, run: ResourceRun) -> None:
        self._run, self._resource = run, run.resource
        self.splitter = Splitter(run)
        self._failures = 0
        """Failed windows in a row."""
        self._was_disturbed = False
        """Whether a window failed, or rows may have been added while windows were read."""
        self._by_values = ByValues(run, self.rows_of)

    def read(
        self,
        window: Window,
        query: Query | None = None,
        filters: Sequence[ValueFilter] | None = None,
    ) -> Iterator[Gathered]:
        """Yield the parts of a window, each complete, oldest first; together they cover the window.

        `filters` are those by whose values it may be split, all of the resource's if None. If they are given, the
        window is itself a part by values, and only one thread reads it. Raises what the client raises, and Incomplete
        if a window could not be verified; parts yielded before stay valid.
        """
        query = query or Query()
        # `note` expects the rows in order.
        at_once = 1 if query.note or filters is not None else self._run.reading.windows_at_once
        filters = self._resource.value_filters if filters is None else filters
        task = _Task(query, filters, self._run.client.stop.child())
        began = self._run.client.server_time() - self._run.reading.settling_lag
        line, counted, expected, unproved = deque([_Turn(window)]), 0, 0, ""
        before: set[str] = set()
        empty = EmptyParts(self._run, window, query, self.read, self._note_failure)
        threads = ThreadPoolExecutor(max(1, at_once), "omnium-window")
        try:
            while line:
                if at_once > 1 and len(line) > 1:
                    found = self._first_of(line, task, threads, at_once)
                else:
                    found = self._read(line[0].window, task)
                line.popleft()
                if isinstance(found, _Split):
                    expected = expected or found.total
                    line.extendleft(_Turn(part) for part in reversed(found.parts))
                else:
                    # Neighbouring parts share some rows.
                    counted += len(found.keys - before)
                    before = found.keys
                    unproved = unproved or found.unproved
                    self._was_disturbed |= found.may_be_new_since(began)
                    yield from empty.hand_on(found) if expected else (found,)
            yield from empty.rest()
        finally:
            task.token.set()
            threads.shutdown(cancel_futures=True)
            for turn in line:
                _throw_away(turn)
        yield from self._outside(window, query, counted, expected)
        if unproved:
            raise Incomplete(unproved)

    def _outside(self, window: Window, query: Query, counted: int, expected: int) -> Iterator[Gathered]:
        """Yield rows that were in none of the parts, if any may be missing. Raises Unstamped as `StampCheck` does."""
        check = StampCheck(self.splitter)
        if query.missing or query.limit:
            check.check_counts_go_beyond(query.limit)
            yield from check.rows_without(query, is_countable=True)
        elif query.goes_on:
            yield from check.rows_without(query, is_countable=self._run.server.limit is None)
        elif window.is_unbounded and expected and (query.body or {}) in ({}, self._resource.key_only):
            is_countable = not self._run.server.is_at_limit(expected)
            # Rows that were added meanwhile may make up for missing rows without a stamp.
            if not is_countable or counted != expected or self._was_disturbed:
                yield from check.rows_without(query, is_countable=is_countable)

    # -- side by side ------------------------------------------------------------------------------

    def _first_of(
        self, line: "deque[_Turn]", task: _Task, threads: ThreadPoolExecutor, at_once: int
    ) -> _Outcome:
        """The outcome of the first window in line; those behind it are started while no tables are made."""

        def begin(turn: _Turn) -> "Future[_Outcome]":
            turn.coming = turn.coming or threads.submit(self._read, turn.window, task)
            return turn.coming

        coming = begin(line[0])
        # The newest window is started when all others are complete.
        for turn in list(line)[1:-1][: at_once - 1]:
            if turn.coming is None:
                if not self._run.normalizer.activity.wait_idle(IDLE_SECONDS, coming):
                    break
                begin(turn)
        return coming.result()

    # -- one window --------------------------------------------------------------------------------

    def _read(self, window: Window, task: _Task) -> _Outcome:
        """Read a window, or return the parts in which it has to be read."""
        run, reading = self._run, self._run.reading
        window.check(self._resource.name)
        connection = run.connection()
        problem: Exception | None = None
        for number in range(1, reading.tries + 1):
            task.token.check()
            connection.budget = Budget(reading.budget)
            rows = Gathered(run, window, task.query, connection, number)
            attempt = Attempt(rows, self.splitter, task.token)
            try:
                is_too_large = attempt.read()
                if not is_too_large:
                    self._failures = 0 if rows.total else self._failures
                    return rows
                is_hopeless, problem = True, None
            except (ScrollLost, Incomplete, TooLarge) as failure:
                problem = failure
                self._note_failure(failure, rows)
                # A small window is often right at the second attempt; a large one is better read in parts. A
                # single page is one consistent answer already.
                is_hopeless = (
                    isinstance(failure, TooLarge)
                    or attempt.is_doubtful
                    or (rows.total or 0) > (SCROLL_FROM * 3 if number == 1 else self._resource.take)
                )
            except BaseException:
                rows.close()
                raise
            rows.close()
            parts = attempt.parts
            if not parts and is_hopeless and not attempt.found_base:
                parts = self.splitter.split(window, attempt.shown, connection)
            if parts:
                return _Split(parts, rows.total or 0)
            if isinstance(problem, TooLarge):
                where = rows.says("no filter makes its window smaller")
                raise TooLarge(
                    f"{problem}. {where}; --exclude {self._resource.name} leaves it out"
                ) from problem
            if problem is None:
                raise self._cannot_be_smaller(attempt)
            if task.filters and attempt.is_for_parts:
                try:
                    return self._in_parts(attempt, connection, task.filters)
                except (ScrollLost, Incomplete) as failure:
                    problem = failure
                    log.info("%s; reading it again", failure)
        raise Incomplete(f"{problem}; tried {reading.tries} times, the cursor stays where it was")

    def _note_failure(self, failure: Exception, rows: Gathered) -> None:
        """Count a window that failed. Raises Incomplete after too many of them."""
        log.info("%s; reading it again", failure)
        self._failures += 1
        self._was_disturbed = True
        self._run.values.begin()
        if self._failures > self._run.reading.failures:
            rows.close()
            raise Incomplete(f"{failure}; read again {self._failures} times, the cursor stays") from None

    def _cannot_be_smaller(self, attempt: Attempt) -> Incomplete:
        """The error for a window that has to be split and cannot be."""
        name = self._resource.name
        if attempt.is_doubtful:
            return Incomplete(
                f"{name}: the server's count stops at {self._run.server.limit:,}, and no filter of the "
                "endpoint makes the window smaller, so whether all rows came nobody can tell"
            )
        if not self._resource.paged:
            return Incomplete(
                f"{name}: the server shows {attempt.shown.count:,} of {attempt.rows.total:,} rows, and neither a "
                "scroll nor a filter brings the others"
            )
        return Incomplete(
            f"{name}: {attempt.rows.total:,} rows stand in one window that no filter of the "
            f"endpoint can make smaller, and it shows {REACH:,} at most"
        )

    # -- by values ---------------------------------------------------------------------------------

    def _in_parts(self, lost: Attempt, connection: Connection, filters: Sequence[ValueFilter]) -> Gathered:
        """Read a window in many small parts, by the values of `filters`, after its scroll was lost.

        An inventory of 200 batches of which one in twenty is lost never arrives as one scroll. By warehouse and, in a
        large warehouse, by some hundred products at a time, each part takes an answer or two. Each part is complete by
        its own count; together they are the window if they hold as many keys as the server counts in it afterwards.
        Rows that one filter cannot show, such as those without a warehouse, are found by the next filter. Raises
        Incomplete if rows are still missing after all known values were asked for.
        """
        window, query, wanted = lost.rows.window, lost.rows.query, lost.rows.total or 0
        together = Gathered(self._run, window, query, connection, lost.rows.tries + 1)
        asked_for: dict[str, set[str]] = {by.field: set() for by in filters}
        try:
            shown = replace(lost.shown, total=wanted)
            for values, others in self._by_values.parts(shown, filters, asked_for):
                asked = replace(query, body={**(query.body or {}), **values})
                for part in self.read(window, asked, others):
                    together.take_over(part)
                if together.count < wanted:
                    continue
                first = filters[0]
                if is_round(wanted) and self._by_values.left(first, asked_for[first.field]):
                    continue  # the count may be a limit that the parts only happen to reach
                for part in self._changed_since(together):
                    together.take_over(part)
                wanted = together.total = self._run.count(window, more=query.body)
                # A lower count proves nothing: rows deleted meanwhile may make up for rows that no part showed.
                if together.count == wanted and wanted >= (lost.rows.total or 0):
                    return together
            raise Incomplete(
                together.says(f"{together.count:,} rows came in parts, the server counts {wanted:,}")
            )
        except BaseException:
            together.close()
            raise

    def rows_of(self, resource: Resource, window: Window, body: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of another resource as they came, each once, for a resource that depends on them."""
        rows: dict[str, Row] = {}
        run = ResourceRun(
            self._run.client,
            resource,
            _KeysOnly(resource, self._run.normalizer.shape.personal),
            self._run.executor,
            reading=self._run.reading,
            traffic=self._run.traffic,
        )
        query = Query(body, note=lambda some: rows.update((key_of(resource, row), row) for row in some))
        for found in Scheduler(run).read(window, query):
            found.close()
        return list(rows.values())

    def _changed_since(self, together: Gathered) -> Iterator[Gathered]:
        """The rows that changed while the parts were read, if the resource can be asked for them."""
        if self._resource.rule != "from" or not self._resource.has_own_id:
            return
        began = together.began - self._run.reading.settling_lag
        lower = max(together.window.lower or began, began)
        yield from self.read(replace(together.window, lower=lower), together.query, ())


def _throw_away(turn: _Turn) -> None:
    """Remove what was read of a window that is no longer wanted."""
    if turn.coming and not turn.coming.cancelled() and not turn.coming.exception():
        found = turn.coming.result()
        if isinstance(found, Gathered):
            found.close()


class _KeysOnly(ResourceNormalizer):
    """For rows that are looked at but not kept: its batches have no tables."""

    def __init__(self, resource: Resource, personal: PersonalData) -> None:
        super().__init__(shape_of(resource, personal))
        self._resource = resource

    def normalize(self, pages: Sequence[Page], cursor: str | None = None) -> Batch:
        """The keys of some pages."""
        return Batch(
            self._resource.name, {}, [key_of(self._resource, row) for page in pages for row in page.rows]
        )
