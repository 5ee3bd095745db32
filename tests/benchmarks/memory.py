"""Peak memory of a load, which must not grow with the number of rows."""

from tests.benchmarks.measuring import MIB, Cost, Outcome, folder, omnium_elt, serving

MILLION = 1_000_000
GOAL = 1.3
MOST = 700 * MIB


def million_orders(scale: float) -> Outcome:
    """The peak with a million lean orders divided by that with a tenth of them."""
    few, many = (_load(int(MILLION * scale * share), is_filled=False) for share in (0.1, 1.0))
    ratio = many.peak_bytes / few.peak_bytes
    return Outcome(
        f"memory of {int(MILLION * scale):,} lean orders against a tenth of them",
        f"at most {GOAL} times, under {MOST // MIB:,} MiB",
        f"{ratio:.2f} times, {many.peak_bytes / MIB:,.0f} MiB",
        ratio <= GOAL and many.peak_bytes < MOST,
        (f"many {many}", f"few  {few}"),
    )


def filled_orders(scale: float) -> Outcome:
    """The peak with 100,000 filled orders."""
    orders = int(MILLION * scale / 10)
    cost = _load(orders, is_filled=True)
    return Outcome(
        f"memory of {orders:,} filled orders",
        f"under {MOST // MIB:,} MiB",
        f"{cost.peak_bytes / MIB:,.0f} MiB",
        cost.peak_bytes < MOST,
        (str(cost),),
    )


def _load(orders: int, *, is_filled: bool) -> Cost:
    with serving(size="empty", orders=orders, filled=is_filled) as server, folder() as home:
        return omnium_elt(server, home, "load", "--resources", "orders")
