"""Processes that make tables of pages, for the windows that are large.

Parsing keeps a core busy and holds Python's lock meanwhile, which downloading and loading need too. So the pages of
a large window go to workers as bytes, and come back as Parquet files.

    Workshop     the workers of a run
    Bench        one resource's place among them
    work         what a worker runs
"""

import contextlib
import gc
import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent import futures
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from omnium_source.errors import GaveUp, Incomplete, OmniumError
from omnium_source.normalize.assembly import Added, Assembly, Here, RowParser
from omnium_source.normalize.buffer import Spool, Tables, joined
from omnium_source.normalize.pages import Page, Parsed
from omnium_source.normalize.schema import Found
from omnium_source.normalize.without_pandas import without_pandas

BATCHES_WAITING = 2
"""Batches that a worker has before it at most: one that it parses, and one that is on its way."""
ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV")
ENVIRONMENT_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON", "MALLOC_", "ARROW_")
"""Variables that a worker is given; settings and credentials of source and destinations are not among them."""


class Workshop:
    """Processes, `size` at most, each started when all before it have something to do.

    Use it in a `with` block. The processes end with it, and with this process however that ends.
    """

    def __init__(self, size: int) -> None:
        self.size = size if os.name == "posix" else 0
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()

    def bench(self, name: str, parser: RowParser) -> "Bench | None":
        """A place for the windows of resource `name`, which `parser` moves to; None where there is none."""
        return Bench(self, name, parser) if self.size else None

    @property
    def has_workers(self) -> bool:
        """Whether processes are there already, so that none has to be started for a little more work."""
        return bool(self._workers)

    @property
    def is_idle(self) -> bool:
        """Whether none of the workers has anything to do."""
        return not any(worker.batches for worker in self._workers)

    def idlest(self) -> "_Worker":
        """The worker that has the fewest batches before it."""
        with self._lock:
            if len(self._workers) < self.size and all(worker.batches for worker in self._workers):
                self._workers.append(_Worker())
            return min(self._workers, key=lambda worker: worker.batches)


