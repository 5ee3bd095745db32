"""Handles parts of a window that show no row although the server counted rows in the window.

A server whose index is being rebuilt counts nothing for a while, and no answer tells that from a part that is really
empty. So such parts wait until the server is seen to count rows, and are counted once more.

EmptyParts         the parts of one window that wait
check_share        whether a share of a first read that showed no row is empty
check_shows_rows   whether the server still counts rows where it counted some
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from omnium_source.errors import Incomplete
from omnium_source.windows.gathered import Gathered, Query
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.window import Window

Read = Callable[[Window, Query], Iterator[Gathered]]
NoteFailure = Callable[[Exception, Gathered], None]
"""Raises Incomplete after too many failures."""


class EmptyParts:
    """The parts of `window` that showed no row and were not handed on yet."""

    def __init__(
        self,
        run: ResourceRun,
        window: Window,
        query: Query,
        read: Read,
        note_failure: NoteFailure,
    ) -> None:
        self._run, self._window, self._query = run, window, query
        self._read, self._note_failure = read, note_failure
        self._waiting: list[Gathered] = []

    def hand_on(self, part: Gathered) -> Iterator[Gathered]:
        """Let a part without a row wait; before a part with rows, hand on those that wait. Raises as `rest` does."""
        if part.read_rows:
            yield from self.rest(part)
            yield part
        else:
            self._waiting.append(part)

    def rest(self, following: Gathered | None = None) -> Iterator[Gathered]:
        """Count the waiting parts again and yield them; if they hold rows by now, read them instead.

        They are counted together with the part that follows, so that the answer itself shows that the server counts. If
        no part follows, or parts are cut by creation, the window is counted after them. Raises Incomplete if the server
        no longer counts any row.
        """
        if not self._waiting:
            return
        windows = counted = _together(self._waiting)
        held = 0
        if following and not any(_is_cut_by_creation(one) for one in (*windows, following.window)):
            counted, held = [replace(following.window, lower=windows[0].lower)], following.count
        count = sum(self._run.count(part, more=self._query.body) for part in counted)
        if not count:
            check_shows_rows(self._run, self._window, self._query)
        parts, self._waiting = self._waiting, []
        if count <= held:
            yield from parts
            return
        self._note_failure(Incomplete(parts[0].says("no row came of it, and it holds some")), parts[0])
        for part in windows:
            yield from self._read(part, replace(self._query, missing=None, limit=None, goes_on=False))


def check_shows_rows(run: ResourceRun, window: Window, query: Query) -> None:
    """Raise Incomplete if the server counts no row in a window in which it counted some before."""
    if not run.count(window, more=query.body):
        why = "the server counts no row any more, where it counted some: is its index being built anew?"
        rows = Gathered(run, window, query, run.connection())
        raise Incomplete(rows.says(f"{why} Nothing of it was loaded; run it again once it shows rows"))


def check_share(run: ResourceRun, share: Window) -> None:
    """Raise Incomplete if a share that showed no row holds some after all, or if the server counts no row at all."""
    if run.count(share):
        raise Incomplete(f"{run.resource.name}: a share showed no row, and holds some: read the part again")
    check_shows_rows(run, Window(), Query())


def _together(parts: Sequence[Gathered]) -> list[Window]:
    """The window that neighbouring parts make up; each part by itself if they are cut by creation, too."""
    windows = [part.window for part in parts]
    if any(map(_is_cut_by_creation, windows)):
        return windows
    return [replace(windows[-1], lower=windows[0].lower)]


def _is_cut_by_creation(window: Window) -> bool:
    return bool(window.created_lower or window.created_upper)
