"""Filled orders, and uneven ones, into DuckDB, against a loop that downloads the same scroll and only parses it."""

from tests.benchmarks.measuring import Outcome, beside_bare_loop

ORDERS = 100_000
FILLED_GOAL = 1.4
UNEVEN_GOAL = 1.6


def filled_orders(scale: float) -> Outcome:
    """Every order has every field."""
    return _orders("filled", FILLED_GOAL, scale)


def uneven_orders(scale: float) -> Outcome:
    """No two orders have the same fields."""
    return _orders("uneven", UNEVEN_GOAL, scale)


def _orders(kind: str, goal: float, scale: float) -> Outcome:
    """The ratio of the times, ours in the numerator."""
    orders = int(ORDERS * scale)
    peer, ours = beside_bare_loop(orders, **{kind: True})
    ratio = ours.seconds / peer.seconds
    return Outcome(
        f"{orders:,} {kind} orders against a bare loop",
        f"at most {goal} times its time",
        f"{ratio:.2f} times ({ours.cpu / peer.cpu:.2f} by CPU time)",
        ratio <= goal,
        (f"bare loop  {peer}, {peer.output.strip()}", f"omnium-elt {ours}"),
    )