class Bench:
    """A resource's parser in other processes, one copy in each.

    The copies have to make the same columns of fields that the contract does not have. So the first batch is parsed
    alone, and what a copy meets later is told to the others. Where two have met the same field before that, and made
    different columns of it, the window is read again, and all that follows is parsed by one of them.
    """

    def __init__(self, workshop: Workshop, name: str, parser: RowParser) -> None:
        self._workshop, self._name, self._parser, self._numbers = workshop, name, parser, count()
        self._workers: dict[_Worker, None] = {}
        self._only: _Worker | None = None
        self._first: Future[Added] | None = None
        self._found: Found = {}
        self._lock = threading.Lock()

    @property
    def is_waiting(self) -> bool:
        """Whether no worker has anything to do at this moment."""
        return self._workshop.is_idle

    def assembly(self, cursor: str, folder: Path | None) -> Assembly:
        """A new window, whose files lie in a folder of their own in `folder`."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix="window-", dir=folder))
        return _There(self, (self._name, next(self._numbers)), cursor, own, 2 * self._workshop.size)

    def worker(self) -> "_Worker":
        """Who takes the next batch; it has a copy of the parser."""
        if self._first is not None:
            futures.wait([self._first])
        worker = self._only or self._workshop.idlest()
        with self._lock:
            if worker not in self._workers:
                self._workers[worker] = None
                worker.ask("parser", (self._name, self._parser, dict(self._found)))
        return worker

    def add(self, worker: "_Worker", window: tuple[str, int], bodies: Sequence[bytes]) -> "Future[Added]":
        """Parse a batch there."""
        answer: Future[Added] = Future()
        self._first = self._first or answer

        def compare(parsed: "Future[Added]") -> None:
            try:
                added = parsed.result()
                if added.found:
                    self._compare(worker, added.found)
            except Exception as error:
                answer.set_exception(error)
            else:
                answer.set_result(added)

        worker.ask("add", window, bodies).add_done_callback(compare)
        return answer

    def _compare(self, worker: "_Worker", found: Found) -> None:
        """Tell the other workers of fields that one has met. Raises Incomplete: another made something else of it."""
        with self._lock:
            of_name = {(table, column.name): path for (table, path), column in self._found.items()}
            for (table, path), column in found.items():
                is_same = self._found.setdefault((table, path), column) == column
                if not is_same or of_name.get((table, column.name), path) != path:
                    self._only = self._only or next(iter(self._workers))
                    raise Incomplete(f"{table}: its pages differ in what kind of field {'.'.join(path)} is")
            for other in self._workers:
                if other is not worker:
                    other.ask("learn", (self._name, found))


class _There:
    """An assembly in workers; each has the batches that it parsed."""

    def __init__(self, bench: Bench, key: tuple[str, int], cursor: str, folder: Path, at_once: int) -> None:
        self._bench, self._key, self._cursor, self._folder = bench, key, cursor, folder
        self.at_once = at_once
        self._workers: dict[_Worker, None] = {}
        self._waiting: deque[_Worker] = deque()
        self._keeping: list[Future[Any]] = []
        self._tables: list[Future[Tables]] | None = None

    def _worker(self) -> "_Worker":
        worker = self._bench.worker()
        if worker not in self._workers:
            folder = self._folder / f"{len(self._workers)}"
            folder.mkdir()
            self._workers[worker] = None
            worker.ask("open", (self._key, self._cursor, str(folder)))
        return worker

    def add(self, pages: Sequence[Page]) -> "Future[Added]":
        # What went wrong in keeping an earlier batch, such as a full disk, must not wait until the end.
        while self._keeping and self._keeping[0].done():
            self._keeping.pop(0).result()
        worker = self._worker()
        self._waiting.append(worker)
        return self._bench.add(worker, self._key, [page.body for page in pages])

    def keep(self, mask: Sequence[bool] | None) -> None:
        self._keeping.append(self._waiting.popleft().ask("keep", (self._key, mask)))

    def keys_of(self, pages: Sequence[Page]) -> list[str]:
        keys: list[str] = self._worker().ask("keys", self._key, [page.body for page in pages]).result()
        return keys

    def finish(self) -> None:
        self._tables = [worker.ask("finish", self._key) for worker in self._workers]

    def tables(self) -> Tables:
        if self._tables is None:
            self.finish()
        for one in self._keeping:
            one.result()
        assert self._tables is not None
        return joined([tables.result() for tables in self._tables])

    def close(self) -> None:
        for worker in self._workers:
            worker.ask("close", self._key)
        shutil.rmtree(self._folder, ignore_errors=True)


class _Worker:
    """One process, and the questions that it has not answered yet: it answers in order.

    `batches`: how many of them are pages to be parsed.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # Without -P a file of the working directory that is called like a module of Python's would be run.
            [sys.executable, "-P", "-c", "from omnium_source.normalize.worker_pool import work; work()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment_of_worker(),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = Connection(os.dup(self._process.stdin.fileno()), readable=False)
        self._from = Connection(os.dup(self._process.stdout.fileno()), writable=False)
        self._process.stdin.close()
        self._process.stdout.close()
        self._lock, self._asked = threading.Lock(), deque[Future[Any]]()
        self._to_send: queue.SimpleQueue[tuple[str, Any, Sequence[bytes]] | None] = queue.SimpleQueue()
        self._room = threading.BoundedSemaphore(BATCHES_WAITING)
        self._has_ended = False
        self.batches = 0
        self._threads = [
            threading.Thread(target=target, name="omnium-worker", daemon=True)
            for target in (self._send, self._listen)
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, verb: str, what: Any, bodies: Sequence[bytes] = ()) -> "Future[Any]":
        """Ask something. Where pages go with it, wait until not too many of them are before these."""
        answer: Future[Any] = Future()
        if bodies:
            with self._lock:
                self.batches += 1
            self._room.acquire()
            answer.add_done_callback(self._has_parsed)
        with self._lock:
            if not self._has_ended:
                self._asked.append(answer)
                self._to_send.put((verb, what, bodies))
                return answer
        answer.set_exception(_ended())
        return answer

    def _has_parsed(self, _: "Future[Any]") -> None:
        with self._lock:
            self.batches -= 1
        self._room.release()

    def _send(self) -> None:
        # A broken pipe: the listener, which meets the end of the worker too, fails all that was asked.
        with contextlib.suppress(OSError):
            while question := self._to_send.get():
                verb, what, bodies = question
                self._to.send((verb, what, len(bodies)))
                for body in bodies:
                    self._to.send_bytes(body)

    def _listen(self) -> None:
        try:
            while True:
                is_good, value = self._from.recv()
                answer = self._asked.popleft()
                answer.set_result(value) if is_good else answer.set_exception(value)
        except (EOFError, OSError, pickle.UnpicklingError):
            pass
        with self._lock:
            self._has_ended = True
            left = list(self._asked)
            self._asked.clear()
        for answer in left:
            answer.set_exception(_ended())

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._to_send.put(None)
        self._threads[0].join(1.0)
        if not self._threads[0].is_alive():
            with contextlib.suppress(OSError):
                self._to.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2.0)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(2.0)
        for end in (self._to, self._from):
            with contextlib.suppress(OSError):
                end.close()


