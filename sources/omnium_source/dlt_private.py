"""Every reach into what dlt does not promise to keep, each with what happens under another dlt than was tried.

    reach              what for                                        under another dlt
    NestedTable        a row's children, replaced together with it     `dlt_probe` tries it first; else refused
    ParquetFile        files are handed over as they are               they come as tables, which takes longer
    mend_arrow         `dataset()[…].arrow()` with DuckDB 2.0          only where dlt asks for what DuckDB lacks
    mend_paths         DuckDB reads files below a path with a quote    the same
    HintsWarning       a warning for every batch is hidden             it shows
    remember_database  a pipeline finds its DuckDB file again          `refuse_same_name` says how to name it
    take_shortcuts     loading into hundreds of tables                dlt's own functions, which take longer
    active_pipeline    the pipeline in use                             the same: it has stood there since 1.0
    sections           where a copy of the source has its settings     the same
    documents          the TOML files, to find unknown settings        the environment alone is looked through
    pipeline_state     cursors, for `status`                           the plain encoding is read
    next_state         a state that commits without dlt's load         not asked for: dlt loads the package
    extend             a dataset, tables and columns without a package    the same
    go_on_above        ids of packages rise, whatever the clock says   as the clock says

What the shortcuts save: docs/decisions.md, "Shortcuts in dlt".
"""

import base64
import contextlib
import hashlib
import json
import logging
import tomllib
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dlt
import orjson
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.metrics import DataWriterMetrics
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.exceptions import ParentTableNotFoundException
from dlt.common.schema.utils import get_root_table
from dlt.extract.extractors import ImportFileMeta
from dlt.extract.items import TableNameMeta

TRIED_WITH = "1.31."
"""The versions of dlt with which all of this was tried."""
HASHES_KEPT = 16
"""Contents of schemas whose hashes are remembered."""
Tables = Mapping[str, Any]


def is_tried() -> bool:
    """Whether this dlt is one with which everything here was tried."""
    return str(dlt.__version__).startswith(TRIED_WITH)


# What is running


def active_pipeline() -> Any:
    """The pipeline in use; None where rows are only looked at."""
    context = Container()[PipelineContext]
    return context.pipeline() if context.is_active() else None


def sections() -> tuple[str, ...]:
    """The sections of the configuration in which the source that is being made looks."""
    return tuple(Container()[ConfigSectionContext].sections or ())


def documents() -> list[tuple[str, Mapping[str, Any]]]:
    """The TOML files that dlt reads, with their names."""
    try:
        from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

        providers = Container()[PluggableRunContext].providers.providers
    except (ImportError, AttributeError):
        if is_tried():
            raise
        return []
    return [(one.name, tomllib.loads(one.to_toml())) for one in providers if hasattr(one, "to_toml")]


def pipeline_state(stored: str) -> dict[str, Any]:
    """The state of a pipeline, as dlt stores it in the destination."""
    try:
        from dlt.common.versioned_state import decompress_state
    except ImportError:
        state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(stored)))
        return state
    return dict(decompress_state(stored))


@contextlib.contextmanager
def next_state(pipeline: Any, load_id: str) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    """A pipeline's state, to be changed, and what makes of it the row of dlt's table of states, of a package `load_id`.

    It is the pipeline's own from then on, unless the `with` block ends with an error. For a dlt that `is_tried`.
    """
    from dlt.common.utils import uniq_id
    from dlt.pipeline.state_sync import (
        bump_pipeline_state_version_if_modified,
        mark_state_extracted,
        state_doc,
    )

    with pipeline.managed_state() as state:

        def row() -> dict[str, Any]:
            _, version_hash, _ = bump_pipeline_state_version_if_modified(pipeline._props_to_state(state))
            mark_state_extracted(state, version_hash)
            return {**state_doc(state, load_id), "_dlt_id": uniq_id(10)}

        yield state, row


