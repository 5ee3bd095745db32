"""Filled orders into DuckDB, against PyAirbyte with a declarative manifest of the same endpoint.

PyAirbyte needs another version of DuckDB than we do, so it is not an extra of this project. It needs a separate
environment; `AIRBYTE_PYTHON` is the path of its Python.

    python -m venv airbyte && airbyte/bin/pip install airbyte==0.71.3
    AIRBYTE_PYTHON=airbyte/bin/python python -m tests.benchmarks airbyte
"""

import os

from tests.benchmarks.measuring import ROOT, Outcome, folder, measured, omnium_elt, serving

ORDERS = 10_000
GOAL = 1
"""No goal was agreed on, because Airbyte keeps the lists of an order as JSON, and we make tables of them."""
PYTHON = "AIRBYTE_PYTHON"


def filled_orders(scale: float) -> Outcome:
    """Airbyte's time divided by ours; we make a table of each list, Airbyte one table with JSON columns."""
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
