"""Processes that make tables of pages, for large windows.

Normalizing keeps a core busy and holds Python's lock, which downloading and loading need too. So the pages of a large
window go to a worker as bytes, and their tables come back as Arrow's own bytes. A worker keeps nothing except the
normalizers that it was given: if it is killed, this process makes the tables of its batch.

    WorkerPool    the workers of a run
    work          what a worker runs

Why this is not `concurrent.futures.ProcessPoolExecutor`: docs/decisions.md, "Worker processes".
"""

import contextlib
import gc
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

import pyarrow as pa

from omnium_source.errors import OmniumError, Stopped
from omnium_source.normalize.activity import Activity
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.found_columns import FoundColumns
from omnium_source.normalize.normalizer import Normalizer
from omnium_source.normalize.without_pandas import without_pandas
from omnium_source.pages import Page

log = logging.getLogger("omnium")
with contextlib.suppress(ImportError):  # a system without this module has no workers either
    import fcntl
P = ParamSpec("P")
T = TypeVar("T")

BATCHES_A_WORKER = 2
"""Batches that wait or are worked on, for each worker; `submit` waits if there would be more."""
MOST_ENDED_WORKERS = 3
"""No worker is started any more after this many have ended by themselves: the machine has no room for them."""
PIPE_BYTES = 1024 * 1024
"""Size of a pipe to or from a worker, if the system lets it be set: a batch then takes fewer turns."""
ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV")
ENVIRONMENT_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON", "MALLOC_", "ARROW_")
"""Variables that a worker is given. Settings and credentials of source and destinations are not among them."""


