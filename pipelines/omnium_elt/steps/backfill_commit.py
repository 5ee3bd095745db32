"""The commit of a backfill: loads the rows of all parts into the destination as one package."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from omnium_source.dlt_adapter import SYSTEM_COLUMNS
from omnium_source.normalize.buffer import REQUIRED, Columns, Part, Tables, joined
from omnium_source.normalize.naming import free_name
from omnium_source.normalize.schema import FIELD

from omnium_elt.infra import lock
from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.files import read_object, write_json
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Progress, ResourceReport, RunReport
from omnium_elt.infra.tenant import another_tenant, check_tenant, differing, is_another_user, note_tenant
from omnium_elt.steps.backfill import Plan, part_home, plan_file, refuse_incomplete, refuse_other_url
from omnium_elt.steps.backfill_files import HandedOver
from omnium_elt.steps.receipts import table_of
from omnium_elt.warehouse.database import BOOKKEEPING, RECEIPTS, literal
from omnium_elt.warehouse.destination import Warehouse
from omnium_elt.warehouse.one_transaction import Package

ROWS_AT_ONCE = 50_000


def commit(settings: Settings, progress: Progress, report: RunReport) -> None:
    """Load the rows of all parts of the home's plan in one package; then delete the plan and its parts.

    Raises OmniumEltError, naming the part, if one is incomplete or damaged; UsageError if a resource was loaded
    meanwhile.
    """
    home = settings.home
    if not plan_file(home).exists() and _committed(home).exists():
        _take_away(home)  # an earlier commit was interrupted after it had loaded everything
        return
    plan = Plan.read(home)
    refuse_other_url(plan, settings)
    check_tenant(settings)
    homes = [part_home(home, number) for number in range(1, len(plan.parts) + 1)]
    with ExitStack() as held:
        for one in homes:
            if one.state.exists():  # otherwise the part was read in another home
                held.enter_context(lock.hold(one.lock, "backfill commit"))
        refuse_incomplete(plan, home)
        found = {
            number: part for number, one in enumerate(homes, 1) if (part := HandedOver.of(one, plan.plan_id))
        }
        _refuse_damaged(found)
        _refuse_other_marks(plan, found)
        with Warehouse(home, settings.destination) as warehouse:
            _refuse_other_rows(plan, settings, warehouse)
            states = {name: found[shares[-1][0]].states[name] for name, shares in plan.shares.items()}
            begun = _Commit(settings, plan, found, states, warehouse, report)
            if not _is_done(warehouse, states):
                begun.run(progress)
            elif begun.lacks_record():
                begun.record()
    _take_away(home)


def _committed(home: Home) -> Path:
    """The folder into which a committed plan and its parts are moved before they are deleted."""
    return home.state / "backfill.committed"


def _begun(home: Home) -> Path:
    """Where the run that loads the parts is named: it may be killed before the destination has its row."""
    return home.backfill / "commit.json"


def _take_away(home: Home) -> None:
    """Delete a plan and its parts.

    They are renamed first: a plan with only some of its parts left would look as if the others were unread. The renamed
    folder stays empty, so that a repeated `commit` finds that there was a plan.
    """
    _empty(_committed(home))
    if plan_file(home).parent.exists():
        os.replace(plan_file(home).parent, _committed(home))
    _empty(_committed(home))


def _empty(folder: Path) -> None:
    for path in folder.iterdir() if folder.exists() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _refuse_damaged(found: Mapping[int, HandedOver]) -> None:
    for number, part in found.items():
        if damaged := part.damaged():
            raise OmniumEltError(
                f"part {number} is not as it was handed over: {', '.join(damaged)}",
                f"Copy {part.folder} again from where it was read; or take part-{number} away, and read it anew: "
                f"omnium-elt backfill part {number}.",
            )


def _refuse_other_marks(plan: Plan, found: Mapping[int, HandedOver]) -> None:
    for number, part in found.items():
        if part.mark != plan.mark:
            raise OmniumEltError(
                f"part {number} has treated personal data differently from the plan",
                f"Take its folder away, and read it again: omnium-elt backfill part {number}.",
            )


def _refuse_other_rows(plan: Plan, settings: Settings, warehouse: Warehouse) -> None:
    """Raise UsageError if the rows that came into the home since the plan are another tenant's."""
    if is_another_user(settings, plan.user) and (name := differing(warehouse.ids, plan.ids)):
        raise another_tenant(settings, f"another tenant: none of its {name} is among those of the plan")


