"""Large windows are put together in a process of their own: the tables are the same, and nothing is left over."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow.parquet as pq
import pytest
from omnium_elt.infra.errors import OmniumEltError
from omnium_elt.infra.home import Home, Secret
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps import load as loading
from omnium_elt.steps.load import load
from omnium_elt.warehouse import duckdb_destination
from omnium_sandbox import Sandbox
from omnium_source import RESOURCES, shape
from omnium_source import dlt_adapter as feed
from omnium_source.dlt_adapter import FILES
from omnium_source.errors import GaveUp, Incomplete
from omnium_source.http.client import OmniumClient
from omnium_source.http.paginators import Page
from omnium_source.normalize.drift import Drift
from omnium_source.normalize.normalizer import Parser
from omnium_source.normalize.worker_pool import Bench, Workshop, _Worker
from omnium_source.pii.masking import PersonalData
from omnium_source.windows import resource_run
from omnium_source.windows.reader import Verified
from omnium_source.windows.resource_reader import Reader
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.window import Reading

from tests.support.accidents import differences
from tests.support.tenants import sandbox_settings
from tests.support.wire import Reply, Wire, search

OPEN = PersonalData("include", b"")
KEY = Secret("the key of both homes")


def supplier(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"s{number:03}",
        "modified": f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z",
        "contacts": [{"id": f"c{number}"}],
        **more,
    }


def read(wire: Wire, workshop: Workshop | None, **more: Any) -> list[Verified]:
    resource = RESOURCES["suppliers"]
    with (
        OmniumClient(wire.base_url, wire.client_id, wire.client_secret) as client,
        ThreadPoolExecutor(4) as executor,
    ):
        parser = Parser(shape(resource, OPEN))
        reading = Reading(budget=20.0)
        reader = Reader(
            ResourceRun(client, resource, parser, executor, reading=reading, workshop=workshop, **more)
        )
        return list(reader.windows({}))


def rows_of(found: list[Verified]) -> dict[str, list[dict[str, Any]]]:
    """Table → its rows with what is not null."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for window in found:
        for part in window.assembly.tables().parts:
            for table in part.tables():
                rows.setdefault(part.name, []).extend(
                    {name: value for name, value in row.items() if value is not None}
                    for row in table.to_pylist()
                )
    return rows


def in_order(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {name: sorted(some, key=lambda row: row["_dlt_id"]) for name, some in rows.items()}


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_run, "LARGE_BYTES", 0)
    monkeypatch.setattr(resource_run, "PARSE_BYTES", 4_000)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_make_the_tables_that_are_made_here(workers: int) -> None:
    tenant = [supplier(number) for number in range(240)]
    tenant[200]["grade"] = 7  # a field that nobody expected, after other batches were written
    with Wire(lambda asked: search(tenant, asked.body)) as wire, Workshop(workers) as workshop:
        here = read(wire, None)
        there = read(wire, workshop)
        assert in_order(rows_of(there)) == in_order(rows_of(here))
        assert len(rows_of(there)["suppliers"]) == len(rows_of(there)["suppliers__contacts"]) == 240
        assert {part.path is None for window in there for part in window.assembly.tables().parts} == {False}
        assert [window.drift for window in there] == [window.drift for window in here]
        assert {name: set(columns) for name, columns in there[0].assembly.tables().hints.items()} == {
            name: set(columns) for name, columns in here[0].assembly.tables().hints.items()
        }


def test_a_worker_keeps_only_what_the_destination_lacks() -> None:
    tenant = [supplier(number) for number in range(120)]
    with Wire(lambda asked: search(tenant, asked.body)) as wire, Workshop(1) as workshop:
        first = rows_of(read(wire, None))["suppliers"]
        held = {row["_dlt_id"]: row["_omnium_row_hash"] for row in first}
        del held[first[5]["_dlt_id"]]
        held[first[6]["_dlt_id"]] = "another content"
        found = read(wire, workshop, known=lambda name, keys: {k: held[k] for k in keys if k in held})
        assert [window.written for window in found] == [2]
        assert rows_of(found)["suppliers"] == [first[5], first[6]]
        assert [row["id"] for row in rows_of(found)["suppliers__contacts"]] == ["c5", "c6"]


def test_a_field_that_one_worker_has_met_is_the_same_column_to_all() -> None:
    with Workshop(2) as workshop:
        bench, one, other = two_workers(workshop)
        window = bench.assembly("modified", None)
        added = [
            added_by(bench, window, worker, rows)
            for worker, rows in (
                (one, [{"id": "a"}]),
                (other, [{"id": "b", "grade": 7}]),
                (one, [{"id": "c", "grade": "good"}]),
            )
        ]
        assert [list(some.result().found) for some in added] == [[], [("suppliers", ("grade",))], []]
        rows = rows_of_tables(window)
    assert rows["suppliers"] == [
        {"id": "a"},
        {"id": "b", "grade": Decimal(7)},
        {"id": "c", "grade__v_text": "good"},
    ]


