"""Large windows are put together in a process of their own: the tables are the same, and nothing is left over."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnium_elt.infra.home import Home, Secret
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps import load as loading
from omnium_elt.steps.load import load
from omnium_elt.warehouse import one_transaction
from omnium_sandbox import Sandbox
from omnium_source import RESOURCES
from omnium_source.errors import Incomplete, Stopped
from omnium_source.http.client import OmniumClient
from omnium_source.normalize import buffer, resource_normalizer, worker_pool
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.drift import Drift
from omnium_source.normalize.found_columns import FoundColumns
from omnium_source.normalize.normalizer import Normalizer
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.normalize.worker_pool import WorkerPool
from omnium_source.pages import Page
from omnium_source.pii.masking import PersonalData
from omnium_source.windows import resource_run
from omnium_source.windows.gathered import Verified
from omnium_source.windows.resource_reader import Reader
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.window import Reading

from tests.support.accidents import differences
from tests.support.tenants import sandbox_settings
from tests.support.wire import Reply, Wire, search

OPEN = PersonalData("include", b"")
KEY = Secret("the key of both homes")


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
).filter(lambda value: not isinstance(value, int) or -(2**63) <= value < 2**64)
FIELDS = st.sampled_from(
    ("name", "modified", "defaultLeadTime", "minimumOrderAmount", "email", "grade", "isActive")
)
JSON_ROWS = st.dictionaries(FIELDS, SCALARS, max_size=5).flatmap(
    lambda row: st.fixed_dictionaries(
        {
            **{name: st.just(value) for name, value in row.items()},
            "contacts": st.lists(st.dictionaries(FIELDS, SCALARS, max_size=3), max_size=2),
            "address": st.one_of(st.none(), st.dictionaries(FIELDS, SCALARS, max_size=2)),
        }
    )
)


@cache
def the_pool() -> WorkerPool:
    """One for all examples of a property; it ends with the process."""
    return WorkerPool(1)


def supplier(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"s{number:03}",
        "modified": f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z",
        "contacts": [{"id": f"c{number}"}],
        **more,
    }


def read(wire: Wire, pool: WorkerPool | None, **more: Any) -> list[Verified]:
    resource = RESOURCES["suppliers"]
    with (
        OmniumClient(wire.base_url, wire.client_id, wire.client_secret) as client,
        ThreadPoolExecutor(4) as executor,
    ):
        normalizer = ResourceNormalizer(shape_of(resource, OPEN), pool=pool)
        reading = Reading(budget=20.0)
        reader = Reader(ResourceRun(client, resource, normalizer, executor, reading=reading, **more))
        return list(reader.windows({}))


def rows_of(found: list[Verified]) -> dict[str, list[dict[str, Any]]]:
    """Table → its rows with what is not null."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for window in found:
        for part in window.tables.finish().parts:
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
    monkeypatch.setattr(resource_normalizer, "LARGE_BYTES", 0)
    monkeypatch.setattr(resource_normalizer, "SMALL_BYTES", 0)
    monkeypatch.setattr(resource_run, "BATCH_BYTES", 4_000)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_make_the_tables_that_are_made_here(workers: int) -> None:
    tenant = [supplier(number) for number in range(240)]
    tenant[200]["grade"] = 7  # a field that nobody expected, after other batches were written
    with Wire(lambda asked: search(tenant, asked.body)) as wire, WorkerPool(workers) as pool:
        here = read(wire, None)
        there = read(wire, pool)
        assert in_order(rows_of(there)) == in_order(rows_of(here))
        assert len(rows_of(there)["suppliers"]) == len(rows_of(there)["suppliers__contacts"]) == 240
        assert {part.path is None for window in there for part in window.tables.finish().parts} == {False}
        assert [window.drift for window in there] == [window.drift for window in here]
        assert {name: set(columns) for name, columns in there[0].tables.finish().hints.items()} == {
            name: set(columns) for name, columns in here[0].tables.finish().hints.items()
        }