def extend(pipeline: Any, first: Any, tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Make tables in the destination, add columns to others, and keep both in its schema. For a dlt that `is_tried`.

    `first`: the source's schema, with which a dataset begins that is not there yet. `tables`: schemas of tables,
    parents first, with the new columns. The pipeline knows them first, as with a package: if this is cut short, the
    next run asks the destination again.
    """
    is_new = first.name not in pipeline.schemas
    if is_new:
        pipeline._inject_schema(first)
        tables = {**tables, **_table_of_states()}
    schema = pipeline.schemas[first.name]
    for name, table in tables.items():
        schema.update_table({**schema.tables.get(name, {}), **table})
    pipeline.schemas.commit_live_schema(first.name)
    with pipeline.destination_client(first.name) as client:
        client.initialize_storage()
        client.update_stored_schema(only_tables=None if is_new else list(tables))


def _table_of_states() -> dict[str, Any]:
    """dlt's table of states, as the first package that dlt loads describes it."""
    from dlt.common.schema.utils import pipeline_state_table

    table: dict[str, Any] = dict(pipeline_state_table())
    key = {"name": "_dlt_id", "data_type": "text", "nullable": False, "unique": True, "row_key": True}
    table |= {"columns": {**table["columns"], "_dlt_id": key}, "resource": table["name"]}
    del table["description"]
    return {table["name"]: {**table, "x-normalizer": {"seen-data": True}}}


def go_on_above(load_id: str) -> None:
    """Let the ids of packages to come be above this one, though the clock was set back since it was made.

    An id is a moment of the machine's clock, and dlt, like the steps after the load, takes the highest one for the
    newest: of two states, of two versions of a row.
    """
    if not is_tried():
        return
    from dlt.common.time import increasing_precise_time

    with contextlib.suppress(ValueError), increasing_precise_time._lock:
        increasing_precise_time._last = max(increasing_precise_time._last, float(load_id))


def new_load_id() -> str:
    """The id of a package, above those of all before it. For a dlt that `is_tried`."""
    from dlt.common.storages.load_package import create_load_id

    return str(create_load_id())


# Tables and files on their way in


class NestedTable(dict[str, Any]):
    """The schema of a nested table, which knows its resource without saying so.

    dlt asks a table it counts rows for `table["resource"]`, and refuses to merge a nested one where
    `table.get("resource")` answers.
    """

    def __init__(self, table: Mapping[str, Any], resource: str) -> None:
        super().__init__(table)
        self._resource = resource

    def __missing__(self, key: str) -> str:
        if key == "resource":
            return self._resource
        raise KeyError(key)


class ArrowTable(TableNameMeta):
    """Goes with an Arrow table: its name, its parent's, and its columns."""

    def __init__(
        self, name: str, parent: str | None, columns: Mapping[str, Any], is_mapped: bool = False
    ) -> None:
        super().__init__(name)
        self.parent, self.columns, self.is_mapped = parent, columns, is_mapped


class ParquetFile(ArrowTable):
    """Stands for a Parquet file, which dlt takes over as it is.

    dlt asks both kinds of its `meta` objects with isinstance, and its classes do not let one inherit from both.
    """

    hints = None
    file_format = "parquet"

    def __init__(
        self, name: str, parent: str | None, columns: Mapping[str, Any], path: str, rows: int
    ) -> None:
        super().__init__(name, parent, columns)
        self.file_path = path
        self.metrics = DataWriterMetrics(path, rows, 0, 0, 0)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return ImportFileMeta


class HintsWarning(logging.Filter):
    """dlt warns for each batch whose hints say more than its Arrow types, as they do of JSON in a string."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything else pass."""
        return "several column hints were different" not in str(record.msg)


logging.getLogger("dlt").addFilter(HintsWarning())


# DuckDB


def mend_arrow() -> None:
    """Let `dataset()[…].arrow()` work with DuckDB 2.0: dlt asks for a table by a name that it no longer has."""
    with contextlib.suppress(ImportError, AttributeError):
        from dlt.destinations.impl.duckdb.sql_client import DuckDBDBApiCursorImpl

        if DuckDBDBApiCursorImpl.iter_arrow.__name__ != "iterate":
            DuckDBDBApiCursorImpl.iter_arrow = _arrow_of_duckdb_2(DuckDBDBApiCursorImpl.iter_arrow)


def _arrow_of_duckdb_2(
    iter_arrow: Callable[[Any, int], Iterator[Any]],
) -> Callable[[Any, int], Iterator[Any]]:
    def iterate(cursor: Any, chunk_size: int) -> Iterator[Any]:
        native = cursor.native_cursor
        if chunk_size or hasattr(native, "fetch_arrow_table"):
            yield from iter_arrow(cursor, chunk_size)
        else:
            with warnings.catch_warnings():
                # DuckDB would rather be asked in another way, which dlt does not take.
                warnings.simplefilter("ignore", UserWarning)
                table = native.to_arrow_table()
            yield table

    return iterate


def mend_paths() -> None:
    """Let packages be loaded from a folder whose name holds an apostrophe, which dlt writes into SQL as it is."""
    from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob

    run = DuckDbCopyJob.run
    if run.__name__ != "run_quoted":

        def run_quoted(job: Any) -> None:
            job._file_path = job._file_path.replace("'", "''")
            run(job)

        DuckDbCopyJob.run = run_quoted


FILE_OF_PIPELINE = "duckdb_database"
"""Where dlt's state of a pipeline's folder keeps the path of a database whose name nobody configured."""


def unnamed_database(config: Any) -> str | None:
    """The DuckDB file that dlt calls after the pipeline, if that is where it would lie; None for a configured one."""
    try:
        from dlt.destinations.impl.duckdb.configuration import DUCK_DB_NAME_PAT
    except ImportError:
        return None
    path: str = config.data_location()
    return path if path == config.make_location("", DUCK_DB_NAME_PAT) else None


def remember_database(pipeline: Any, path: str) -> None:
    """Let the pipeline keep its rows in this DuckDB file, now and wherever its folder is opened."""
    pipeline.set_local_state_val(FILE_OF_PIPELINE, path)
    # A destination takes over what the folder says when the pipeline is made, which is before.
    pipeline.destination.config_params["legacy_db_path"] = path


# Many tables


def nested_tables(
    tables: Tables, table_name: str, max_nesting: int | None = None, include_self: bool | None = True
) -> list[Any]:
    """A table and all below it, parents first, each table's children in the schema's order."""
    if table_name not in tables:
        return []
    children: dict[str, list[Any]] = {}
    for table in tables.values():
        if parent := table.get("parent"):
            children.setdefault(parent, []).append(table)
    chain: list[Any] = []

    def walk(table: Any, level: int) -> None:
        if include_self or level:
            chain.append(table)
        if max_nesting is None or level < max_nesting:
            for child in children.get(table["name"], ()):
                walk(child, level + 1)

    walk(tables[table_name], 0)
    return chain


def _once_a_root(extend: Callable[..., Iterable[str]]) -> Callable[..., Iterable[str]]:
    """dlt starts at the root of every table it is given: the roots alone give the same tables."""

    def extend_roots(schema: Any, tables: Iterable[str], *arguments: Any, **named: Any) -> Iterable[str]:
        roots = {get_root_table(schema.tables, table)["name"] for table in tables}
        return extend(schema, roots, *arguments, **named)

    return extend_roots


def check_parents(schema: Mapping[str, Any]) -> None:
    """What is left of dlt's look at a schema: whether every table's parent is there."""
    tables = schema["tables"]
    for name, table in tables.items():
        if (parent := table.get("parent")) and parent not in tables:
            raise ParentTableNotFoundException(schema["name"], name, parent)


def _once_a_content(version_hash: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """The hashes of the last few contents are kept; a content is told by its JSON as it stands, unsorted."""
    kept: dict[bytes, str] = {}

    def hash_of(schema: Mapping[str, Any]) -> str:
        content = hashlib.blake2b(orjson.dumps(schema, default=str), digest_size=16).digest()
        if content not in kept:
            while len(kept) >= HASHES_KEPT:
                kept.pop(next(iter(kept)), None)
            kept[content] = version_hash(schema)
        return kept[content]

    return hash_of


def take_shortcuts() -> None:
    """Put quicker functions in the place of dlt's, wherever dlt imported its own; one that was not tried keeps its."""
    if not is_tried():
        return
    import dlt.common.normalizers.json.helpers
    import dlt.common.schema.utils
    import dlt.load.load
    import dlt.load.utils

    dlt.common.schema.utils.validate_stored_schema = check_parents
    for module in (dlt.common.schema.utils, dlt.common.normalizers.json.helpers, dlt.load.utils):
        if hasattr(module, "get_nested_tables"):
            module.get_nested_tables = nested_tables
    own_hash = dlt.common.schema.utils.generate_version_hash
    if own_hash.__name__ != "hash_of":
        dlt.common.schema.utils.generate_version_hash = _once_a_content(own_hash)
    own = getattr(dlt.load.utils, "_extend_tables_with_table_chain", None)
    if own is not None and own.__name__ != "extend_roots":
        for module in (dlt.load.utils, dlt.load.load):
            module._extend_tables_with_table_chain = _once_a_root(own)
