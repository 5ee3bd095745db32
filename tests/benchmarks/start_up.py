"""`omnium-elt --help`: the fastest of several runs, as the first one reads from disk."""

import sys

from tests.benchmarks.measuring import Outcome, measured

TIMES = 7
GOAL = 0.4


def help_text(scale: float) -> Outcome:
    """Seconds for the entire command."""
    bare = min((measured([sys.executable, "-c", ""]) for _ in range(TIMES)), key=lambda cost: cost.seconds)
    costs = [measured([sys.executable, "-m", "omnium_elt", "--help"]) for _ in range(TIMES)]
    best = min(costs, key=lambda cost: cost.seconds)
    return Outcome(
        "omnium-elt --help",
        f"under {GOAL} s",
        f"{best.seconds:.2f} s",
        best.seconds < GOAL,
        (f"omnium-elt {best.seconds:.3f} s ({best.cpu:.3f} s CPU)", f"Python alone {bare.seconds:.3f} s"),
    )
