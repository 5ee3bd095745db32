"""Lean orders a second, from the first request to the last row in DuckDB."""

from tests.benchmarks.measuring import Outcome, folder, omnium_elt, script, serving

ORDERS = 100_000
GOAL = 10_000


def orders_a_second(scale: float) -> Outcome:
    """The whole command counts, its start as well."""
    orders = int(ORDERS * scale)
    with serving(size="empty", orders=orders) as server, folder() as here:
        peer = script(server, "peer_bare_loop")
        ours = omnium_elt(server, here, "load", "--resources", "orders")
    rate = orders / ours.seconds
    return Outcome(
        f"{orders:,} lean orders",
        f"above {GOAL:,} a second",
        f"{rate:,.0f} a second",
        rate > GOAL,
        (f"bare loop  {peer}, {peer.output.strip()}", f"omnium-elt {ours}"),
    )