class WorkerPool:
    """Up to `size` processes; each is started when all before it are busy.

    Use it in a `with` block. The processes end with the block, and with this process, however it ends.
    """

    def __init__(self, size: int) -> None:
        self.size = size if os.name == "posix" else 0
        self.activity = Activity()
        self._threads = ThreadPoolExecutor(max(1, self.size), "omnium-worker")
        self._room = threading.BoundedSemaphore(max(1, BATCHES_A_WORKER * self.size))
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._free: list[_Worker] = []
        self._ended = 0
        self._is_closed = False

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; the batches that they work on fail."""
        self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()
        self._threads.shutdown()

    @property
    def has_workers(self) -> bool:
        """Whether processes are running already, so that a little more work needs no new one."""
        return bool(self._workers)

    def submit(self, work: Callable[P, T], *arguments: P.args, **more: P.kwargs) -> "Future[T]":
        """Run `work`, which calls `normalize`, in a thread; waits while too many batches are ahead of it."""
        with contextlib.ExitStack() as until_done:
            until_done.enter_context(self.activity.one_more())
            self._room.acquire()
            until_done.callback(self._room.release)
            coming = self._threads.submit(work, *arguments, **more)
            callbacks = until_done.pop_all()
        coming.add_done_callback(lambda _: callbacks.close())
        return coming

    def normalize(
        self, normalizer: Normalizer, columns: FoundColumns, bodies: Sequence[bytes], newest_by: str
    ) -> Batch:
        """What `normalizer` makes of some pages: in a worker, or in this process if the worker ends meanwhile.

        What the batch found is added to `columns`. Raises what the normalizer raises, and Stopped once the pool is
        closed.
        """
        worker = self._take()
        if worker is not None:
            try:
                batch = worker.normalize(normalizer, columns, bodies, newest_by)
            except _Ended:
                self._bury(worker)
            except BaseException:
                self._free.append(worker)
                raise
            else:
                self._free.append(worker)
                return batch
        if self._is_closed:
            raise Stopped("stopped on request")
        return normalizer.normalize(list(map(Page, bodies)), columns, newest_by)

    def _take(self) -> "_Worker | None":
        """An idle worker, or a new one; None if no further one can be started."""
        with self._lock:
            if self._free:
                return self._free.pop()
            if self._is_closed or self._ended >= MOST_ENDED_WORKERS:
                return None
            try:
                worker = _Worker()
            except OSError as error:
                self._ended += 1
                log.warning("a process that makes tables of pages cannot be started: %s", error)
                return None
            self._workers.append(worker)
            return worker

    def _bury(self, worker: "_Worker") -> None:
        """Remove a worker that has ended."""
        with self._lock:
            if worker not in self._workers:
                return  # the pool is being closed
            self._workers.remove(worker)
            self._ended += 1
        worker.close()
        log.warning(
            "a process that makes tables of pages has ended (is there memory enough?); "
            "its pages become tables in this one"
        )


class _Ended(Exception):
    """The process of the worker has ended."""


class _Worker:
    """One process, used by one thread at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # Without -P, a file in the working directory with the name of one of Python's modules would be run.
            [sys.executable, "-P", "-c", "from omnium_source.normalize.worker_pool import work; work()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment_of_worker(),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = _wide(self._process.stdin), _wide(self._process.stdout)
        self._numbers: dict[Normalizer, int] = {}

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def normalize(
        self, normalizer: Normalizer, columns: FoundColumns, bodies: Sequence[bytes], newest_by: str
    ) -> Batch:
        """See `WorkerPool.normalize`. Raises _Ended."""
        is_new = normalizer not in self._numbers
        number = self._numbers.setdefault(normalizer, len(self._numbers))
        try:
            question = (number, normalizer if is_new else None, columns, newest_by, list(map(len, bodies)))
            _send(self._to, question, *bodies)
            is_good, answer, size = pickle.load(self._from)
            packed = _read(self._from, size)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise _Ended from error
        if not is_good:
            raise answer
        batch: Batch = answer
        columns.merge(batch.found)
        batch.tables = _unpacked(packed, batch.tables, normalizer, columns)
        return batch

    def close(self) -> None:
        """End the process, whatever it is doing: nothing is lost with it."""
        self._process.kill()
        self._process.wait()
        for end in (self._to, self._from):
            with contextlib.suppress(OSError):
                end.close()


def _wide(pipe: IO[bytes]) -> IO[bytes]:
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return pipe


def _send(pipe: IO[bytes], message: object, *data: bytes | pa.Buffer) -> None:
    """Write an object that says how long the data are, and then the data."""
    pipe.write(pickle.dumps(message))
    for one in data:
        pipe.write(one)
    pipe.flush()


def _read(pipe: IO[bytes], size: int) -> bytes:
    """Read the bytes of a message. A `Connection` of multiprocessing would copy them twice more."""
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def environment_of_worker() -> dict[str, str]:
    """The environment of a worker: what Python needs to run and nothing else, so that it holds no secret."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in ENVIRONMENT or name.startswith(ENVIRONMENT_PREFIXES)
    }
    # A relative or empty path would mean the working directory again.
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(path)]
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), *paths])
    # One thread makes the tables, so one arena is enough and freed memory can be used again.
    return environment | {
        "PYTHONSAFEPATH": "1",
        "MALLOC_ARENA_MAX": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def work() -> None:
    """Run a worker: make tables of the pages that it is given until the input ends."""
    # A terminal or a service manager signals all processes; a worker is ended by the process that started it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answers = _wide(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what is printed must not get in between the answers
    questions = _wide(os.fdopen(0, "rb"))
    # There are no reference cycles, and the collector would visit every object of the waiting pages.
    gc.disable()
    normalizers: dict[int, Normalizer] = {}
    with contextlib.suppress(EOFError, BrokenPipeError), without_pandas():
        while True:
            number, normalizer, columns, newest_by, sizes = pickle.load(questions)
            if normalizer is not None:
                normalizers[number] = normalizer
            bodies = [_read(questions, size) for size in sizes]
            try:
                batch = normalizers[number].normalize(list(map(Page, bodies)), columns, newest_by)
                packed = _packed(batch)
            except Exception as error:
                # Only errors that can certainly be pickled are sent: those of libraries often cannot.
                known = isinstance(error, OmniumError | OSError)
                _send(answers, (False, error if known else RuntimeError(repr(error)), 0))
            else:
                _send(answers, (True, batch, packed.size), packed)
            del bodies


def _packed(batch: Batch) -> pa.Buffer:
    """The bytes of a batch's tables, without columns that hold only null; the tables in the batch become None."""
    sink = pa.BufferOutputStream()
    for table in batch.tables.values():
        full = [
            at for at, column in enumerate(table.columns) if column.null_count < len(table) or not len(table)
        ]
        some = table if len(full) == table.num_columns else table.select(full)
        with pa.ipc.new_stream(sink, some.schema) as stream:
            stream.write_table(some)
    batch.tables, batch.roots = dict.fromkeys(batch.tables), {}
    return sink.getvalue()


def _unpacked(
    packed: bytes, names: Iterable[str], normalizer: Normalizer, columns: FoundColumns
) -> dict[str, pa.Table]:
    """The tables in the bytes that a worker sent."""
    source, tables = pa.BufferReader(packed), dict[str, pa.Table]()
    for name in names:
        some = pa.ipc.open_stream(source).read_all()
        schema = columns.schema(normalizer.shape.tables[name])
        present = dict(zip(some.column_names, some.columns, strict=True))
        arrays = [
            present[column] if column in present else pa.nulls(some.num_rows, kind)
            for column, kind in zip(schema.names, schema.types, strict=True)
        ]
        tables[name] = pa.Table.from_arrays(arrays, schema=schema)
    return tables
