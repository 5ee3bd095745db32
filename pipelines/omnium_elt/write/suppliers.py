"""Lead times and safety margins of suppliers, as lead_time_policy recommends them.

`PUT /api/Suppliers` replaces the whole supplier, and sets fields that are left out to null. So the supplier is read
just before, two fields are changed, and all others go back byte for byte. Afterwards it is read again and compared.
"""

import secrets
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from omnium_source.errors import NotFound, OmniumError, Refused
from omnium_source.http.answers import NotAnAnswer
from omnium_source.http.client import OmniumClient

from omnium_elt.infra.home import Home
from omnium_elt.warehouse import database, selection
from omnium_elt.warehouse.queries import rows
from omnium_elt.write import exact
from omnium_elt.write.changes import Change
from omnium_elt.write.journal import Entry, Journal, written

LEAD_TIME, MARGIN = "defaultLeadTime", "defaultLeadTimeSafetyMarginDays"
FIELDS = (LEAD_TIME, MARGIN)
SET_BY_THE_SERVER = {"modified", "versionId", "previousVersionId"}
"""Fields that the server changes with every save."""
ROLE = "SupplierAdmin"
MOST_DAYS = 2**31
"""The API's days are int32; a larger number is not read as days."""


class Suppliers:
    """The suppliers of a tenant. `writer`: the client of the API user that may save them; None: read only."""

    def __init__(self, reader: OmniumClient, writer: OmniumClient | None) -> None:
        self._reader, self._writer = reader, writer

    def content(self, supplier_id: str) -> bytes:
        """The JSON of the supplier as it is now, as the server sends it. Raises NotFound, or another OmniumError."""
        return self._reader.get(
            f"Suppliers/{quote(supplier_id, safe='')}",
            what=f"supplier {supplier_id}",
            role="SupplierRead",
            read=_whole_object,
        )

    def send(self, change: Change, journal: Journal) -> None:
        """Save the supplier with the changed fields, read it back, and compare.

        One function, as it opens the journal's line, sends the change, and closes the line for every outcome.
        """
        assert self._writer is not None
        was = self.content(change.target)
        now = exact.fields(was)
        if _text(now, "versionId") != change.version:
            return change.end("refused", "somebody saved it meanwhile; look again without --apply")
        content = exact.with_fields(was, change.after)
        salt = secrets.token_hex(16)
        entry = journal.sending(change.entry(fields=exact.fingerprint(content, salt), salt=salt))
        answer: OmniumError | None = None
        try:
            self._writer.send("PUT", "Suppliers", content, what=f"supplier {change.target}", role=ROLE)
        except Refused as error:
            journal.ended(entry, "not_written", detail=str(error))
            raise
        except OmniumError as error:
            answer = error
        try:
            outcome, version_after, detail = self.outcome(entry)
        except OmniumError as error:
            # The journal's line stays open: the next call finds out what became of it.
            return change.end("unknown", f"{answer or 'sent'}; reading it back: {error}")
        if outcome == "not_written" and answer is not None:
            # The server may still save what it did not answer, so the journal's line stays open for the next call.
            return change.end("unknown", f"{answer}; {detail}, and the next call looks again")
        if outcome == "not_written":
            outcome, detail = "unknown", "the server took it, and still shows the supplier as it was"
        said = detail or str(answer or "")
        journal.ended(entry, outcome, version=version_after, detail=said)
        if outcome == "written" and not detail:
            return change.end("written")
        change.end("unknown" if outcome == "unknown" else "failed", said)

    def outcome(self, entry: Entry) -> tuple[str, str | None, str]:
        """Read the supplier and compare it with what was sent: the outcome, the version now, and a remark."""
        try:
            now = self.content(entry.target)
        except NotFound:
            return "unknown", None, "the supplier does not exist any more"
        kept = exact.fields(now)
        version = _text(kept, "versionId")
        if version == entry.version:
            return "not_written", version, "the supplier is still as it was"
        others = exact.differing(entry.fields, entry.salt, now) - SET_BY_THE_SERVER
        previous = _text(kept, "previousVersionId")
        if not others and previous not in (entry.version, None):
            return (
                "written",
                version,
                f"somebody saved it just before, and that is lost: look at version {previous}",
            )
        if not others:
            return "written", version, ""
        if previous == entry.version and not others & set(FIELDS):
            return "written", version, f"other fields came back changed: {', '.join(sorted(others))}"
        return "unknown", version, f"somebody saved it as well: {', '.join(sorted(others))} differ"