def test_a_worker_keeps_only_what_the_destination_lacks() -> None:
    tenant = [supplier(number) for number in range(120)]
    with Wire(lambda asked: search(tenant, asked.body)) as wire, WorkerPool(1) as pool:
        first = rows_of(read(wire, None))["suppliers"]
        held = {row["_dlt_id"]: row["_omnium_row_hash"] for row in first}
        del held[first[5]["_dlt_id"]]
        held[first[6]["_dlt_id"]] = "another content"
        found = read(wire, pool, known=lambda keys: {k: held[k] for k in keys if k in held})
        assert [window.written for window in found] == [2]
        assert rows_of(found)["suppliers"] == [first[5], first[6]]
        assert [row["id"] for row in rows_of(found)["suppliers__contacts"]] == ["c5", "c6"]


def batch(normalizer: ResourceNormalizer, *rows: dict[str, Any]) -> Any:
    """The future of a batch of these rows."""
    return normalizer.submit([Page(orjson.dumps({"result": rows}), len(rows), len(rows))], "modified")


def values(*batches: Any) -> list[dict[str, Any]]:
    """The suppliers of some batches, with what is neither null nor ours."""
    return [
        {name: value for name, value in row.items() if value is not None and not name.startswith("_")}
        for coming in batches
        for row in coming.result(60).tables["suppliers"].to_pylist()
    ]


def pooled(pool: WorkerPool) -> ResourceNormalizer:
    normalizer = ResourceNormalizer(shape_of(RESOURCES["suppliers"], OPEN), pool=pool)
    normalizer.use_pool_for(1)
    assert normalizer.is_pooled
    return normalizer


def test_a_field_that_one_batch_has_met_is_the_same_column_to_all() -> None:
    with WorkerPool(2) as pool:
        normalizer = pooled(pool)
        first = batch(normalizer, {"id": "a"}, {"id": "b", "grade": 7})
        others = [batch(normalizer, {"id": f"c{number}", "grade": "good"}) for number in range(4)]
        assert values(first) == [{"id": "a"}, {"id": "b", "grade": Decimal(7)}]
        assert values(*others) == [{"id": f"c{number}", "grade__v_text": "good"} for number in range(4)]
        assert first.result().found.fields.keys() == {("suppliers", ("grade",))}
        assert [other.result().found.fields for other in others] == [{}] * 4
        assert normalizer.hints("suppliers")["grade"]["data_type"] == "decimal"


