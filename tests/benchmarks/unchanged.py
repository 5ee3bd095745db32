"""`run` when nothing changed."""

import json
from collections import Counter

from tests.benchmarks.measuring import Outcome, folder, omnium_elt, serving

GOAL = 1.5
REQUESTS = 2


def nothing_changed(scale: float) -> Outcome:
    """Seconds and requests of a second `run` on the medium tenant."""
    with serving(size="medium") as server, folder() as home:
        omnium_elt(server, home, "run")
        server.ask(asked=True)
        again = omnium_elt(server, home, "run")
        asked = server.ask(asked=True)
    report = json.loads(again.output)
    steps = {step["name"]: step["status"] for step in report["steps"]}
    requests = Counter({one["name"]: one["requests"] for one in report["resources"]})
    most = max(requests.values())
    is_met = again.seconds < GOAL and most <= REQUESTS and set(steps.values()) == {"unchanged"}
    return Outcome(
        "run, nothing changed",
        f"under {GOAL:g} s, at most {REQUESTS} requests a resource, nothing transformed or published",
        f"{again.seconds:.1f} s",
        is_met,
        (
            f"{again}; steps: {steps}",
            f"{sum(asked.values())} requests for {len(requests)} resources, "
            f"at most {most} ({', '.join(name for name, count in requests.items() if count == most)})",
        ),
    )
