"""Lists the resources that are not fresh, and exits with status 1 if there are any: for an alert.

    omnium-elt status --json | python freshness.py --hours 26

Reads the JSON of `omnium-elt status`; needs only Python. A resource that was never read successfully is listed, and so
is one whose last success lies ahead of now: a clock was wrong, so its age is unknown. One that was never tried is not.
"""

import argparse
import json
import sys
from typing import Any

AHEAD = 60
"""Seconds by which two clocks may differ."""


def stale(status: dict[str, Any], hours: float) -> list[str]:
    """A line for each resource whose last success is more than `hours` ago."""
    if status.get("error"):
        return [str(status["error"])]
    lines = []
    for resource in status["resources"]:
        lag = resource["lag_seconds"]
        if lag is None:
            lines.append(f"{resource['name']}: never read; {resource['last_error'] or 'no reason known'}")
        elif lag < -AHEAD:
            lines.append(
                f"{resource['name']}: last read at {resource['last_success']}, which is ahead of now: the clock was "
                "wrong then, or is now"
            )
        elif lag > hours * 3_600:
            why = f"; {resource['last_error']}" if resource["last_error"] else ""
            lines.append(f"{resource['name']}: last read {lag / 3_600:.1f} hours ago{why}")
    if not status["resources"]:
        lines.append(f"{status['home']}: nothing was ever loaded")
    return lines


def main() -> int:
    """Read the status from standard input and print what is stale."""
    parser = argparse.ArgumentParser(description="Tells which resources are not fresh.")
    parser.add_argument("--hours", type=float, default=26.0, help="how old is too old (default: 26)")
    hours = parser.parse_args().hours
    try:
        lines = stale(json.load(sys.stdin), hours)
    except ValueError:
        lines = ["no status came: what says `omnium-elt status --json`?"]
    print("\n".join(lines) or "all fresh")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
