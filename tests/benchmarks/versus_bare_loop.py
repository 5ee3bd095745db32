"""Filled orders into DuckDB, against a loop that downloads the same scroll and only parses it."""

from tests.benchmarks.measuring import Outcome, beside_bare_loop

ORDERS = 100_000
GOAL = 1.5


def filled_orders(scale: float) -> Outcome:
    """The ratio of the times, ours in the numerator."""
    orders = int(ORDERS * scale)
    peer, ours = beside_bare_loop(orders, filled=True)
    ratio = ours.seconds / peer.seconds
    return Outcome(
        f"{orders:,} filled orders against a bare loop",
        f"at most {GOAL} times its time",
        f"{ratio:.2f} times ({ours.cpu / peer.cpu:.2f} by CPU time)",
        ratio <= GOAL,
        (f"bare loop  {peer}, {peer.output.strip()}", f"omnium-elt {ours}"),
    )