def environment_of_worker() -> dict[str, str]:
    """What a worker has to know of this process's environment: how to run Python, and nothing else, hence no secret."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in ENVIRONMENT or name.startswith(ENVIRONMENT_PREFIXES)
    }
    # A relative path, or an empty one, is the working directory again.
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(path)]
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), *paths])
    # One thread makes the tables: what it gives back need not be kept apart for others.
    return environment | {
        "PYTHONSAFEPATH": "1",
        "MALLOC_ARENA_MAX": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _ended() -> GaveUp:
    return GaveUp("the process that makes tables of pages has ended: is there memory enough? Run again")


def work() -> None:
    """What a worker does: answer the questions of `_Worker.ask`, in order, until there are no more."""
    # A terminal and a service manager send their signals to all processes; the one that started this ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answers = Connection(os.dup(1), readable=False)
    os.dup2(2, 1)  # whatever prints must not disturb the answers
    questions = Connection(os.dup(0), writable=False)
    # No cycles here, and whoever looks for them looks through every object of the pages that wait.
    gc.disable()
    bench = _Work()
    with contextlib.suppress(EOFError, BrokenPipeError), without_pandas():
        while True:
            verb, what, bodies = questions.recv()
            pages = [questions.recv_bytes() for _ in range(bodies)]
            try:
                answer = (True, getattr(bench, verb)(what, *([pages] if pages else [])))
            except Exception as error:
                # Only what surely goes through a pipe: errors of libraries do not always.
                answer = (
                    False,
                    error if isinstance(error, OmniumError | OSError) else RuntimeError(repr(error)),
                )
            del pages
            answers.send(answer)


class _Work:
    """The verbs of `work`."""

    def __init__(self) -> None:
        self._parsers: dict[str, RowParser] = {}
        self._windows: dict[tuple[str, int], Here] = {}

    def parser(self, what: tuple[str, RowParser, Found]) -> None:
        name, parser, found = what
        parser.learn(found)
        self._parsers[name] = parser

    def learn(self, what: tuple[str, Found]) -> None:
        self._parsers[what[0]].learn(what[1])

    def open(self, what: tuple[tuple[str, int], str, str]) -> None:
        key, cursor, folder = what
        self._windows[key] = Here(self._parsers[key[0]], cursor, Spool(Path(folder), in_memory=0))

    def add(self, key: tuple[str, int], bodies: list[bytes]) -> Added:
        return self._windows[key].parsed(_pages(bodies))

    def keys(self, key: tuple[str, int], bodies: list[bytes]) -> list[str]:
        return self._windows[key].keys_of(_pages(bodies))

    def keep(self, what: tuple[tuple[str, int], Sequence[bool] | None]) -> None:
        self._windows[what[0]].keep(what[1])

    def finish(self, key: tuple[str, int]) -> Tables:
        return self._windows[key].tables()

    def close(self, key: tuple[str, int]) -> None:
        if window := self._windows.pop(key, None):
            window.close()


def _pages(bodies: Iterable[bytes]) -> list[Page]:
    return [Parsed.of(body) for body in bodies]
