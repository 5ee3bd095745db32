"""All resources of the large sandbox, against the sum of the bare loops over each of them."""

import json

from tests.benchmarks.measuring import Outcome, folder, omnium_elt, script, serving

GOAL = 2.5


def all_resources(scale: float) -> Outcome:
    """Our time divided by the loops' time."""
    with serving(size="large" if scale >= 1 else "medium") as server, folder() as home:
        peer = script(server, "peer_all_loops")
        server.ask(asked=True)
        ours = omnium_elt(server, home, "load")
        requests = sum(server.ask(asked=True).values())
    loops = json.loads(peer.output)
    rows = sum(resource["rows"] for resource in json.loads(ours.output)["resources"])
    ratio = ours.seconds / loops["seconds"]
    slowest = sorted(loops["each"].items(), key=lambda each: -each[1])[:3]
    return Outcome(
        f"all resources of the {'large' if scale >= 1 else 'medium'} tenant against the sum of bare loops",
        f"at most {GOAL} times",
        f"{ratio:.2f} times ({ours.cpu / peer.cpu:.2f} by CPU time)",
        ratio <= GOAL,
        (
            f"bare loops {loops['seconds']:.1f} s ({peer.cpu:.1f} s CPU), {loops['rows']:,} rows; longest: "
            + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest),
            f"omnium-elt {ours}, {rows:,} rows, {requests:,} requests",
        ),
    )
