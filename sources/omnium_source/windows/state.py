"""What is kept of a resource between two runs, and what becomes of it where a clock was wrong.

State       as dlt keeps it: JSON
healed      a state whose moments can be right
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from omnium_source.http.clock import Moment
from omnium_source.windows.window import iso, moment_of

State = dict[str, Any]
"""`cursor`: the server's time up to which everything is read (ISO 8601). `clock_offset`: the server's clock minus ours
in seconds, when that was. `page_base`: the number of the first page, where the description leaves it open.
`is_first_read`: the first read is not over. `full_pass`: when everything was read last. `open`: ids of rows that can
still change. `newest_first`: whether the server sorts by changes. `versions`: each supplier's newest version."""

JITTER = 5.0
"""Seconds by which the measured difference of the clocks changes though no clock was set."""
AHEAD = dt.timedelta(seconds=60)
"""A kept moment that lies further ahead of now was noted by a clock that was wrong."""


def healed(state: State, moment: Moment, remark: Callable[[str], None]) -> State:
    """`state`, with moments that cannot be right moved back, and what the clocks say kept in it.

    Where the server's clock has moved back against ours since the cursor was kept, changes may carry stamps from
    before the cursor. Where the cursor lies ahead of now all the same, nobody knows when it was kept. `remark` hears
    what a person should know.
    """
    mended, cursor = dict(state), moment_of(state.get("cursor"))
    kept = float(state.get("clock_offset") or 0.0)
    offset = kept if moment.offset is None else moment.offset
    if abs(offset - kept) > JITTER or "clock_offset" not in state:
        mended["clock_offset"] = round(offset)
    moved_back = kept - offset + JITTER if kept - offset > JITTER else 0.0
    if cursor and moved_back:
        cursor -= dt.timedelta(seconds=moved_back)
        mended["cursor"] = iso(cursor)
        if moved_back > AHEAD.total_seconds():
            remark(
                f"the server's clock moved back by {moved_back:,.0f} s against this machine's since the last run, "
                f"so it is read from {iso(cursor)} on"
            )
    if cursor and cursor > moment.earliest + AHEAD:
        del mended["cursor"]
        remark(
            f"its cursor {iso(cursor)} lies ahead of now, {iso(moment.earliest)}: a clock was wrong when it was kept, "
            "so everything is read again"
        )
    full_pass = moment_of(mended.get("full_pass"))
    if full_pass and ("cursor" not in mended or full_pass > moment.earliest + AHEAD):
        del mended["full_pass"]
    return mended
