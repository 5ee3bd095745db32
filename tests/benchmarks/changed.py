"""`run` after one row in a hundred changed, against the first run."""

from tests.benchmarks.measuring import Outcome, folder, omnium_elt, serving

GOAL = 0.15
SHARE = 0.01


def one_percent(scale: float) -> Outcome:
    """The ratio of the times on the large tenant, the later run in the numerator."""
    with serving(size="large" if scale >= 1 else "medium") as server, folder() as home:
        first = omnium_elt(server, home, "run")
        changed = server.ask(change=SHARE)
        again = omnium_elt(server, home, "run")
    ratio = again.seconds / first.seconds
    return Outcome(
        f"run after {SHARE:.0%} changed",
        f"at most {GOAL:g} of the first run",
        f"{ratio:.2f} ({again.cpu / first.cpu:.2f} by CPU time)",
        ratio <= GOAL,
        (f"first run  {first}", f"second run {again}, {changed:,} rows changed"),
    )
