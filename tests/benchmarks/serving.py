"""Serves a benchmark's sandbox: `python -m tests.benchmarks.serving '{"size": "large"}'`.

Prints a JSON object with the address and credentials, then reads commands from stdin, one JSON object a line, and
prints the result of each as a line of JSON:
{"change": 0.01}    change this share of all rows; returns the number of changed rows
                    {"adds_field": true}: each of them gets a new field
{"latency": 0.05}   delay each answer by this many seconds
{"asked": true}     return the number of requests by method and path since the last time
"""

import json
import sys
from collections import Counter
from datetime import date
from typing import Any

from omnium_sandbox import Sandbox

UNSTAMPED = {"supplier_versions"}
"""The versions of suppliers change with the suppliers."""

TEXTS = ("comment", "comments", "note", "description", "name", "displayName", "title")


def main() -> None:
    """Serve until stdin ends."""
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
    """Print an answer as one line of JSON."""
    print(json.dumps(answer), flush=True)


def change(sandbox: Sandbox, share: float, *, adds_field: bool) -> int:
    """Change a `share` of the rows of every resource, with a new stamp; return how many."""
    tenant, step, changed = sandbox.tenant, round(1 / share), 0
    for resource in list(tenant.collections):
        if resource in UNSTAMPED:
            continue
        for row in list(tenant.rows(resource))[::step]:
            # A resource may have no stamp, so something else in the row has to differ.
            tenant.put(resource, {**row, **({"benchmarkNote": "changed"} if adds_field else otherwise(row))})
            changed += 1
    return changed


def otherwise(row: dict[str, Any]) -> dict[str, Any]:
    """The first name or comment of the row, with a full stop added."""
    for name in TEXTS:
        if isinstance(row.get(name), str):
            return {name: f"{row[name]}."}
    return {}


if __name__ == "__main__":
    main()
