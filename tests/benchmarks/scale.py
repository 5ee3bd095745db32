"""All dbt models over millions of order lines, on DuckDB and on Spark, with limited memory.

    python -m tests.benchmarks scale                               # 1, 5 and 20 million, both engines: hours
    python -m tests.benchmarks scale --sizes 10 --engines duckdb   # has to spill
    python -m tests.benchmarks scale … --keep DIR                  # keep the tenants there and use them again
    OMNIUM_SPARK_MEMORY=8GB python -m tests.benchmarks scale --sizes 5 --engines spark --memory 12

The large tenant of the sandbox is loaded and grown within DuckDB (scale_data.py); each size has its own home. On DuckDB
the models are built three times: from nothing, after 1 % of the orders, transactions and purchase orders changed, and
after 1,000 orders and the same share of the others changed. Spark always builds everything, so it builds once.

If possible, a build runs in a control group of 4 GiB, or of `--memory` GiB, which kills it if it needs more (cached
pages of files count, but are reclaimed first); otherwise its memory is only measured. The spilled bytes are the size of
the engine's temporary folder, sampled every five seconds. Spark needs pyspark and dbt-spark, in this Python or in the
one that `SPARK_PYTHON` names.
"""

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import duckdb

from tests.benchmarks import scale_data
from tests.benchmarks.measuring import MIB, ROOT, Cost, Outcome, folder, measured, omnium_elt, serving
from tests.benchmarks.raw_tables import working

SIZES = (1.0, 5.0, 20.0)
"""Millions of order lines."""
ENGINES = (DUCKDB, SPARK) = ("duckdb", "spark")
MINUTES = 120.0
MEMORY = 4.0
"""GiB that a build may use."""
PYTHON = "SPARK_PYTHON"
SPILLS = {DUCKDB: "warehouse.duckdb.tmp", SPARK: "spark"}
"""Each engine's temporary folder below `state/`."""
CONTROL_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Build:
    """One build of the models: its cost, or the reason why it failed."""

    name: str
    lines: int
    spilled: int = 0
    cost: Cost | None = None
    error: str = ""

    def __str__(self) -> str:
        if self.cost is None:
            return f"{self.name}: {self.error}"
        a_million = self.cost.cpu / (self.lines / 1e6)
        return (
            f"{self.name}: {self.cost}, {a_million:.1f} s CPU for a million order lines, "
            f"{self.spilled / MIB:,.0f} MiB spilled"
        )


def models(
    scale: float,
    sizes: Sequence[float] = SIZES,
    engines: Sequence[str] = ENGINES,
    minutes: float = MINUTES,
    memory: float = MEMORY,
    keep: Path | None = None,
) -> Outcome:
    """Whether DuckDB builds all sizes within the memory limit; the figures have a line for each tenant and build.

    If `keep` is given, the tenants stay in that folder and are used again.
    """
    figures: list[str] = []
    builds: list[Build] = []
    for millions in sizes:
        lines = int(millions * 1e6 * scale)
        with contextlib.nullcontext(keep / f"{lines}") if keep else folder() as home:
            tenant = _tenant(home, lines, "large" if scale >= 1 else "medium")
            figures.append(str(tenant))
            print(tenant, flush=True)
            for engine in engines:
                for build in _builds(home, engine, tenant, minutes, memory):
                    print(f"    {build}", flush=True)
                    builds.append(build)
                    figures.append(str(build))
    ratios = _ratios(builds)
    ended = [build.cost is not None for build in builds if build.name.startswith(DUCKDB)]
    return Outcome(
        f"all models over {', '.join(f'{millions * scale:g}' for millions in sizes)} million order lines",
        f"DuckDB ends within {memory:g} GiB",
        "; ".join(ratios) or "no two builds to compare",
        all(ended),
        tuple(figures),
    )


def _tenant(home: Path, lines: int, size: str) -> scale_data.Tenant:
    """The tenant of `lines` order lines in this home; if missing, it is made from the sandbox of this `size`."""
    if not working(home).exists():
        with folder() as loaded:
            with serving(size=size) as server:
                omnium_elt(server, loaded, "load")
            read = scale_data.columns_read(working(loaded))
            with duckdb.connect(str(working(loaded)), config={"memory_limit": "3GB"}) as connection:
                scale_data.grow(connection, lines, read)
            # Move it only once it is complete, so that an interrupted one is not used again.
            home.mkdir(parents=True, exist_ok=True)
            for entry in loaded.iterdir():
                shutil.move(entry, home / entry.name)
    with duckdb.connect(str(working(home)), read_only=True) as connection:
        return scale_data.measure(connection)


