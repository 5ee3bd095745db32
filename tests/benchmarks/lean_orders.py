"""Lean orders a second, from the first request to the last row in DuckDB."""

from tests.benchmarks.measuring import Outcome, beside_bare_loop

ORDERS = 100_000
GOAL = 10_000
LATENCY = 0.05
FAR_GOAL = 1.0


def orders_a_second(scale: float) -> Outcome:
    """Orders a second for the entire command, including its start."""
    orders = int(ORDERS * scale)
    peer, ours = beside_bare_loop(orders)
    rate = orders / ours.seconds
    return Outcome(
        f"{orders:,} lean orders",
        f"above {GOAL:,} a second",
        f"{rate:,.0f} a second",
        rate > GOAL,
        (f"bare loop  {peer}, {peer.output.strip()}", f"omnium-elt {ours}"),
    )


def far_away(scale: float) -> Outcome:
    """The same with slow answers, as over the internet, where a loop over one scroll mostly waits."""
    orders = int(ORDERS * scale)
    peer, ours = beside_bare_loop(orders, latency=LATENCY)
    ratio = ours.seconds / peer.seconds
    return Outcome(
        f"{orders:,} lean orders, {LATENCY * 1000:.0f} ms an answer, against a bare loop",
        f"under {FAR_GOAL:g} times: no scroll is waited for",
        f"{ratio:.2f} times, {orders / ours.seconds:,.0f} a second",
        ratio < FAR_GOAL,
        (f"bare loop  {peer}, {peer.output.strip()}", f"omnium-elt {ours}"),
    )
