"""The current dlt run: its resource, its limit, and its destination.

running                    the resource whose generator is running
WindowLimit, limited       `add_limit`, counted in windows
Destination                whether it is emptied, whether it can replace rows, the content hashes that it holds
"""

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.extract import DltResource
from dlt.extract.items_transform import LimitItem

from omnium_source.dlt_private import active_pipeline, sections
from omnium_source.errors import ConfigurationError
from omnium_source.settings import SECTION
from omnium_source.windows.deletions import MARKED_HASH
from omnium_source.windows.gathered import Verified

log = logging.getLogger("omnium")


def running() -> DltResource:
    """The resource whose generator is running, with its current name and hints."""
    return dlt.current.resource()


def load_package() -> Mapping[str, Any] | None:
    """The current load package and its state; None if rows are read without a pipeline."""
    try:
        return dict(dlt.current.load_package_state())
    except CurrentLoadPackageStateNotAvailable:
        return None


def source_section() -> str:
    """The section of the current source's settings: `sources.omnium`, or the section of a copy."""
    found = sections()
    return ".".join(found[:2]) if len(found) > 1 else SECTION


class WindowLimit(LimitItem):
    """A limit that counts windows, not tables: children cut off by a limit between tables would never be loaded."""

    def bind(self, pipe: Any) -> "WindowLimit":
        """Do not wrap the generator: it checks the limit itself (`limited`)."""
        return self

    def __call__(self, item: Any, meta: Any = None) -> Any:
        """Pass every item on."""
        return item


def limit_of_run() -> WindowLimit | None:
    """The limit of the running resource; None if it has none."""
    return next((step for step in dlt.current.pipe().steps if isinstance(step, WindowLimit)), None)


def limited(windows: Iterable[Verified]) -> Iterator[Verified]:
    """The windows up to the limit of `add_limit`."""
    limit = limit_of_run()
    if limit is None:
        yield from windows
        return
    started, count = time.monotonic(), 0
    with contextlib.closing(iter(windows)) as some:  # type: ignore[type-var]
        while (limit.max_items < 0 or count < limit.max_items) and (
            not limit.max_time or time.monotonic() - started < limit.max_time
        ):
            verified = next(some, None)
            if verified is None:
                return
            yield verified
            count += verified.written if limit.count_rows else bool(verified.written)


class Destination:
    """The destination that the running resource is loaded into."""

    def __init__(self, pipeline: Any, package: Mapping[str, Any]) -> None:
        self._pipeline, self._package = pipeline, package
        self._resource, self._schema = running(), dlt.current.source_schema()
        self._table = self._schema.naming.normalize_tables_path(str(self._resource.table_name))
        self._held: dict[str, Any] | None = None
        disposition = self._resource.write_disposition
        self._disposition = disposition["disposition"] if isinstance(disposition, Mapping) else disposition

    @classmethod
    def of_run(cls) -> "Destination | None":
        """The destination of the run; None if rows are read without a pipeline."""
        pipeline, package = active_pipeline(), load_package()
        if package is None or pipeline is None or pipeline.destination is None:
            return None
        return cls(pipeline, package["state"])

    @property
    def is_emptied(self) -> bool:
        """Whether the run empties the table first, so that all rows have to be read again."""
        gone = [*self._package.get("dropped_tables", ()), *self._package.get("truncated_tables", ())]
        return self._disposition == "replace" or any(table["name"] == self._table for table in gone)

    def check(self) -> None:
        """Raise ConfigurationError if rows would be lost.

        That is: if the resource merges but the destination cannot replace rows with children, or if a schema contract
        leaves out all rows of a new table, while the cursor moves on.
        """
        contract = self._schema.resolve_contract_settings_for_table(
            self._table, self._resource.compute_table_schema()
        )
        if contract["tables"].startswith("discard") and self._schema.is_new_table(self._table):
            raise ConfigurationError(
                f"{self._resource.name}: the schema contract leaves out every row of the new table {self._table}, "
                "and would keep a cursor without its rows\nDeselect the resource instead, or allow its tables: "
                'schema_contract={"tables": "evolve", …}.'
            )
        if self._disposition != "merge":
            return
        capabilities = self._pipeline.destination.capabilities()
        strategies = capabilities.supported_merge_strategies or []
        table_format = self._resource.table_format or capabilities.preferred_table_format
        if capabilities.merge_strategies_selector:
            table = {"name": self._table, **({"table_format": table_format} if table_format else {})}
            strategies = capabilities.merge_strategies_selector(strategies, table_schema=table)
        if "delete-insert" not in strategies:
            kind = self._pipeline.destination.destination_name
            raise ConfigurationError(
                f"{self._resource.name}: {kind}{f' ({table_format})' if table_format else ''} cannot replace rows "
                'together with their children\nTake apply_hints(write_disposition="replace"), which reads everything '
                'in each run, "append", which keeps every version of a row, or a destination that is a database.'
            )

    def hashes(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """The content hashes of the rows with these keys in the destination."""
        if self._held is None:
            self._held = self._read()
        return {key: self._held[key] for key in keys if key in self._held}

    def _read(self) -> dict[str, Any]:
        schemas, name = self._pipeline.schemas, self._schema.name
        if name not in schemas or self._table not in schemas[name].tables:
            return {}
        try:
            with self._pipeline.sql_client(name) as client:
                wanted = ("_dlt_id", "_omnium_row_hash", "_omnium_deleted_at", "_dlt_load_id")
                key, content, gone, load = (client.escape_column_name(one) for one in wanted)
                table = client.make_qualified_table_name(self._table)
                there = f"{gone} is null or {content} like '{MARKED_HASH}%'"
                sql = f"select {key}, {content} from {table} where {there} order by {load}"
                with client.execute_query(sql) as cursor:
                    return {row[0]: row[1] for row in cursor.fetchall()}
        except DatabaseUndefinedRelation:
            return {}
        except Exception as error:
            log.warning(
                "%s: what the destination holds cannot be seen, all rows are written: %s", name, error
            )
            return {}
