"""What earlier runs did: a JSON file per run, and the newest facts per resource.

state/runs/<run id>.json     the run's whole report, as of `--json`
state/resources.json         per resource: last success, last error, and the cursor of a destination elsewhere
"""

import json
from datetime import datetime
from typing import Any

from omnium_elt.infra.files import write_json
from omnium_elt.infra.home import Home
from omnium_elt.report.run_report import RunReport

KEPT_RUNS = 500


def save(home: Home, report: RunReport) -> None:
    """Keep a finished run's report, and what it says about each resource."""
    told = report.as_dict()
    write_json(home.runs / f"{report.run_id}.json", told)
    known = resources(home)
    for resource in told["resources"]:
        fact = known.setdefault(resource["name"], {})
        fact["last_status"] = resource["status"]
        if resource["status"] in ("ok", "unchanged"):
            fact["last_success"] = told["finished_at"]
            fact.pop("last_error", None)
            fact.pop("last_error_at", None)
        elif resource["status"] in ("failed", "forbidden"):
            fact["last_error"], fact["last_error_at"] = resource["error"], told["finished_at"]
        if resource["rows"]:
            fact["last_change"] = told["finished_at"]
        if resource["name"] in report.cursors:
            fact["cursor"] = report.cursors[resource["name"]]
    write_json(home.state / "resources.json", known)
    for old in sorted(home.runs.glob("*.json"))[:-KEPT_RUNS]:
        old.unlink(missing_ok=True)


def runs(home: Home, limit: int | None = None) -> list[dict[str, Any]]:
    """The reports of earlier runs, the newest first."""
    found = []
    for path in sorted(home.runs.glob("*.json"), reverse=True)[:limit]:
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue  # being deleted by a run, or damaged: history is no reason to fail
    return found


def resources(home: Home) -> dict[str, dict[str, Any]]:
    """The newest facts per resource."""
    try:
        return dict(json.loads((home.state / "resources.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def seconds_since(text: str | None, now: datetime) -> float | None:
    """Seconds from an ISO time to `now`; None where there is none."""
    return (now - datetime.fromisoformat(text)).total_seconds() if text else None
