"""The strategy of supplier versions: each changed supplier's chain of versions, each version once."""

from collections.abc import Iterator
from urllib.parse import quote

import orjson

from omnium_source.errors import NotFound
from omnium_source.http.client import Answer
from omnium_source.http.paginators import Connection, Page
from omnium_source.http.traffic import Budget, Traffic
from omnium_source.resources import RESOURCES
from omnium_source.windows.gathered import Gathered, Query, Verified
from omnium_source.windows.state import VersionsState
from omnium_source.windows.strategy import Strategy
from omnium_source.windows.window import Row, Window

SUPPLIERS_AT_ONCE = 200
"""Whose chains are followed before their versions become tables."""


class Versions(Strategy[VersionsState]):
    """Every version of each changed supplier, once."""

    state_type = VersionsState

    def windows(self, state: VersionsState) -> Iterator[Verified]:
        """Every version of each changed supplier, once."""
        connection, before = self.run.connection(), self.run.traffic.requests
        window = Window(self.since(state), self.latest if state.cursor else None, end=self.now)
        rows = Gathered(self.run, window, Query(), connection)
        suppliers = self.scheduler.rows_of(RESOURCES["suppliers"], window)
        seen = dict(state.versions or {})
        for start in range(0, len(suppliers), SUPPLIERS_AT_ONCE):
            some = suppliers[start : start + SUPPLIERS_AT_ONCE]
            connection.budget = Budget(self.run.reading.budget)
            chains = self.run.executor.map(
                lambda row: self._versions_of(connection, row, seen.get(str(row.get("id")))), some
            )
            for page in (page for chain in chains for page in chain):
                rows.add(page, can_come_twice=True)
            rows.finish_batches(can_come_twice=True)
            seen.update((str(row["id"]), str(row["versionId"])) for row in some if row.get("versionId"))
        verified = rows.verified()
        verified.traffic = Traffic(requests=self.run.traffic.requests - before)
        verified.state = self.kept(state, cursor=self.now, versions=seen)
        yield verified

    def _versions_of(self, connection: Connection, supplier: Row, last_seen: str | None) -> list[Page]:
        """The chain of versions from the newest back to the last one seen."""
        supplier_id, version = str(supplier.get("id")), supplier.get("versionId")
        visited: set[str] = set()
        pages: list[Page] = []
        while version and version != last_seen and version not in visited:
            visited.add(version)
            try:
                path = f"Suppliers/{quote(supplier_id, safe='')}/{quote(str(version), safe='')}"
                answer = connection.get(path)
            except NotFound:
                if version != supplier.get("versionId"):
                    break  # older versions are no longer kept
                # The newest one stands in the supplier itself.
                answer = Answer(orjson.dumps(supplier), dict(supplier))
            page = _version_page(answer, supplier_id, str(version))
            pages.append(page)
            (row,) = page.rows
            version = row["value"].get("previousVersionId")
        return pages


def _version_page(answer: Answer, supplier_id: str, version: str) -> Page:
    """A page of one supplier version, in the form in which versions really come.

    The schema says that the bare supplier comes back, the text a version around it: both are taken. Put together
    as text, for numbers have to stay as they were written.
    """
    row, text = answer.json, answer.body.strip()
    named = {"id": row.get("id") or supplier_id, "versionId": row.get("versionId") or version}
    if not isinstance(row.get("value"), dict):
        named["created"] = row.get("modified") or row.get("created")
        text = b'{"value": ' + text + b"}"
    # The last of two fields with one name counts.
    text = text[:-1] + b", " + orjson.dumps(named)[1:]
    return Page(b'{"result": [' + text + b"]}", 1, 1)
