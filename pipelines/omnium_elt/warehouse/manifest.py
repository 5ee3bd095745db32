"""Which version is published, according to the manifest of all files, and to the published warehouse itself.

Files are replaced one after the other, the warehouse first and the manifest last. In between, and until the next run if
a publication was killed in between, the manifest describes the older version. Readers of the warehouse therefore ask
the warehouse.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from omnium_elt.infra.errors import UnreadableError
from omnium_elt.infra.files import read_object
from omnium_elt.infra.home import Home
from omnium_elt.warehouse import database

TABLE = "_omnium_published"
"""Table of a published warehouse with one row, its version."""


@dataclass(frozen=True)
class Version:
    """A published version: the run, the as-of day of its models (None: there are no models), and the time."""

    run_id: str
    as_of: date | None
    published_at: datetime


def stamp(connection: Any, version: Version) -> None:
    """Write a version into a database."""
    connection.execute(f"create schema if not exists {database.RAW}")
    connection.execute(
        f"""
        create or replace table {database.RAW}.{TABLE} as
        select ?::varchar as run_id, ?::date as as_of, ?::timestamptz as published_at
        """,
        [version.run_id, version.as_of, version.published_at],
    )


def version_of(connection: Any, home: Home) -> Version | None:
    """The version of an open warehouse. Earlier versions of this program did not write one: the manifest's is used.

    None if neither has one.
    """
    return stamped(connection) or manifested(home)


def stamped(connection: Any) -> Version | None:
    """The version that is written in a warehouse; None if there is none."""
    if not database.columns_of(connection, TABLE):
        return None
    rows = connection.execute(f"select run_id, as_of, published_at from {database.RAW}.{TABLE}").fetchall()
    return Version(*rows[0]) if rows else None


def manifested(home: Home) -> Version | None:
    """The version in the manifest; None if it is missing or damaged."""
    manifest = read_manifest(home)
    try:
        as_of = manifest["as_of"]
        return Version(
            manifest["run_id"],
            date.fromisoformat(as_of) if as_of else None,
            datetime.fromisoformat(manifest["published_at"]),
        )
    except (KeyError, ValueError):
        return None


def published(home: Home) -> Version | None:
    """The version of the published warehouse; None if the file is missing or cannot be read."""
    if not home.warehouse.exists():
        return None
    try:
        with database.published(home.warehouse) as connection:
            return version_of(connection, home)
    except UnreadableError:
        return None


def read_manifest(home: Home) -> dict[str, Any]:
    """The manifest of the published version; empty if it is missing or damaged."""
    manifest = read_object(home.manifest)
    marts = manifest.get("marts")
    is_whole = (
        all(isinstance(manifest.get(name), str) for name in ("published_at", "run_id"))
        and isinstance(manifest.get("as_of"), str | None)
        and isinstance(marts, dict)
        and all(isinstance(mart, dict) and isinstance(mart.get("file"), str) for mart in marts.values())
    )
    return manifest if is_whole else {}
