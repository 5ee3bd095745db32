"""The same load by an older commit and by this one, in turns; CPU time is compared, as it depends less on other load.

OLDER_CHECKOUT names a checkout of release 0.1.0 (`git worktree add --detach FOLDER b5c3f75`), which runs with the
installed versions of all libraries.
"""

import os
import statistics
import sys
from typing import Any

from tests.benchmarks.measuring import Cost, Outcome, Server, folder, measured, omnium_elt, serving

CHECKOUT = "OLDER_CHECKOUT"
SMALL, FILLED = 100, 10_000
TURNS_OF_SMALL, TURNS_OF_FILLED = 7, 3
GOAL = 1.05


def small(scale: float) -> Outcome:
    """A small load, which shows the fixed cost."""
    return _by_turns(SMALL, max(1, round(TURNS_OF_SMALL * scale)))


def filled(scale: float) -> Outcome:
    """Orders in which every field is filled."""
    return _by_turns(int(FILLED * scale), TURNS_OF_FILLED, filled=True)


def _by_turns(orders: int, turns: int, **sandbox: Any) -> Outcome:
    """The median of the ratios of each turn; the first turn does not count."""
    name = f"{orders:,} {'filled' if sandbox else 'lean'} orders against an older commit"
    goal = f"at most {GOAL:g} times its CPU time"
    checkout = os.environ.get(CHECKOUT)
    if checkout is None:
        return Outcome(name, goal, f"not measured, as {CHECKOUT} names no checkout", True, ())
    ratios, pair = [], None
    with serving(size="empty", orders=orders, **sandbox) as server:
        for turn in range(turns + 1):
            with folder() as here:
                pair = (
                    _older(checkout, server, str(here / "older")),
                    omnium_elt(server, here / "ours", "load", "--resources", "orders"),
                )
            if turn:
                ratios.append(pair[1].cpu / pair[0].cpu)
    assert pair is not None
    ratio = statistics.median(ratios)
    shown = f"{ratio:.2f} times ({min(ratios):.2f} to {max(ratios):.2f} in {turns} turns)"
    return Outcome(
        name, goal, shown, ratio <= GOAL, (f"older, last turn  {pair[0]}", f"omnium-elt        {pair[1]}")
    )


def _older(checkout: str, server: Server, home: str) -> Cost:
    program = f"import sys; sys.path.insert(0, {checkout!r}); from pipelines.cli import program; program()"
    arguments = [sys.executable, "-c", program, "load", "--home", home, "--json", "--resources", "orders"]
    return measured(arguments, server.environment)
