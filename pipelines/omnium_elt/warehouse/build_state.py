"""What the models in the working database were built from; transforms/macros/build_state.sql reads it."""

from collections.abc import Mapping
from typing import Any

from omnium_elt.warehouse import database

TABLE = "build_state.node_version"


def prepare(
    connection: Any,
    raw: Mapping[str, str],
    project: str,
    variables: Mapping[str, Any],
    *,
    forget: bool = False,
) -> None:
    """Record the version of each raw table before the models are built.

    `raw`: a digest per raw table. `project`: a digest of the dbt project; if it changes, or with `forget`, everything
    is built. If `variables` change, no table is built by key. Only the newest row of each node is kept.
    """
    connection.execute("create schema if not exists build_state")
    connection.execute(
        f"""
        create table if not exists {TABLE} (
            node varchar, inputs varchar, version varchar, shape varchar, recorded_at timestamptz default now()
        )
        """
    )
    with database.transaction(connection):
        kept = connection.execute(f"select version from {TABLE} where node = 'project'").fetchone()
        if forget or kept != (project,):
            connection.execute(f"delete from {TABLE}")
        connection.execute(
            f"""
            delete from {TABLE} as older
            where node in ('project', 'settings') or starts_with(node, 'source.') or exists (
                select 1 from {TABLE} as newer
                where newer.node = older.node and newer.rowid > older.rowid
            )
            """
        )
        columns = database.tables(connection)
        sources = [
            (f"source.omnium.omnium.{table}", version, database.digest(columns[table]))
            for table, version in raw.items()
        ]
        connection.executemany(
            f"insert into {TABLE} (node, version, shape) values (?, ?, ?)",
            [("project", project, project), ("settings", database.digest(dict(variables)), None), *sources],
        )
