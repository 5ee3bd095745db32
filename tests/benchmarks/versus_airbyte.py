"""Filled orders into DuckDB, against PyAirbyte with a declarative manifest of the same endpoint.

PyAirbyte wants another DuckDB than we do, so it is no extra of ours: it has an environment of its own, whose Python
`AIRBYTE_PYTHON` names.

    python -m venv airbyte && airbyte/bin/pip install airbyte==0.71.3
    AIRBYTE_PYTHON=airbyte/bin/python python -m tests.benchmarks airbyte
"""

import os

from tests.benchmarks.measuring import ROOT, Outcome, folder, measured, omnium_elt, serving

ORDERS = 10_000
GOAL = 1
"""Nobody set one: Airbyte leaves the lists of an order as JSON, we make tables of them."""
PYTHON = "AIRBYTE_PYTHON"


def filled_orders(scale: float) -> Outcome:
    """Ours makes a table of each list; Airbyte's orders are one table, with JSON in it."""
    orders = int(ORDERS * scale)
    name, goal = f"{orders:,} filled orders against PyAirbyte", "faster"
    python = os.environ.get(PYTHON)
    if python is None:
        return Outcome(name, goal, f"not measured, as {PYTHON} names no Python that has it", True, ())
    with serving(size="empty", orders=orders, filled=True) as server, folder() as here:
        ours = omnium_elt(server, here / "home", "load", "--resources", "orders")
        peer_file = str(ROOT / "tests/benchmarks/peer_airbyte.py")
        peer = measured([python, peer_file, str(here)], server.environment)
    ratio = peer.seconds / ours.seconds
    return Outcome(
        name,
        goal,
        f"{ratio:.1f} times faster ({peer.cpu / ours.cpu:.1f} by CPU time)",
        ratio > GOAL,
        (f"PyAirbyte  {peer}, {peer.output.strip().splitlines()[-1]}", f"omnium-elt {ours}"),
    )