def test_where_two_workers_differ_about_a_field_one_of_them_goes_on_alone() -> None:
    with Workshop(2) as workshop:
        bench, one, other = two_workers(workshop)
        window = bench.assembly("modified", None)
        added_by(bench, window, one, [{"id": "a"}]).result()
        added_by(bench, window, other, [{"id": "b"}]).result()
        os.kill(other._process.pid, signal.SIGSTOP)  # so that it cannot be told in time
        late = added_by(bench, window, other, [{"id": "c", "grade": "good"}], keep=False)
        added_by(bench, window, one, [{"id": "d", "grade": 7}]).result()
        os.kill(other._process.pid, signal.SIGCONT)
        with pytest.raises(Incomplete, match="suppliers: its pages differ in what kind of field grade is"):
            late.result()
        window.close()
        window = bench.assembly("modified", None)
        assert {bench.worker() for _ in range(3)} == {one}
        added_by(bench, window, one, [{"id": "c", "grade": "good"}, {"id": "d", "grade": 7}])
        rows = rows_of_tables(window)
    assert rows["suppliers"] == [{"id": "c", "grade__v_text": "good"}, {"id": "d", "grade": Decimal(7)}]


def two_workers(workshop: Workshop) -> tuple[Bench, Any, Any]:
    """A bench and both workers of its workshop."""
    bench = workshop.bench("suppliers", Parser(shape(RESOURCES["suppliers"], OPEN)))
    assert bench is not None
    one = workshop.idlest()
    one.batches = 1
    other = workshop.idlest()
    one.batches = 0
    return bench, one, other


def added_by(bench: Bench, window: Any, worker: Any, rows: list[Any], *, keep: bool = True) -> Any:
    """Have a batch parsed by this worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench._workshop, "idlest", lambda: worker)
        answer = window.add([Page(orjson.dumps({"result": rows}), len(rows), len(rows))])
    if keep:
        window.keep(None)
        answer.result()
    return answer


def rows_of_tables(window: Any) -> dict[str, list[dict[str, Any]]]:
    """Table → its rows by id, with what is neither null nor ours."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for part in window.tables().parts:
        for table in part.tables():
            rows.setdefault(part.name, []).extend(
                {name: value for name, value in row.items() if value is not None and not name.startswith("_")}
                for row in table.to_pylist()
            )
    return {name: sorted(some, key=lambda row: str(row["id"])) for name, some in rows.items()}


def test_what_is_closed_leaves_no_file(tmp_path: Path) -> None:
    tenant = [supplier(number) for number in range(120)]
    with Wire(lambda asked: search(tenant, asked.body)) as wire, Workshop(1) as workshop:
        (window,) = read(wire, workshop)
        folder = next(part.path for part in window.assembly.tables().parts).parents[1]
        assert folder.exists()
        window.assembly.close()
        assert not folder.exists()


@pytest.mark.parametrize("size", [0, 1])
def test_bytes_that_are_no_text_are_replaced_and_told(size: int) -> None:
    spoilt = b'{"result": [{"id": "1", "name": "B\xf8"}, {"id": "2"}], "totalHits": 2}'
    with Wire(lambda asked: Reply(raw=spoilt)) as wire, Workshop(size) as workshop:
        windows = read(wire, workshop)
    names = [(row["id"], row.get("name")) for row in rows_of(windows)["suppliers"]]
    assert names == [("1", "B\ufffd"), ("2", None)]
    assert [drift for window in windows for drift in window.drift] == [
        Drift("suppliers", "name", "replaced_text", "text", 1, ("1",))
    ]


def test_a_worker_that_dies_is_told() -> None:
    tenant = [supplier(number) for number in range(240)]
    with Workshop(1) as workshop:

        def answer(asked: Any) -> Reply:
            if asked.body["page"] == 2:
                worker = workshop._workers[0]._process.pid
                os.kill(worker, signal.SIGKILL)
            return search(tenant, asked.body)

        with Wire(answer) as wire, pytest.raises(GaveUp, match="is there memory enough"):
            rows_of(read(wire, workshop))


def test_workers_know_no_secret_and_end_with_their_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_SECRET", "hush-hush-secret")
    tenant = [supplier(1)]
    with Wire(lambda asked: search(tenant, asked.body)) as wire, Workshop(1) as workshop:
        read(wire, workshop)
        process = workshop._workers[0]._process
        environment = Path(f"/proc/{process.pid}/environ")
        if environment.exists():
            assert b"PATH=" in environment.read_bytes()
            assert b"hush-hush-secret" not in environment.read_bytes()
        assert process.poll() is None
    assert process.poll() is not None


def test_a_worker_ends_when_its_run_is_killed() -> None:
    """Nobody closes anything then: the end of the pipe is what tells."""
    script = (
        "import time; from omnium_source.normalize.worker_pool import Workshop\n"
        "shop = Workshop(1); shop.idlest()\n"
        "print(shop._workers[0]._process.pid, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3] / "sources",
    )
    assert run.stdout is not None
    worker = int(run.stdout.readline())
    run.kill()
    run.wait()
    for _ in range(200):
        if not is_running(worker):
            break
        time.sleep(0.05)
    assert not is_running(worker)


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