@pytest.mark.parametrize(
    ("quick", "slow", "becomes"),
    [
        # Of another kind; and another field whose column has the same name.
        ({"grade": 7}, {"grade": "good"}, {"grade__v_text": "good"}),
        ({"fooBar": "camel"}, {"foo_bar": "snake"}, {"foo_bar_430094": "snake"}),
    ],
    ids=["kind", "name"],
)
def test_a_batch_that_differs_from_a_quicker_one_about_a_new_field_is_made_anew(
    quick: dict[str, Any],
    slow: dict[str, Any],
    becomes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both meet a field for the first time, side by side; the second is made again with what the first found."""
    with WorkerPool(2) as pool:
        normalizer = pooled(pool)
        batch(normalizer, {"id": "0"}).result()
        is_first_in, own = threading.Event(), pool.normalize

        def in_order(made: Normalizer, columns: FoundColumns, bodies: Any, newest_by: str) -> Batch:
            done = own(made, columns, bodies, newest_by)
            if b'"slow"' in bodies[0]:
                is_first_in.wait(30)
            return done

        monkeypatch.setattr(pool, "normalize", in_order)
        late = batch(normalizer, {"id": "slow", **slow})
        soon = batch(normalizer, {"id": "quick", **quick})
        (first,) = values(soon)
        is_first_in.set()
        (second,) = values(late)
    assert set(first.values()) == {"quick", *(Decimal(v) if v == 7 else v for v in quick.values())}
    assert {name: value for name, value in second.items() if name != "id"} == becomes


def test_what_is_closed_leaves_no_file(tmp_path: Path) -> None:
    tenant = [supplier(number) for number in range(120)]
    with Wire(lambda asked: search(tenant, asked.body)) as wire, WorkerPool(1) as pool:
        (window,) = read(wire, pool)
        folder = next(part.path for part in window.tables.finish().parts).parent
        assert folder.exists()
        window.tables.close()
        assert not folder.exists()


@pytest.mark.parametrize("size", [0, 1])
def test_bytes_that_are_no_text_are_replaced_and_told(size: int) -> None:
    spoilt = b'{"result": [{"id": "1", "name": "B\xf8"}, {"id": "2"}], "totalHits": 2}'
    with Wire(lambda asked: Reply(raw=spoilt)) as wire, WorkerPool(size) as pool:
        windows = read(wire, pool)
    names = [(row["id"], row.get("name")) for row in rows_of(windows)["suppliers"]]
    assert names == [("1", "B\ufffd"), ("2", None)]
    assert [drift for window in windows for drift in window.drift] == [
        Drift("suppliers", "name", "replaced_text", "text", 1, ("1",))
    ]


def test_rows_of_a_worker_that_is_killed_are_made_tables_of_here(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A load before this may have given the log to its own file alone.
    monkeypatch.setattr(worker_pool, "log", logging.getLogger("tests of the pool"))
    tenant = [supplier(number) for number in range(240)]
    taken: list[int] = []
    with Wire(lambda asked: search(tenant, asked.body)) as wire, WorkerPool(1) as pool:
        take = pool._take

        def take_and_kill() -> Any:
            worker = take()
            taken.append(worker.pid)
            if len(taken) == 2:
                os.kill(worker.pid, signal.SIGKILL)
            return worker

        monkeypatch.setattr(pool, "_take", take_and_kill)
        there = read(wire, pool)
        here = read(wire, None)
    assert len(taken) == 3
    assert taken[0] == taken[1] != taken[2]
    assert in_order(rows_of(there)) == in_order(rows_of(here))
    assert len(rows_of(there)["suppliers"]) == 240
    assert "is there memory enough" in caplog.text


@pytest.mark.parametrize("moment", ["before it is asked", "while it works"])
def test_a_killed_worker_costs_no_batch_and_is_replaced(moment: str) -> None:
    with WorkerPool(1) as pool:
        normalizer = pooled(pool)
        batch(normalizer, {"id": "a"}).result(60)
        worker = pool._workers[0].pid
        if moment == "while it works":
            os.kill(worker, signal.SIGSTOP)
        else:
            os.kill(worker, signal.SIGKILL)
        coming = [batch(normalizer, {"id": name, "grade": 1}) for name in "bc"]
        if moment == "while it works":
            os.kill(worker, signal.SIGKILL)
        assert [row["id"] for row in values(*coming)] == ["b", "c"]
        assert [other.pid for other in pool._workers] != [worker]


def test_where_workers_do_not_stay_alive_everything_is_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    own = subprocess.Popen

    def short_lived(command: list[str], **more: Any) -> Any:
        started.append(command)
        return own([sys.executable, "-c", ""], **more)

    monkeypatch.setattr(worker_pool.subprocess, "Popen", short_lived)
    with WorkerPool(2) as pool:
        normalizer = pooled(pool)
        coming = [batch(normalizer, {"id": f"{number}"}) for number in range(12)]
        assert [row["id"] for row in values(*coming)] == [f"{number}" for number in range(12)]
    assert worker_pool.MOST_ENDED_WORKERS <= len(started) <= worker_pool.MOST_ENDED_WORKERS + 1


def test_what_a_worker_refuses_is_an_error_and_the_worker_goes_on() -> None:
    with WorkerPool(1) as pool:
        normalizer = pooled(pool)
        batch(normalizer, {"id": "a"}).result(60)
        worker = pool._workers[0].pid
        with pytest.raises(Incomplete, match="a page is no JSON"):
            normalizer.submit([Page(b"<html>", 1, 1)], "modified").result(60)
        assert values(batch(normalizer, {"id": "b"})) == [{"id": "b"}]
        assert pool._workers[0].pid == worker


def test_a_pool_that_is_closed_ends_what_it_does() -> None:
    with WorkerPool(1) as pool:
        normalizer = pooled(pool)
        batch(normalizer, {"id": "a"}).result(60)
        os.kill(pool._workers[0].pid, signal.SIGSTOP)
        coming = batch(normalizer, {"id": "b"})
        time.sleep(0.1)
    with pytest.raises(Stopped):
        coming.result(60)


@given(st.lists(JSON_ROWS, min_size=1, max_size=4), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_worker_makes_the_same_tables(rows: list[dict[str, Any]], is_private: bool) -> None:
    """Whatever stands in the rows; also columns of nothing but null, which do not go through the pipe."""
    personal = PersonalData("hash", b"a key of the test's own") if is_private else OPEN
    rows = [{"id": str(number), **row} for number, row in enumerate(rows)]
    made = Normalizer(shape_of(RESOURCES["suppliers"], personal))
    body = orjson.dumps({"result": rows})
    here = made.normalize([Page(body)], None, "modified")
    columns = FoundColumns.of(made.shape.tables)
    there = the_pool().normalize(made, columns, [body], "modified")
    assert there.tables == here.tables
    assert [table.schema for table in there.tables.values()] == [
        table.schema for table in here.tables.values()
    ]
    assert (there.keys, there.hashes, there.drift, there.found) == (
        here.keys,
        here.hashes,
        here.drift,
        here.found,
    )
    assert columns.added == here.found


def test_workers_know_no_secret_and_end_with_their_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_SECRET", "hush-hush-secret")
    tenant = [supplier(1)]
    with Wire(lambda asked: search(tenant, asked.body)) as wire, WorkerPool(1) as pool:
        read(wire, pool)
        process = pool._workers[0]._process
        environment = Path(f"/proc/{process.pid}/environ")
        if environment.exists():
            assert b"PATH=" in environment.read_bytes()
            assert b"hush-hush-secret" not in environment.read_bytes()
        assert process.poll() is None
    assert process.poll() is not None


def test_a_worker_ends_when_its_run_is_killed() -> None:
    """Nobody closes anything then: the end of the pipe is what tells."""
    script = (
        "import time; from omnium_source.normalize.worker_pool import WorkerPool\n"
        "print(WorkerPool(1)._take().pid, flush=True); time.sleep(60)"
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
    with WorkerPool(1) as pool:
        batch(pooled(pool), supplier(1)).result(60)
        maps = Path(f"/proc/{pool._workers[0].pid}/maps")
        if not maps.exists():
            pytest.skip("no /proc to look into")
        libraries = maps.read_text()
        assert "pyarrow" in libraries
        assert "pandas" not in libraries


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


def test_the_files_of_all_windows_come_in_one_statement_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = [supplier(number) for number in range(240)]
    tenant[5]["contacts"] = []
    tenant[230] |= {"grade": 7, "contacts": [{"id": "c230", "level": "high"}]}
    files: dict[str, int] = {}
    insert = one_transaction._insert

    def counted(cursor: Any, table: str, parts: Any, load_id: Any) -> None:
        assert table not in files
        files[table] = sum(part.path is not None for part in parts)
        insert(cursor, table, parts, load_id)

    monkeypatch.setattr(one_transaction, "_insert", counted)
    monkeypatch.setattr(loading, "WORKERS", 2)
    monkeypatch.setattr(buffer, "WRITE_BYTES", 1)  # another file where a new field has come
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
    assert [path for path in home.buffers.rglob("*") if path.is_file()] == []


def test_many_windows_of_some_size_are_worth_workers_and_small_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource_normalizer, "LARGE_BYTES", 24)
    monkeypatch.setattr(resource_normalizer, "SMALL_BYTES", 2)
    with WorkerPool(1) as pool:
        some, small = (
            ResourceNormalizer(shape_of(RESOURCES["suppliers"], OPEN), pool=pool) for _ in range(2)
        )
        for is_pooled in (False, False, True):
            some.use_pool_for(11)
            assert some.is_pooled == is_pooled
        for _ in range(100):
            small.use_pool_for(2)
        assert not small.is_pooled
