"""A test whether the installed dlt replaces a row of an Arrow table together with its children.

`dlt_private.NestedTable` is the only way to nest Arrow tables. If it stopped working, children that were removed in the
tenant would silently stay. So with an untested version of dlt, two small loads into a DuckDB file are tried first, in a
separate process, once per process.
"""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract.items import DataItemWithMeta

from omnium_source.dlt_adapter import MERGE, SYSTEM_COLUMNS, ordinary
from omnium_source.dlt_private import TRIED_WITH, ArrowTable, is_tried
from omnium_source.errors import ConfigurationError
from omnium_source.resources import RESOURCES

SECONDS = 120


def check_nesting() -> None:
    """Raise ConfigurationError if this version of dlt is untested and keeps children that were removed."""
    if not is_tried() and (problem := _problem(str(dlt.__version__))):
        raise ConfigurationError(
            f"dlt {dlt.__version__} does not replace rows together with their children: {problem}\n"
            f"Take one that was tried: python -m pip install 'dlt=={TRIED_WITH}*'"
        )


@functools.cache
def _problem(_: str) -> str:
    """Run the two loads in another process and return what is wrong; empty if nothing is."""
    root = str(Path(__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {root!r}); from omnium_source import dlt_probe; dlt_probe.main()"
    known = {name: value for name, value in os.environ.items() if "__" not in name}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            cwd=folder,
            env={**known, "DLT_DATA_DIR": folder, "RUNTIME__DLTHUB_TELEMETRY": "false"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return "" if lines[-1:] == ["right"] else (lines[-1] if lines else "nothing was loaded")


def main() -> None:
    """Print the outcome of the two loads."""
    print(outcome(Path.cwd()))


def outcome(folder: Path) -> str:
    """Load three rows with children, then two of them with fewer, and return `right` or the children that are found."""
    pipeline = dlt.pipeline(
        "probe",
        destination=dlt.destinations.duckdb(str(folder / "probe.duckdb")),
        dataset_name="rows",
        pipelines_dir=str(folder),
    )
    for children in ({"a": ["x", "y"], "b": ["z"], "c": ["w"]}, {"a": ["y"], "b": []}):
        pipeline.run(_source(children))
    rows = pipeline.dataset()["parents__children"].select("_dlt_parent_id", "_dlt_id").fetchall()
    found = sorted(tuple(row) for row in rows)
    return "right" if found == [("a", "a-y"), ("c", "c-w")] else f"children are {found}"


def _source(children: Mapping[str, Sequence[str]]) -> Any:
    def item(name: str, parent: str | None, rows: list[dict[str, Any]]) -> Any:
        names = ["_dlt_id", *(["_dlt_parent_id", "_dlt_root_id"] if parent else [])]
        schema = pa.schema([pa.field(column, pa.string(), nullable=False) for column in names])
        columns = {column: {"name": column, **SYSTEM_COLUMNS[column]} for column in names}
        return DataItemWithMeta(ArrowTable(name, parent, columns), pa.Table.from_pylist(rows, schema))

    def generate() -> Iterator[Any]:
        yield item("parents", None, [{"_dlt_id": parent} for parent in children])
        below = [
            {"_dlt_id": f"{parent}-{child}", "_dlt_parent_id": parent, "_dlt_root_id": parent}
            for parent, some in children.items()
            for child in some
        ]
        yield item("parents__children", "parents", below)

    @dlt.source(name="probe", max_table_nesting=0)
    def probe() -> Any:
        made = dlt.resource(generate, name="parents", write_disposition=MERGE, primary_key="_dlt_id")
        yield ordinary(made, RESOURCES["suppliers"])

    return probe()
