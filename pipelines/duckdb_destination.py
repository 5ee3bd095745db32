"""dlt's DuckDB destination, which also takes files whose rows do not say yet which package they came with.

A file of a window's root table is written before its package has an id. dlt's way is to write it again with one more
column; here the statement that reads the file adds it.
"""

from typing import Any

import dlt
import pyarrow.parquet as pq
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob

from pipelines.database import literal

LOAD_ID = "_dlt_load_id"


class _CopyJob(DuckDbCopyJob):
    """Inserts a Parquet file, with the package's id where the file lacks it."""

    def run(self) -> None:
        # The table is asked first: most files are of child tables, and need not be opened for this.
        if LOAD_ID not in self._load_table["columns"] or LOAD_ID in pq.read_schema(self._file_path).names:
            super().run()
            return
        client = self._job_client.sql_client
        client.execute_sql(
            f"insert into {client.make_qualified_table_name(self.load_table_name)} by name "
            f"select *, {literal(self._load_id)} as {LOAD_ID} from read_parquet({literal(self._file_path)})"
        )


class _Client(DuckDbClient):
    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:
        job = super().create_load_job(table, file_path, load_id, restore)
        is_parquet = isinstance(job, DuckDbCopyJob) and file_path.endswith(".parquet")
        return _CopyJob(file_path) if is_parquet else job


class DuckDb(dlt.destinations.duckdb):
    """To dlt's state it is the destination that it always was."""

    @property
    def destination_type(self) -> str:
        """The type that is kept with a pipeline."""
        return "dlt.destinations.duckdb"

    @property
    def client_class(self) -> type[DuckDbClient]:
        """What runs its jobs."""
        return _Client
