"""Which version readers see: what the manifest says of all files, and the published warehouse of itself.

The files take their places one after the other, the warehouse first and the manifest last. Between the two, or until
the next run where a publication was killed there, the manifest tells of the version before: who reads the warehouse
asks the warehouse.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from omnium_elt.infra.errors import UnreadableError
from omnium_elt.infra.files import read_object
from omnium_elt.infra.home import Home
from omnium_elt.warehouse import database

TABLE = "_omnium_published"
"""Table of a published warehouse with one row: which version it is."""


@dataclass(frozen=True)
class Version:
    """What was published: by which run, as of which day the models answer (None: there are none), and when."""

    run_id: str
    as_of: date | None
    published_at: datetime


def stamp(connection: Any, version: Version) -> None:
    """Let a database say which version it is."""
    connection.execute(f"create schema if not exists {database.RAW}")
    connection.execute(
        f"""
        create or replace table {database.RAW}.{TABLE} as
        select ?::varchar as run_id, ?::date as as_of, ?::timestamptz as published_at
        """,
        [version.run_id, version.as_of, version.published_at],
    )


def version_of(connection: Any, home: Home) -> Version | None:
    """Which version an open warehouse is; of one that an earlier version of this program wrote, what the manifest says.

    None where neither says it.
    """
    return stamped(connection) or manifested(home)


def stamped(connection: Any) -> Version | None:
    """What a warehouse says of itself."""
    if TABLE not in database.tables(connection):
        return None
    rows = connection.execute(f"select run_id, as_of, published_at from {database.RAW}.{TABLE}").fetchall()
    return Version(*rows[0]) if rows else None


def manifested(home: Home) -> Version | None:
    """What the manifest says; None where it is missing or damaged."""
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
    """Which version the published warehouse is; None where there is none, or one that cannot be read."""
    if not home.warehouse.exists():
        return None
    try:
        with database.published(home.warehouse) as connection:
            return version_of(connection, home)
    except UnreadableError:
        return None


def read_manifest(home: Home) -> dict[str, Any]:
    """The manifest of what is published; empty before the first time, and where it is damaged."""
    manifest = read_object(home.manifest)
    marts = manifest.get("marts")
    is_whole = (
        all(isinstance(manifest.get(name), str) for name in ("published_at", "run_id"))
        and isinstance(manifest.get("as_of"), str | None)
        and isinstance(marts, dict)
        and all(isinstance(mart, dict) and isinstance(mart.get("file"), str) for mart in marts.values())
    )
    return manifest if is_whole else {}
