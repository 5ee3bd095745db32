"""Changes to the tenant: show them, apply them, find out what became of them.

The target of a change is read from the tenant, and the change is shown. Only `--apply` sends it; the journal gets a
line before and one after that.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from omnium_source.errors import Forbidden, OmniumError, Refused, Stopped, Unanswered, WrongCredentials
from omnium_source.http.client import OmniumClient

from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import read_object, write_json
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import StepReport
from omnium_elt.infra.tenant import closed_on_error, connect, connect_writer, fault_of_writer
from omnium_elt.warehouse import database
from omnium_elt.write.journal import Entry, Journal, everything

log = logging.getLogger("omnium.write")

ChangeStatus = Literal["shown", "written", "unchanged", "refused", "failed", "unknown"]


@dataclass
class Change:
    """One change: the values before and after it, and the reason."""

    kind: str
    target: str
    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    why: str
    version: str | None = None
    """Version of the target, as it was read for this change."""
    status: ChangeStatus = "shown"
    detail: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def end(self, status: ChangeStatus, detail: str = "") -> None:
        """Set the outcome."""
        self.status, self.detail = status, detail

    def entry(self, **fingerprint: Any) -> Entry:
        """The journal's entry before the change is sent; `fingerprint`: `fields` and `salt` of the object sent."""
        return Entry(
            self.kind,
            self.target,
            as_json(self.before),
            as_json(self.after),
            version=self.version,
            facts=as_json({"name": self.name, **self.facts}),
            **fingerprint,
        )

    @property
    def shown(self) -> dict[str, Any]:
        """What a later `--apply` is compared with, as JSON keeps it."""
        kept: dict[str, Any] = as_json({"version": self.version, "before": self.before, "after": self.after})
        return kept


def as_json(value: Any) -> Any:
    """A structure as it comes back from JSON: amounts and days are texts."""
    return json.loads(json.dumps(value, default=str))


class Writer(Protocol):
    """Sends one kind of change, and finds out what became of it."""

    def send(self, change: Change, journal: Journal) -> None:
        """Send the change, check what came of it, and set its status."""

    def outcome(self, entry: Entry) -> tuple[str, str | None, str]:
        """What became of a change that was sent earlier: outcome, version, remark. Raises OmniumError."""


def clients(settings: Settings, *, apply: bool) -> tuple[OmniumClient, OmniumClient | None]:
    """The client that reads and, with `apply`, the client of the API user that writes.

    Raises UsageError if the user that writes is not configured, or is the one that reads, or if one of them belongs to
    another tenant than the rows of the home.
    """
    path = settings.home.warehouse

    def held(table: str) -> set[str]:
        with database.published(path) as connection:
            return database.ids_of(connection, table)

    if apply and (wrong := fault_of_writer(settings)):
        raise UsageError(
            wrong,
            "Writing needs an API user of its own, as what runs every night should not be able to, with the role "
            "SupplierAdmin or PurchaseOrderAdmin; set it in the environment or in .dlt/secrets.toml.",
        )
    reader = connect(settings, held)
    if not apply:
        return reader, None
    with closed_on_error(reader):
        return reader, connect_writer(settings, held, max_concurrency=1)


def find_out(home: Home, writers: dict[str, Writer]) -> list[str]:
    """Find out and note what became of the changes whose outcome the journals do not have; return a line for each.

    Raises OmniumEltError if a journal is damaged, and OmniumError if the tenant cannot be read.
    """
    lines = []
    for entry in everything(home.writes):
        if entry.is_settled:
            continue
        outcome, version, detail = writers[entry.kind].outcome(entry)
        Journal(home.writes, entry.run_id).ended(entry, outcome, version=version, detail=detail)
        words = {"written": "was written", "not_written": "was not written"}.get(outcome, "is not known")
        lines.append(f"{entry.target} of {entry.run_id}: {words}{f' ({detail})' if detail else ''}")
    return lines


def apply(
    changes: Sequence[Change], writers: dict[str, Writer], journal: Journal, settings: Settings
) -> None:
    """Send the changes that are still `shown`, one after the other, and set the outcome of each."""
    for change in changes:
        if change.status != "shown":
            continue
        if settings.stop.is_set():
            raise Stopped("stopped on request; what was written stands in the journal")
        try:
            writers[change.kind].send(change, journal)
        except (Forbidden, WrongCredentials):
            raise  # all changes that follow would fail as well
        except Refused as error:
            change.end("refused", str(error))
        except Unanswered as error:
            change.end("unknown", str(error))
        except OmniumError as error:
            change.end("failed", str(error))
        except OSError:
            if journal.is_open:
                change.end(
                    "unknown", "it was sent, and what came of it could not be noted: the next call looks"
                )
            raise
        log.info("%s %s: %s %s", change.kind, change.target, change.status, change.detail)


def hold_against_shown(home: Home, what: str, changes: Sequence[Change]) -> None:
    """Refuse changes that differ from those shown last; if none were shown, none are refused."""
    if not _shown_file(home, what).exists():
        return
    shown = read_object(_shown_file(home, what))  # empty if damaged: then every change is refused
    for change in changes:
        if change.status != "shown":
            continue
        before = shown.get(change.target)
        if before is None:
            change.end("refused", "it was not among those shown; look again without --apply")
        elif before != change.shown:
            same = before["before"] == change.before and before["after"] == change.after
            reason = "somebody saved it since it was shown" if same else "it is not what was shown any more"
            change.end("refused", f"{reason}; look again without --apply")


def keep_shown(home: Home, what: str, changes: Sequence[Change]) -> None:
    """Save the changes that are shown, for comparison with a later `--apply`."""
    shown = {change.target: change.shown for change in changes if change.status == "shown"}
    write_json(_shown_file(home, what), shown)


def forget_shown(home: Home, what: str) -> None:
    """Delete what was shown, once it has been applied."""
    _shown_file(home, what).unlink(missing_ok=True)


def _shown_file(home: Home, what: str) -> Path:
    return home.writes / f"shown-{what}.json"


def step_report(name: str, changes: Sequence[Change], *, applied: bool, settled: Sequence[str]) -> StepReport:
    """The step in the run's report: what was shown or done."""
    statuses = {change.status for change in changes}
    is_bad = bool(statuses & {"refused", "failed", "unknown"})
    return StepReport(
        name,
        "incomplete" if is_bad else "ok" if "written" in statuses else "unchanged",
        details={
            "applied": applied,
            "changes": as_json([asdict(change) for change in changes]),
            "found_out": list(settled),
        },
        error=_summary(changes) if is_bad else None,
    )


def _summary(changes: Sequence[Change]) -> str:
    bad = [change for change in changes if change.status in ("refused", "failed", "unknown")]
    first = bad[0]
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    return f"{first.target}: {first.status}: {first.detail}{more}"