def _builds(
    home: Path, engine: str, tenant: scale_data.Tenant, minutes: float, memory: float
) -> Iterator[Build]:
    python = sys.executable
    if engine == SPARK and find_spec("pyspark") is None:
        python = os.environ.get(PYTHON, "")
        if not python:
            yield Build(
                SPARK, tenant.order_lines, error=f"not measured, as {PYTHON} names no Python that has it"
            )
            return
    yield _build(home, python, engine, "everything", tenant.order_lines, minutes, memory, "--full-refresh")
    if engine == SPARK:
        return
    orders = tenant.orders
    for changed, what in ((orders // 100, "1 % changed"), (1_000, "1,000 orders changed")):
        with duckdb.connect(str(working(home)), config={"memory_limit": "3GB"}) as connection:
            rows = scale_data.change(connection, changed)
        yield _build(home, python, engine, f"{what} ({rows:,} rows)", tenant.order_lines, minutes, memory)


def _build(
    home: Path, python: str, engine: str, what: str, lines: int, minutes: float, memory: float, *more: str
) -> Build:
    name = f"{engine}, {what}"
    command = [
        python,
        "-m",
        "omnium_elt",
        "transform",
        "--home",
        str(home),
        "--json",
        "--engine",
        engine,
        *more,
    ]
    paths = os.pathsep.join(str(ROOT / root) for root in ("sources", "pipelines"))
    started = time.monotonic()
    with _control_group(memory) as group, _Spilled(home / "state" / SPILLS[engine]) as spilled:
        try:
            cost = measured([*group.prefix, *command], {"PYTHONPATH": paths}, most_seconds=minutes * 60)
        except RuntimeError as error:
            if time.monotonic() - started >= minutes * 60:
                why = f"did not end within {minutes:g} minutes"
            elif group.has_killed():
                why = f"killed: it took more than {memory:g} GiB"
            else:
                why = f"failed: {str(error).strip().splitlines()[-1]}"
            return Build(name, lines, spilled.bytes, error=why)
    return Build(name, lines, spilled.bytes, cost)


def _ratios(builds: Sequence[Build]) -> list[str]:
    """Ratios of CPU time: DuckDB's full builds to its smallest, Spark's to DuckDB's, later builds to the full one."""
    whole: dict[tuple[str, int], float] = {}
    found = []
    for build in builds:
        engine, what = build.name.split(", ", 1) if ", " in build.name else (build.name, "")
        if build.cost is None:
            continue
        if what == "everything":
            whole[engine, build.lines] = build.cost.cpu
            least = min(lines for _, lines in whole)
            if engine == DUCKDB and least != build.lines and (DUCKDB, least) in whole:
                times, wider = build.cost.cpu / whole[DUCKDB, least], build.lines / least
                found.append(f"{wider:.1f} times the lines {times:.1f} times the CPU time")
            if engine == SPARK and (DUCKDB, build.lines) in whole:
                times = build.cost.cpu / whole[DUCKDB, build.lines]
                found.append(f"Spark {times:.1f} times DuckDB's CPU time at {build.lines / 1e6:.0f} million")
        elif (engine, build.lines) in whole:
            times = build.cost.cpu / whole[engine, build.lines]
            found.append(f"{what} {times:.2f} of everything at {build.lines / 1e6:.0f} million")
    return found


@dataclass(frozen=True)
class _ControlGroup:
    """A control group that limits memory; without a path, nothing is limited."""

    path: Path | None = None

    @property
    def prefix(self) -> list[str]:
        """The words before a command that make it run in the group."""
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs; exec "$@"', "sh"] if self.path else []

    def has_killed(self) -> bool:
        """Whether the group has killed a process: the command, or one that it started."""
        for name in ("memory.oom_control", "memory.events"):  # cgroups 1 and 2
            with contextlib.suppress(OSError):
                lines = (self.path / name).read_text().splitlines() if self.path else []
                return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)
        return False


@contextlib.contextmanager
def _control_group(memory: float) -> Iterator[_ControlGroup]:
    """A control group of `memory` GiB, or one that limits nothing if none can be created."""
    for root, setting in (
        (CONTROL_GROUPS / "memory", "memory.limit_in_bytes"),
        (CONTROL_GROUPS, "memory.max"),
    ):
        group = root / f"omnium-benchmark-{os.getpid()}"
        try:
            group.mkdir()
            (group / setting).write_text(str(int(memory * 1024 * MIB)))
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        try:
            yield _ControlGroup(group)
        finally:
            for _ in range(20):  # a process that the build started may take a moment longer to end
                with contextlib.suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.5)
        return
    yield _ControlGroup()


class _Spilled:
    """The largest size of a folder, sampled only every five seconds, because Spark has thousands of files in it."""

    def __init__(self, path: Path) -> None:
        self.bytes, self._path, self._is_over = 0, path, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Spilled":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(5):
            now = 0
            for path in self._path.rglob("*"):
                with contextlib.suppress(OSError):
                    now += path.stat().st_size if path.is_file() else 0
            self.bytes = max(self.bytes, now)
