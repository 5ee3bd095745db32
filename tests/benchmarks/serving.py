"""The sandbox of a benchmark: `python -m tests.benchmarks.serving '{"size": "large"}'`.

Prints how to reach it, one JSON object, and then answers each line of its input with another:
{"change": 0.01}    change this share of all rows now; answers how many that were
                    {"adds_field": true}: each of them gets a field that it lacked
{"latency": 0.05}   answer each request so many seconds later
{"asked": true}     answers the requests so far by path, and forgets them
"""

import json
import sys
from collections import Counter
from datetime import date
from typing import Any

from omnium_sandbox import Sandbox

UNSTAMPED = {"supplier_versions"}
"""Versions follow from their suppliers."""

TEXTS = ("comment", "comments", "note", "description", "name", "displayName", "title")


def main() -> None:
    """Serve until the input ends."""
    options = json.loads(sys.argv[1])
    if "today" in options:
        options["today"] = date.fromisoformat(options["today"])
    with Sandbox(**options) as sandbox:
        tell(
            {
                "base_url": sandbox.base_url,
                "client_id": sandbox.client_id,
                "client_secret": sandbox.client_secret,
            }
        )
        for line in sys.stdin:
            command = json.loads(line)
            if "change" in command:
                tell(change(sandbox, command["change"], adds_field=command.get("adds_field", False)))
            elif "latency" in command:
                sandbox.behaviour.latency_seconds = command["latency"]
                tell({})
            else:
                asked = Counter(f"{request.method} {request.path}" for request in sandbox.requests)
                sandbox.clear_requests()
                tell(dict(asked))


def tell(answer: Any) -> None:
    """One line of output."""
    print(json.dumps(answer), flush=True)


def change(sandbox: Sandbox, share: float, *, adds_field: bool) -> int:
    """Stamp every so-manieth row of every resource anew, with something changed in it."""
    tenant, step, changed = sandbox.tenant, round(1 / share), 0
    for resource in list(tenant.collections):
        if resource in UNSTAMPED:
            continue
        for row in list(tenant.rows(resource))[::step]:
            # Where a resource has no stamp, nothing else would be new in the row.
            tenant.put(resource, {**row, **({"benchmarkNote": "changed"} if adds_field else otherwise(row))})
            changed += 1
    return changed


def otherwise(row: dict[str, Any]) -> dict[str, Any]:
    """A name or a comment of the row with a sign more."""
    for name in TEXTS:
        if isinstance(row.get(name), str):
            return {name: f"{row[name]}."}
    return {}


if __name__ == "__main__":
    main()
