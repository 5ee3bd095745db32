"""The name of the DuckDB file that dlt creates for a pipeline.

dlt names the file after the pipeline. If the dataset has that name too, `omnium.suppliers` may mean the database
`omnium` or the schema `omnium`, and DuckDB refuses every statement as ambiguous.

give_own_name      renames a file that dlt would name like the dataset, to omnium_raw.duckdb. The pipeline's folder
                   keeps the new name, so that every process that opens the pipeline finds the file
refuse_same_name   raises before anything is read if the user chose such a file name
"""

from pathlib import Path
from typing import Any

import dlt

from omnium_source.dlt_private import active_pipeline, remember_database, unnamed_database
from omnium_source.errors import ConfigurationError


def give_own_name() -> None:
    """Rename the active pipeline's DuckDB file if dlt would name it like the dataset.

    A name that the user chose, in code or in the configuration, is not changed.
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
    """Remove a database without tables: dlt created it while looking for a state, before it called the source."""
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
    """Raise ConfigurationError if the active pipeline's DuckDB file is named like its dataset."""
    name, config = _same_name(dlt.current.pipeline())
    if name:
        raise ConfigurationError(
            f"dataset and DuckDB file ({config.data_location()}) are both called {name!r}, which makes every "
            "table's name ambiguous to DuckDB\n"
            f'Give one of them another name: destination=dlt.destinations.duckdb("{name}_raw.duckdb").'
        )


def _same_name(pipeline: Any) -> tuple[str | None, Any]:
    """The name that file and dataset share, or None if they differ, and the destination's settings."""
    if not isinstance(pipeline.destination, dlt.destinations.duckdb):
        return None, None
    client = pipeline.destination_client()
    dataset, catalog = client.sql_client.dataset_name, Path(client.config.data_location()).stem
    return dataset if dataset.lower() == catalog.lower() else None, client.config
