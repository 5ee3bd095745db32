"""All use of dlt's private parts, and what happens with a version of dlt that was not tested.

    name               purpose                                         with an untested dlt
    NestedTable        replace a row's children together with it       `dlt_probe` tries it first, or raises
    mend_arrow         make `dataset()[…].arrow()` work on DuckDB 2.0  only if dlt calls what DuckDB lacks
    mend_paths         load files from a path with an apostrophe       the same
    keep_empty_texts   load an empty text into PostgreSQL as it is     it becomes null
    HintsWarning       hide a warning about every batch                the warning shows if dlt rewords it
    remember_database  let a pipeline find its DuckDB file again       `refuse_same_name` asks for another name
    take_shortcuts     load faster into hundreds of tables             dlt's own, slower functions
    active_pipeline    find the current pipeline                       the same: unchanged since dlt 1.0
    sections           find the settings of a copy of the source       the same
    documents          find unknown settings in the TOML files         only the environment is checked
    pipeline_state     read cursors, for `status`                      the plain encoding is read
    next_state         commit a state without dlt's load               not used: dlt loads the package
    extend             create tables and columns without a package     not used: dlt loads the package
    go_on_above        let package ids rise although the clock is set  ids follow the clock

What the shortcuts save: docs/decisions.md, "Shortcuts in dlt".
"""

import base64
import contextlib
import hashlib
import json
import logging
import sys
import threading
import tomllib
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dlt
import orjson
import yaml
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.exceptions import ParentTableNotFoundException
from dlt.common.schema.utils import get_root_table
from dlt.extract.items import TableNameMeta

from omnium_source.normalize.schema import ROW_HASH

TRIED_WITH = "1.31."
"""The versions of dlt that this module is tested with, as a prefix."""
HASHES_KEPT = 16
"""Most schema contents whose hashes are cached."""
Tables = Mapping[str, Any]


def is_tried() -> bool:
    """Whether this module is tested with the installed version of dlt."""
    return str(dlt.__version__).startswith(TRIED_WITH)


# What is running


def active_pipeline() -> Any:
    """The current pipeline; None if rows are read without one."""
    context = Container()[PipelineContext]
    return context.pipeline() if context.is_active() else None


def sections() -> tuple[str, ...]:
    """The sections of the configuration that the current source reads."""
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
    """Decode the state of a pipeline that dlt stored in the destination."""
    try:
        from dlt.common.versioned_state import decompress_state
    except ImportError:
        state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(stored)))
        return state
    return dict(decompress_state(stored))


@contextlib.contextmanager
def next_state(pipeline: Any, load_id: str) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, Any]]]]:
    """A pipeline's state, to be changed, and a function that returns its row for dlt's table of states.

    `load_id`: the package that the row belongs to. The pipeline keeps the changed state unless the `with` block raises.
    Only for a dlt that `is_tried`.
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
    """Create tables in the destination, add columns to others, and store the schema. Only for a dlt that `is_tried`.

    `first`: the source's schema, used to create a dataset that does not exist yet. `tables`: schemas of tables with
    their new columns, parents first. As with a package, the pipeline stores the schema before the destination changes;
    after an interruption the next run compares with the destination again.
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
    """The schema of dlt's table of states, as dlt's own first load package describes it."""
    from dlt.common.schema.utils import pipeline_state_table

    table: dict[str, Any] = dict(pipeline_state_table())
    key = {"name": "_dlt_id", "data_type": "text", "nullable": False, "unique": True, "row_key": True}
    table |= {"columns": {**table["columns"], "_dlt_id": key}, "resource": table["name"]}
    del table["description"]
    return {table["name"]: {**table, "x-normalizer": {"seen-data": True}}}


def go_on_above(load_id: str) -> None:
    """Make the ids of later packages greater than `load_id`, even if the clock was set back since.

    An id is a time of the machine's clock. dlt and the steps after the load take the state, or the version of a row,
    with the highest id for the newest.
    """
    if not is_tried():
        return
    from dlt.common.time import increasing_precise_time

    with contextlib.suppress(ValueError), increasing_precise_time._lock:
        increasing_precise_time._last = max(increasing_precise_time._last, float(load_id))


def new_load_id() -> str:
    """A new package id, greater than all before. Only for a dlt that `is_tried`."""
    from dlt.common.storages.load_package import create_load_id

    return str(create_load_id())


# Tables and files on their way in


class NestedTable(dict[str, Any]):
    """The schema of a nested table that has a resource for `table["resource"]`, but not for `table.get("resource")`.

    dlt uses the first when it counts rows, and refuses to merge a nested table if the second returns a value.
    """

    def __init__(self, table: Mapping[str, Any], resource: str) -> None:
        super().__init__(table)
        self._resource = resource

    def __missing__(self, key: str) -> str:
        if key == "resource":
            return self._resource
        raise KeyError(key)