def _is_done(warehouse: Warehouse, states: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the destination has these states already, from a commit that was interrupted after the load.

    Raises UsageError if it has other states of these resources.
    """
    held = warehouse.states
    if states and all(held.get(name) == state for name, state in states.items()):
        return True
    if loaded := [name for name in states if held.get(name, {}).get("cursor")]:
        raise UsageError(
            f"a backfill is a first load, and these were loaded meanwhile: {', '.join(loaded)}",
            "What the parts have read of them is not needed; take state/backfill away.",
        )
    return False


@dataclass(frozen=True)
class _Commit:
    """One commit: the parts that were handed over (`found`), and the `states` of the resources afterwards."""

    settings: Settings
    plan: Plan
    found: Mapping[int, HandedOver]
    states: Mapping[str, Mapping[str, Any]]
    warehouse: Warehouse
    report: RunReport

    def run(self, progress: Progress) -> None:
        """Load everything as one package."""
        self._begin()
        buffers = self.settings.home.buffers
        shutil.rmtree(buffers, ignore_errors=True)
        buffers.mkdir()
        with (
            tempfile.TemporaryDirectory(prefix="parts-", dir=buffers) as folder,
            duckdb.connect() as connection,
        ):
            connection.execute("set TimeZone = 'UTC'")
            receipts = {table: self._bookkeeping(connection, table) for table in BOOKKEEPING}
            beside = {table: table_of(table, some) for table, some in receipts.items() if some}
            rows = {name: self._rows(connection, name, Path(folder), progress) for name in self.plan.shares}
            note_tenant(self.settings, self.plan.user)
            self.warehouse.load(Package(rows, self.states, self.plan.mark, beside))
        self._record(receipts[RECEIPTS])

    def lacks_record(self) -> bool:
        """Whether the run that loaded the parts was killed before the destination had its row."""
        run_id = read_object(_begun(self.settings.home)).get("run_id")
        return run_id is not None and not self.warehouse.has_run(str(run_id))

    def record(self) -> None:
        """Tell, and record, what such a run has loaded."""
        self._begin()
        with duckdb.connect() as connection:
            self._record(self._bookkeeping(connection, RECEIPTS))

    def _begin(self) -> None:
        write_json(_begun(self.settings.home), {"run_id": self.report.run_id})

    def _record(self, receipts: Sequence[Mapping[str, Any]]) -> None:
        self._tell(receipts)
        self.warehouse.record_run(self.report)

    def _rows(self, connection: Any, name: str, folder: Path, progress: Progress) -> Tables:
        """The rows of a resource from all parts, oldest part first."""
        progress.start(name, None)
        numbers = [number for number, _ in self.plan.shares[name]]
        columns, parts = _Columns(), list[Part]()
        for place, number in enumerate(numbers):
            found, later = self.found[number], [self.found[other] for other in numbers[place + 1 :]]
            parts += _parts(connection, name, number, found, later, columns, folder)
        progress.finish(name, "ok")
        return joined([Tables(parts, columns.hints)])

    def _bookkeeping(self, connection: Any, table: str) -> list[dict[str, Any]]:
        """The rows of a bookkeeping table from all parts."""
        rows: list[dict[str, Any]] = []
        for part in self.found.values():
            if table in part.tables:
                rows += connection.sql(f"from {_rows_of(part, table)}").to_arrow_table().to_pylist()
        return rows

    def _tell(self, receipts: Sequence[Mapping[str, Any]]) -> None:
        """Report per resource what the parts have read."""
        for name in self.plan.shares:
            of_it = [row for row in receipts if row["resource"] == name]
            hits = [row["total_hits"] for row in of_it]
            self.report.resources.append(
                ResourceReport(
                    name,
                    "ok" if any(row["rows_written"] for row in of_it) else "unchanged",
                    rows=sum(row["rows_written"] for row in of_it),
                    requests=sum(row["requests"] for row in of_it),
                    total_hits=None if not hits or None in hits else sum(hits),
                    complete=True,
                )
            )


class _Columns:
    """The columns of a resource's tables over all parts, which may have found new fields independently."""

    def __init__(self) -> None:
        self.hints: dict[str, Columns] = {}

    def of(self, table: str, known: Columns, names: Sequence[str]) -> dict[str, str]:
        """Column → SQL expression of its values, for a part with the columns `names` and dlt's hints `known`.

        A column of another type than in an earlier part becomes a text column beside it (`…__v_text`), as single values
        of another type do. A column whose name belongs to another field in an earlier part gets a new name.
        """
        hints, made = self.hints.setdefault(table, {}), dict[str, list[str]]()
        for name in names:
            own, value = SYSTEM_COLUMNS.get(name) or known[name], f'"{name}"'
            of_field = {hint[FIELD]: column for column, hint in hints.items() if FIELD in hint}
            target = of_field.get(own.get(FIELD), name)
            if target in hints and hints[target].get(FIELD) != own.get(FIELD):
                target = free_name(name, str(own.get(FIELD)), {*hints, *names})
            if target in hints and hints[target]["data_type"] != own["data_type"]:
                target, value = f"{target}__v_text", f"cast({value} as varchar)"
                own = {"data_type": "text", "nullable": True}
            elif own["data_type"] == "json":
                value = f"cast({value} as varchar)"
            hints.setdefault(target, {**own, "name": target})
            made.setdefault(target, []).append(value)
        return {
            target: values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
            for target, values in made.items()
        }


def _parts(
    connection: Any,
    root: str,
    number: int,
    part: HandedOver,
    later: Sequence[HandedOver],
    columns: _Columns,
    folder: Path,
) -> Iterator[Part]:
    """The rows of a resource in a part, without those that a later part has, too, as that read a newer version."""
    others = " union all ".join(
        f"select _dlt_id from {_rows_of(other, root)}" for other in later if root in other.tables
    )
    for table in (name for name in part.tables if name == root or name.startswith(f"{root}__")):
        names = [name for name in part.names(table) if name != "_dlt_load_id"]
        values = columns.of(table, part.columns[table], names)
        listed = ", ".join(f'{value} as "{name}"' for name, value in values.items())
        key = "_dlt_id" if table == root else "_dlt_root_id"
        where = f"where {key} not in ({others})" if others else ""
        reader = connection.sql(f"select {listed} from {_rows_of(part, table)} {where}").to_arrow_reader(
            ROWS_AT_ONCE
        )
        schema = pa.schema([field.with_nullable(field.name not in REQUIRED) for field in reader.schema])
        path, rows = folder / f"{table}.{number}.parquet", 0
        with pq.ParquetWriter(path, schema) as writer:
            for batch in reader:
                rows += batch.num_rows
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
        if rows:
            yield Part(table, rows, path=path)


def _rows_of(part: HandedOver, table: str) -> str:
    """SQL that reads the rows of a part's table."""
    return f"read_parquet({literal(str(part.file(table)))})"
