"""The strategy of supplier versions: follows each changed supplier's chain of versions and reads each version once."""

from collections.abc import Iterator
from urllib.parse import quote

import orjson

from omnium_source.decoding import mended
from omnium_source.errors import (
    GaveUp,
    Incomplete,
    NotFound,
    OmniumError,
    Refused,
    TooLarge,
    WrongCredentials,
)
from omnium_source.http.answers import is_object
from omnium_source.http.client import Answer
from omnium_source.http.paginators import Connection
from omnium_source.http.traffic import Budget
from omnium_source.pages import Page
from omnium_source.resources import RESOURCES
from omnium_source.windows.gathered import Gathered, Query, Verified
from omnium_source.windows.state import VersionsState
from omnium_source.windows.strategy import Strategy
from omnium_source.windows.window import Row, Window

SUPPLIERS_AT_ONCE = 200
"""Suppliers whose chains are followed before their versions become tables."""


class Versions(Strategy[VersionsState]):
    """Reads every version of each changed supplier, once."""

    state_type = VersionsState

    def windows(self, state: VersionsState) -> Iterator[Verified]:
        """See `Strategy.windows`. Raises Incomplete, after the rows, if some chains could not be read."""
        connection, before = self.run.connection(), self.run.traffic.requests
        window = Window(self.since(state), self.latest if state.cursor else None, end=self.now)
        rows = Gathered(self.run, window, Query(), connection, can_come_twice=True)
        suppliers = self.scheduler.rows_of(RESOURCES["suppliers"], window)
        seen = dict(state.versions or {})
        failures: dict[str, OmniumError] = {}
        for start in range(0, len(suppliers), SUPPLIERS_AT_ONCE):
            some = suppliers[start : start + SUPPLIERS_AT_ONCE]
            connection.budget = Budget(self.run.reading.budget)
            chains = self.run.executor.map(
                lambda row: self._versions_of(connection, row, seen.get(str(row.get("id")))), some
            )
            for row, (pages, failure) in zip(some, chains, strict=True):
                for page in pages:
                    rows.add(page)
                if failure:
                    failures[str(row.get("id"))] = failure
                elif row.get("versionId"):
                    seen[str(row.get("id"))] = str(row["versionId"])
            rows.finish_batches()
        if failures and len(failures) == len(suppliers):
            rows.close()
            raise next(iter(failures.values()))
        verified = rows.verified()
        verified.requests = self.run.traffic.requests - before
        # Suppliers that failed are asked for again, because the cursor stays before their changes.
        verified.state = self.kept(state, cursor=state.cursor if failures else self.now, versions=seen)
        yield verified
        if failures:
            supplier_id, failure = next(iter(failures.items()))
            raise Incomplete(
                f"{self.run.resource.name}: the versions of {len(failures):,} of {len(suppliers):,} suppliers could "
                f"not be read, such as {supplier_id} ({failure}); those of the others are loaded"
            )

    def _versions_of(
        self, connection: Connection, supplier: Row, last_seen: str | None
    ) -> tuple[list[Page], OmniumError | None]:
        """A supplier's versions from the newest back to the last one seen, and the error that ended the chain early."""
        supplier_id, version = str(supplier.get("id")), _text(supplier.get("versionId"))
        visited: set[str] = set()
        pages: list[Page] = []
        while version and version != last_seen and version not in visited:
            visited.add(version)
            try:
                path = f"Suppliers/{quote(supplier_id, safe='')}/{quote(version, safe='')}"
                answer = connection.get(path)
            except NotFound:
                if version != _text(supplier.get("versionId")):
                    break  # the server no longer keeps older versions
                # The supplier itself is its newest version.
                answer = Answer(orjson.dumps(supplier), dict(supplier))
            except WrongCredentials:
                raise
            except (Refused, GaveUp, TooLarge) as failure:
                return pages, failure
            page = _version_page(answer, supplier_id, version)
            pages.append(page)
            (row,) = page.rows
            version = _text(row["value"].get("previousVersionId"))
        return pages, None


def _text(version: object) -> str:
    """The name of a version as text, whatever type it came as."""
    return str(version) if version else ""


def _version_page(answer: Answer, supplier_id: str, version: str) -> Page:
    """A page that holds one supplier version, in the form in which versions really come.

    The schema of the API description says that the bare supplier comes back, its text that a version around it does;
    both are accepted. The page is put together as text, so that numbers stay as they were written.
    """
    row, text = answer.json, answer.body.strip()
    if not is_object(text):  # it begins with a byte order mark
        text = mended(text)
    named = {"id": row.get("id") or supplier_id, "versionId": row.get("versionId") or version}
    if not isinstance(row.get("value"), dict):
        named["created"] = row.get("modified") or row.get("created")
        text = b'{"value": ' + text + b"}"
    # Of two fields with the same name, the last one counts.
    text = text[:-1] + b", " + orjson.dumps(named)[1:]
    return Page(b'{"result": [' + text + b"]}", 1, 1)
