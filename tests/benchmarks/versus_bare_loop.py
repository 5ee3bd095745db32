"""Filled and uneven orders into DuckDB, against a loop that only downloads and parses the same scroll."""

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
    """Our time divided by the loop's."""
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