def test_a_worker_does_without_pandas() -> None:
    with Workshop(1) as workshop:
        bench = workshop.bench("suppliers", Parser(shape(RESOURCES["suppliers"], OPEN)))
        assert bench is not None
        pages = [Page(orjson.dumps([supplier(1)]), [supplier(1)], 1)]
        assembly = bench.assembly("modified", None)
        assembly.add(pages).result()
        (worker,) = workshop._workers
        maps = Path(f"/proc/{worker._process.pid}/maps")
        if not maps.exists():
            pytest.skip("no /proc to look into")
        libraries = maps.read_text()
        assert "pyarrow" in libraries
        assert "pandas" not in libraries
        assembly.close()


def test_a_load_through_workers_fills_the_same_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = [Home(tmp_path / name) for name in ("here", "there")]
    with Sandbox(size="small", seed=3) as sandbox:
        for home, workers in zip(homes, (0, 2), strict=True):
            monkeypatch.setattr(loading, "WORKERS", workers)
            home.create()
            chosen = ("orders", "suppliers", "inventory", "prices", "products")
            settings = sandbox_settings(home, sandbox, resources=chosen, personal_key=KEY)
            report = load(settings, Silent())
            assert report.exit_status == 0, report.error
    assert differences(homes[0].working_database, homes[1].working_database) == []
    # What came in a file carries the id of its package, as what came in memory does.
    for home in homes:
        with duckdb.connect(str(home.working_database), read_only=True) as connection:
            for table in ("suppliers", "orders"):
                strangers = connection.execute(
                    f"select count(*) from omnium.{table} where _dlt_load_id is null or _dlt_load_id not in "
                    "(select load_id from omnium._dlt_loads where status = 0)"
                ).fetchall()
                assert strangers == [(0,)]


def test_the_files_of_all_workers_come_in_one_statement_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = [supplier(number) for number in range(240)]
    tenant[5]["contacts"] = []
    tenant[230] |= {"grade": 7, "contacts": [{"id": "c230", "level": "high"}]}
    files: dict[str, int] = {}
    insert = duckdb_destination._CopyJob.run

    def counted(job: Any) -> None:
        listed = (pq.read_schema(job._file_path).metadata or {}).get(FILES, b"[]")
        files[job.load_table_name] = files.get(job.load_table_name, 0) + len(orjson.loads(listed))
        assert job.load_table_name not in seen
        seen.add(job.load_table_name)
        insert(job)

    def by_turns(workshop: Workshop) -> _Worker:
        workshop._workers += [_Worker() for _ in range(2 - len(workshop._workers))]
        return workshop._workers[next(turn) % 2]

    seen: set[str] = set()
    turn = count()
    monkeypatch.setattr(Workshop, "idlest", by_turns)
    monkeypatch.setattr(duckdb_destination._CopyJob, "run", counted)
    monkeypatch.setattr(loading, "WORKERS", 2)
    home = Home(tmp_path)
    home.create()
    with Wire(lambda asked: search(tenant, asked.body)) as wire:
        settings = sandbox_settings(home, wire, resources=("suppliers",), personal="include")
        report = load(settings, Silent())
    assert report.exit_status == 0, report.error
    assert files["suppliers"] == files["suppliers__contacts"] == 2
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        rows = connection.execute(
            "select id, grade, _dlt_load_id in (select load_id from omnium._dlt_loads where status = 0) "
            "from omnium.suppliers order by id"
        ).fetchall()
        contacts = connection.execute(
            "select s.id, c.id, c.level from omnium.suppliers__contacts as c "
            "join omnium.suppliers as s on s._dlt_id = c._dlt_root_id order by s.id"
        ).fetchall()
    assert rows == [(f"s{number:03}", Decimal(7) if number == 230 else None, True) for number in range(240)]
    assert contacts == [
        (f"s{number:03}", f"c{number}", "high" if number == 230 else None)
        for number in range(240)
        if number != 5
    ]
    assert [path for path in home.spool.rglob("*") if path.is_file()] == []


def test_a_list_of_files_that_dlt_wrote_again_is_not_taken_for_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = [supplier(number) for number in range(240)]
    monkeypatch.setattr(feed, "FILES", b"lost on the way")
    monkeypatch.setattr(loading, "WORKERS", 1)
    home = Home(tmp_path)
    home.create()
    with Wire(lambda asked: search(tenant, asked.body)) as wire:
        settings = sandbox_settings(home, wire, resources=("suppliers",))
        with pytest.raises(OmniumEltError, match="the list of the files of suppliers"):
            load(settings, Silent())
    monkeypatch.undo()
    with Wire(lambda asked: search(tenant, asked.body)) as wire:
        settings = sandbox_settings(home, wire, resources=("suppliers",))
        assert load(settings, Silent()).rows == 240
