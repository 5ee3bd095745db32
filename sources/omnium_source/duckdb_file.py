"""The name of the DuckDB file that dlt makes for a pipeline.

dlt calls it after the pipeline. Where the dataset has that name too, DuckDB takes `omnium.suppliers` for a
table of the database `omnium` as well as for one of the schema `omnium`, and refuses every statement.

give_own_name      a pipeline whose file would be called like its dataset gets another file: omnium_raw.duckdb.
                   The pipeline's folder keeps that name, so that whoever opens the pipeline finds the file
refuse_same_name   tells where somebody chose such a file, before anything is read
"""

from pathlib import Path
from typing import Any

import dlt

from omnium_source.dlt_private import active_pipeline, remember_database, unnamed_database
from omnium_source.errors import ConfigurationError


def give_own_name() -> None:
    """Give the active pipeline's DuckDB file a name of its own, where dlt would call it like the dataset.

    A file that the user named, in code or in the configuration, is left alone.
    """
    pipeline = active_pipeline()
    if pipeline is None:
        return
    name, config = _same_name(pipeline)
    path = unnamed_database(config) if name else None
    if path is None:
        return
    unnamed = Path(path)
    remember_database(pipeline, str(unnamed.with_name(f"{name}_raw.duckdb")))
    _remove_empty(unnamed)


def _remove_empty(path: Path) -> None:
    """Remove a database without a table: dlt made it when it looked for a state, before the source was asked."""
    import duckdb

    if not path.exists():
        return
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            is_empty = not connection.execute("select 1 from duckdb_tables() limit 1").fetchall()
    except duckdb.Error:
        return
    if is_empty:
        path.unlink()


def refuse_same_name() -> None:
    """Raise ConfigurationError where the active pipeline's DuckDB file is called like its dataset."""
    name, config = _same_name(dlt.current.pipeline())
    if name:
        raise ConfigurationError(
            f"dataset and DuckDB file ({config.data_location()}) are both called {name!r}, which makes every "
            "table's name ambiguous to DuckDB\n"
            f'Give one of them another name: destination=dlt.destinations.duckdb("{name}_raw.duckdb").'
        )


def _same_name(pipeline: Any) -> tuple[str | None, Any]:
    """The name that file and dataset have in common, None where they differ; the destination's settings."""
    if not isinstance(pipeline.destination, dlt.destinations.duckdb):
        return None, None
    client = pipeline.destination_client()
    dataset, catalog = client.sql_client.dataset_name, Path(client.config.data_location()).stem
    return dataset if dataset.lower() == catalog.lower() else None, client.config