def recommended(home: Home, suppliers: Suppliers, wanted: Sequence[str]) -> tuple[list[Change], list[str]]:
    """The actionable recommendations as changes of the suppliers as they are now, and why some are left out."""
    with database.published(home.warehouse) as connection:
        ids = selection.supplier_ids(connection, wanted)
        policies = rows(
            connection,
            """
            select supplier_id, supplier_name, configured_days, configured_margin_days, is_default_configured,
                recommended_lead_time_days, recommended_margin_days, measured_p50_days, measured_p90_days,
                completed_lines, coverage_share
            from marts.lead_time_policy
            where is_actionable and recommended_lead_time_days is not null
                and (len($1) = 0 or list_contains($1, supplier_id))
            order by supplier_id
            """,
            ids,
        )
    changes, notes = [], []
    for policy in policies:
        supplier_id = policy["supplier_id"]
        try:
            now = exact.fields(suppliers.content(supplier_id))
        except NotFound:
            notes.append(f"{supplier_id}: the supplier does not exist any more")
            continue
        if odd := [name for name in FIELDS if not _is_days(_days(now, name))]:
            notes.append(f"{supplier_id}: its {odd[0]} is no whole number of days: change it in Omnium")
            continue
        change = _change(policy, now)
        if change is None:
            notes.append(
                f"{supplier_id}: its lead time was changed after the newest load: omnium-elt run first"
            )
        elif change.before != change.after:
            changes.append(change)
    return changes, notes


def _change(policy: dict[str, Any], now: dict[str, bytes]) -> Change | None:
    before = {name: _days(now, name) for name in FIELDS}
    after = {LEAD_TIME: int(policy["recommended_lead_time_days"]), MARGIN: before[MARGIN]}
    if policy["recommended_margin_days"] is not None:
        after[MARGIN] = int(policy["recommended_margin_days"])
    if before == after:
        return Change("lead_time", policy["supplier_id"], "", before, after, "")
    configured = before[LEAD_TIME] or None
    is_current = (
        policy["is_default_configured"] if configured is None else configured == policy["configured_days"]
    )
    if not is_current:
        return None
    why = (
        f"of {policy['completed_lines']:,} arrivals half came within {policy['measured_p50_days']:g} days"
        + (
            f" and nine of ten within {policy['measured_p90_days']:g}"
            if policy["measured_p90_days"] is not None
            else ""
        )
        + (
            f"; {policy['coverage_share'] * 100:.0f} % came within what is configured"
            if policy["coverage_share"] is not None
            else ""
        )
    )
    return Change(
        "lead_time",
        policy["supplier_id"],
        policy["supplier_name"] or policy["supplier_id"],
        before,
        after,
        why,
        _text(now, "versionId"),
    )


def taken_back(entries: Sequence[Entry], suppliers: Suppliers) -> list[Change]:
    """The changes that undo what a run wrote; a supplier that was saved since is refused."""
    changes = []
    for entry in written(entries, "lead_time"):
        try:
            now = exact.fields(suppliers.content(entry.target))
        except NotFound:
            now = {}
        change = Change(
            "undo_lead_time",
            entry.target,
            str(entry.facts.get("name", entry.target)),
            {name: _days(now, name) for name in FIELDS},
            entry.before,
            f"as before {entry.run_id}",
            _text(now, "versionId"),
        )
        if not now:
            change.end("refused", "the supplier does not exist any more")
        elif change.before == change.after:
            change.end("unchanged", "it is as before already")
        elif change.version != entry.version_after:
            change.end("refused", "somebody saved it since: change it in Omnium")
        changes.append(change)
    return changes


def _days(fields: dict[str, bytes], name: str) -> Any:
    """Days as an int, however the number is spelled (10, 10.0, 1e1); any other value is returned unchanged."""
    value = exact.value(fields.get(name, b"null"))
    if isinstance(value, Decimal) and abs(value) <= MOST_DAYS and value == int(value):
        return int(value)
    return value


def _is_days(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _text(fields: dict[str, bytes], name: str) -> str | None:
    value = exact.value(fields.get(name, b"null"))
    return None if value is None else str(value)


def _whole_object(content: bytes) -> bytes:
    if "id" not in exact.fields(content):
        raise NotAnAnswer("the answer is JSON of another shape: no supplier with an id", has_message=True)
    return content
