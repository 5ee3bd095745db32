"""dlt's DuckDB destination, which reads all files of a package and a table with one statement.

dlt makes a job of each file, and a job costs more than DuckDB takes for a small file. So what it is handed is a list
of files (`omnium_source.dlt_adapter.listed`). And a file of a window's root table is written before its package has an
id; dlt's way is to write it again with one more column, here the statement that reads it adds it.
"""

import json
from typing import Any

import dlt
import pyarrow.parquet as pq
from dlt.common.configuration import configspec
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from omnium_source.dlt_adapter import FILES

from omnium_elt.warehouse.database import literal

LOAD_ID = "_dlt_load_id"


class _CopyJob(DuckDbCopyJob):
    """Inserts Parquet files, with the package's id where they lack it."""

    def run(self) -> None:
        with pq.ParquetFile(self._file_path) as file:
            columns, rows = file.schema_arrow, file.metadata.num_rows
        listed = (columns.metadata or {}).get(FILES)
        if listed is None and not rows:
            # dlt writes a file again where it finds something to mend, and forgets what is not a row.
            raise RuntimeError(f"the list of the files of {self.load_table_name} got lost")
        files = json.loads(listed) if listed else [self._file_path]
        is_stamped = LOAD_ID in columns.names or LOAD_ID not in self._load_table["columns"]
        stamp = "" if is_stamped else f", {literal(self._load_id)} as {LOAD_ID}"
        client = self._job_client.sql_client
        client.execute_sql(
            f"insert into {client.make_qualified_table_name(self.load_table_name)} by name select *{stamp} "
            f"from read_parquet([{', '.join(map(literal, files))}], union_by_name = true)"
        )


class _Client(DuckDbClient):
    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:
        job = super().create_load_job(table, file_path, load_id, restore)
        is_parquet = isinstance(job, DuckDbCopyJob) and file_path.endswith(".parquet")
        return _CopyJob(file_path) if is_parquet else job


@configspec(init=False)
class _Configuration(DuckDbClientConfiguration):
    def __str__(self) -> str:
        """Where the data are, as dlt's report of a package shows it; dlt itself imports all of sqlalchemy for that."""
        return f"duckdb:///{self.credentials.database}"


class DuckDb(dlt.destinations.duckdb):
    """To dlt's state it is the destination that it always was."""

    spec = _Configuration
    _partial: Any = None

    def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
        """The resolved configuration; for what it can do, which dlt asks ten times a package, resolved once."""
        if not accept_partial:
            return super().configuration(initial_config)
        if self._partial is None:
            self._partial = super().configuration(initial_config, accept_partial=True)
        return self._partial

    @property
    def destination_type(self) -> str:
        """The type that is kept with a pipeline."""
        return "dlt.destinations.duckdb"

    @property
    def client_class(self) -> type[DuckDbClient]:
        """What runs its jobs."""
        return _Client
