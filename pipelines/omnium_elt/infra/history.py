"""What earlier runs did: a JSON file per run, and the newest facts per resource.

state/runs/<run id>.json     the full report of a run, as printed by `--json`
state/resources.json         per resource: last status, success and error; for a remote destination also its cursor, and
                             what `--since` left out
"""

import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from omnium_source.resources import LEFT_OUT

from omnium_elt.infra.files import read_object, write_json
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import RunReport, new_run_id

KEPT_RUNS = 500
AHEAD_SECONDS = 60
"""A kept moment further ahead of now than this means that a clock was wrong then, or is wrong now."""
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")


def next_run_id(home: Home) -> str:
    """A run id above those of all runs in the home, even if the clock was set back since the newest run."""
    newest = max((path.stem for path in home.runs.glob("*.json") if _RUN_ID.fullmatch(path.stem)), default="")
    made = new_run_id()
    if made > newest:
        return made
    return new_run_id(
        datetime.strptime(newest[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=1)
    )


def save(home: Home, report: RunReport) -> None:
    """Save the report of a finished run, and update the facts of each of its resources."""
    run = report.as_dict()
    write_json(home.runs / f"{report.run_id}.json", run)
    known = resources(home)
    for resource in run["resources"]:
        fact = known.setdefault(resource["name"], {})
        fact["last_status"] = resource["status"]
        if resource["status"] in ("ok", "unchanged"):
            fact["last_success"] = run["finished_at"]
            fact.pop("last_error", None)
        elif resource["status"] in ("failed", "forbidden"):
            fact["last_error"] = resource["error"]
        if (state := report.committed.get(resource["name"])) is not None:
            fact |= {name: state.get(name) for name in ("cursor", LEFT_OUT)}
    write_json(home.state / "resources.json", known)
    for old in sorted(home.runs.glob("*.json"))[:-KEPT_RUNS]:
        old.unlink(missing_ok=True)


def runs(home: Home, limit: int | None = None) -> list[dict[str, Any]]:
    """The reports of earlier runs, newest first. Damaged reports are skipped, as history must not stop a run."""
    paths = sorted(home.runs.glob("*.json"), reverse=True)
    found = (run for path in paths if _is_report(run := read_object(path)))
    return list(itertools.islice(found, limit))


def resources(home: Home) -> dict[str, dict[str, Any]]:
    """The newest facts per resource; damaged ones are left out."""
    return {
        name: {key: value for key, value in fact.items() if _is_fact(key, value)}
        for name, fact in read_object(home.state / "resources.json").items()
        if isinstance(fact, dict)
    }


def seconds_since(text: str | None, now: datetime) -> float | None:
    """Seconds from an ISO 8601 time to `now`; None if `text` is empty or None."""
    return (now - datetime.fromisoformat(text)).total_seconds() if text else None


def is_ahead(seconds: float | None) -> bool:
    """Whether a moment this many seconds ago lies ahead of now: a clock was wrong, so its age is unknown."""
    return seconds is not None and seconds < -AHEAD_SECONDS


def seconds_of(run: dict[str, Any]) -> float | None:
    """How long a run took; None if an earlier version wrote the report and the clock was set back during the run."""
    if isinstance(kept := run.get("seconds"), int | float):
        return kept
    seconds = seconds_since(run["started_at"], datetime.fromisoformat(run["finished_at"]))
    return None if seconds is None or seconds < 0 else seconds


def _is_report(run: dict[str, Any]) -> bool:
    """Whether this is the report of a run, with all fields that the program reads."""
    return (
        all(isinstance(run.get(name), str) for name in ("run_id", "command", "status"))
        and all(_is_moment(run.get(name)) for name in ("started_at", "finished_at"))
        and isinstance(run.get("error"), str | None)
        and _are_objects(run.get("resources"), {"name": str, "rows": int, "requests": int})
        and _are_objects(run.get("steps"), {"name": str, "status": str})
    )


def _are_objects(value: Any, kinds: dict[str, type]) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and all(isinstance(one.get(name), kind) for name, kind in kinds.items())
        for one in value
    )


def _is_fact(key: str, value: Any) -> bool:
    return _is_moment(value) if key == "last_success" else isinstance(value, str)


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False