# So that dlt can export a schema with such tables (`import_schema_path`).
yaml.add_representer(NestedTable, yaml.SafeDumper.represent_dict)


class ArrowTable(TableNameMeta):
    """The metadata of an Arrow table: its name, its parent's name, and its columns."""

    def __init__(
        self, name: str, parent: str | None, columns: Mapping[str, Any], is_mapped: bool = False
    ) -> None:
        super().__init__(name)
        self.parent, self.columns, self.is_mapped = parent, columns, is_mapped


class HintsWarning(logging.Filter):
    """Hides dlt's warning for each batch whose hints differ from its Arrow types, as for JSON in a string column."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is not that warning."""
        return "several column hints were different" not in str(record.msg)


logging.getLogger("dlt").addFilter(HintsWarning())


# DuckDB


def mend_arrow() -> None:
    """Make `dataset()[…].arrow()` work with DuckDB 2.0: dlt calls a method that DuckDB no longer has."""
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
                # DuckDB recommends another method, which returns something else than dlt expects.
                warnings.simplefilter("ignore", UserWarning)
                table = native.to_arrow_table()
            yield table

    return iterate


def mend_paths() -> None:
    """Make loading work from a folder with an apostrophe in its name, which dlt writes into SQL unescaped."""
    from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob

    run = DuckDbCopyJob.run
    if run.__name__ != "run_quoted":

        def run_quoted(job: Any) -> None:
            job._file_path = job._file_path.replace("'", "''")
            run(job)

        DuckDbCopyJob.run = run_quoted


_copying = threading.local()


def keep_empty_texts() -> None:
    """Make PostgreSQL keep empty texts of our tables; dlt has it read each of them as null.

    In the CSV that Arrow writes, a null has no quotation marks and an empty text has. Files of other sources, or with
    marks around everything, need what dlt does.
    """
    postgres: Any = sys.modules.get("dlt.destinations.impl.postgres.postgres")
    if postgres is None or not is_tried() or postgres.PostgresCsvCopyJob.run.__name__ == "run_as_it_is":
        return
    run, is_nullable = postgres.PostgresCsvCopyJob.run, postgres.is_nullable_column

    def run_as_it_is(job: Any) -> None:
        root = get_root_table(job._schema.tables, job.load_table_name)
        _copying.is_ours = ROW_HASH.name in root["columns"]  # each of our root tables has it
        try:
            run(job)
        finally:
            _copying.is_ours = False

    # dlt asks this only for the columns whose empty texts become null.
    postgres.is_nullable_column = lambda column: (
        is_nullable(column) and not getattr(_copying, "is_ours", False)
    )
    postgres.PostgresCsvCopyJob.run = run_as_it_is


FILE_OF_PIPELINE = "duckdb_database"
"""Key in dlt's local state of a pipeline: the path of a DuckDB file whose name is not configured."""


def unnamed_database(config: Any) -> str | None:
    """The path of the DuckDB file that dlt names after the pipeline; None if the user configured another file."""
    try:
        from dlt.destinations.impl.duckdb.configuration import DUCK_DB_NAME_PAT
    except ImportError:
        return None
    path: str = config.data_location()
    return path if path == config.make_location("", DUCK_DB_NAME_PAT) else None


def remember_database(pipeline: Any, path: str) -> None:
    """Make the pipeline use this DuckDB file, now and whenever its folder is opened."""
    pipeline.set_local_state_val(FILE_OF_PIPELINE, path)
    # The destination read the folder's state when the pipeline was created, so it does not see this change.
    pipeline.destination.config_params["legacy_db_path"] = path


# Many tables


def nested_tables(
    tables: Tables, table_name: str, max_nesting: int | None = None, include_self: bool | None = True
) -> list[Any]:
    """A table and all its descendants, parents first, the children of a table in the schema's order."""
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
    """Pass only the root tables to dlt's function, which starts at the root of each table it gets."""

    def extend_roots(schema: Any, tables: Iterable[str], *arguments: Any, **named: Any) -> Iterable[str]:
        roots = {get_root_table(schema.tables, table)["name"] for table in tables}
        return extend(schema, roots, *arguments, **named)

    return extend_roots


def check_parents(schema: Mapping[str, Any]) -> None:
    """Raise if a table's parent is missing; of dlt's validation of a schema, only this check is kept."""
    tables = schema["tables"]
    for name, table in tables.items():
        if (parent := table.get("parent")) and parent not in tables:
            raise ParentTableNotFoundException(schema["name"], name, parent)


def _once_a_content(version_hash: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """Cache the version hashes of the last `HASHES_KEPT` schema contents, identified by their unsorted JSON."""
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
    """Replace slow functions of dlt wherever dlt imported them. An untested version of dlt is not changed."""
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
