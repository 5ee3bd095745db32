"""Cuts the first read of a resource by time into shares that several processes read.

Each share is a window that ends where the next one begins. The last one has no upper bound, like any first read. Its
`end` is the moment of the plan and becomes the cursor: whatever changes while the shares are read, however long that
takes, has a later stamp, and the next run reads it.
"""

import datetime as dt

from omnium_source.errors import Incomplete
from omnium_source.http.paginators import Connection
from omnium_source.pages import is_round
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.splitter import BEGINNING, OVERLAPS, Splitter
from omnium_source.windows.stamps import StampCheck
from omnium_source.windows.strategies import STRATEGIES, ByWindow
from omnium_source.windows.window import Window, cut, second_of

LEAST_ROWS = 1_000
"""A resource with fewer rows is read by one process."""
NEAR = 0.02
"""Shares need not be even: a mark may be off by this fraction of all rows."""
SHORTEST = dt.timedelta(hours=1)
"""Marks are not searched for more precisely than this."""


def shares(run: ResourceRun, number: int, end: dt.datetime) -> tuple[int, list[Window]]:
    """The server's count of a resource, and its first read in up to `number` windows of about equal size, oldest first.

    It stays one window if the resource has few rows, or no bounds by which all its rows are found. The counts only
    balance the shares: each share is proved complete as any window is.
    """
    everything = Window(run.reading.since, end=end)
    connection = run.connection()
    total = run.count(everything, connection)
    is_divisible = issubclass(STRATEGIES[run.resource.rule], ByWindow) and run.resource.is_bounded
    if number < 2 or not is_divisible or total < LEAST_ROWS:
        return total, [everything]
    try:
        check = StampCheck(Splitter(run))
        if check.count_outside()[0]:
            return total, [everything]
        if is_round(total):  # it may be the limit at which counts stop
            check.check_all_have_a_stamp(check.pages_without())
    except Incomplete:
        return total, [everything]
    marks = {
        _mark(run, connection, everything, total * part / number, NEAR * total) for part in range(1, number)
    }
    return total, cut(everything, sorted(marks), "lower", "upper", OVERLAPS[-1])


def _mark(
    run: ResourceRun, connection: Connection, everything: Window, wanted: float, near: float
) -> dt.datetime:
    """A moment before which the server counts `wanted` rows, give or take `near`."""
    low, high = everything.lower or BEGINNING, everything.end or BEGINNING
    while high - low > SHORTEST:
        middle = low + (high - low) / 2
        count = run.count(Window(everything.lower, middle), connection)
        if abs(count - wanted) <= near:
            return second_of(middle)
        low, high = (middle, high) if count < wanted else (low, middle)
    return second_of(high)
