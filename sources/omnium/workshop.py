"""Processes that make tables of pages, for the windows that are large.

Parsing keeps a core busy and holds Python's lock meanwhile, which downloading and loading need too. So the pages of
a large window go to a worker as bytes, and come back as Parquet files.

    Workshop     the workers of a run
    Bench        one resource's place at a worker
    work         what a worker runs
"""

import contextlib
import gc
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sources.omnium.assembly import Added, Assembly, Here, RowParser
from sources.omnium.errors import GaveUp, OmniumError
from sources.omnium.spool import Spool, Tables
from sources.omnium.tables import Page, Parsed, rows_of

SECRETS = "SOURCES__OMNIUM__"
"""Settings of this prefix are not handed on to other processes."""


class Workshop:
    """Up to `size` processes, started when first needed; each resource is parsed by one of them.

    Use it in a `with` block. The processes end with it, and with this process however that ends.
    """

    def __init__(self, size: int) -> None:
        self._size = size if os.name == "posix" else 0
        self._workers: list[_Worker] = []
        self._lock, self._given = threading.Lock(), count()

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()

    def bench(self, name: str, parser: RowParser) -> "Bench | None":
        """A place for the windows of resource `name`, which `parser` moves to; None where there is none."""
        if not self._size:
            return None
        with self._lock:
            number = next(self._given) % self._size
            if number == len(self._workers):
                self._workers.append(_Worker())
            worker = self._workers[number]
        return Bench(worker, name, parser)


class Bench:
    """A resource's parser in another process."""

    def __init__(self, worker: "_Worker", name: str, parser: RowParser) -> None:
        self._worker, self._name, self._numbers = worker, name, count()
        self._worker.ask("parser", (name, parser))

    def assembly(self, cursor: str, folder: Path | None) -> Assembly:
        """A new window, whose files lie in a folder of their own in `folder`."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix="window-", dir=folder))
        return _There(self._worker, self._name, next(self._numbers), cursor, own)


class _There:
    """An assembly in a worker."""

    def __init__(self, worker: "_Worker", name: str, number: int, cursor: str, folder: Path) -> None:
        self._worker, self._key, self._folder = worker, (name, number), folder
        self._keeping: list[Future[Any]] = []
        self._tables: Future[Any] | None = None
        worker.ask("open", (self._key, cursor, str(folder)))

    def add(self, pages: Sequence[Page]) -> "Future[Added]":
        # What went wrong in keeping an earlier batch, such as a full disk, must not wait until the end.
        while self._keeping and self._keeping[0].done():
            self._keeping.pop(0).result()
        return self._worker.ask("add", self._key, [page.body for page in pages])

    def keep(self, mask: Sequence[bool] | None) -> None:
        self._keeping.append(self._worker.ask("keep", (self._key, mask)))

    def keys_of(self, pages: Sequence[Page]) -> list[str]:
        keys: list[str] = self._worker.ask("keys", self._key, [page.body for page in pages]).result()
        return keys

    def finish(self) -> None:
        self._tables = self._worker.ask("finish", self._key)

    def tables(self) -> Tables:
        if self._tables is None:
            self.finish()
        for one in self._keeping:
            one.result()
        assert self._tables is not None
        tables: Tables = self._tables.result()
        return tables

    def close(self) -> None:
        self._worker.ask("close", self._key)
        shutil.rmtree(self._folder, ignore_errors=True)


class _Worker:
    """One process, and the questions that it has not answered yet: it answers in order."""

    def __init__(self) -> None:
        package = Path(__file__).parents[2]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(package), *filter(None, [environment.get("PYTHONPATH")])]
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from sources.omnium.workshop import work; work()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = Connection(os.dup(self._process.stdin.fileno()), readable=False)
        self._from = Connection(os.dup(self._process.stdout.fileno()), writable=False)
        self._process.stdin.close()
        self._process.stdout.close()
        self._lock, self._asked = threading.Lock(), deque[Future[Any]]()
        self._has_ended = False
        self._listener = threading.Thread(target=self._listen, name="omnium-worker", daemon=True)
        self._listener.start()

    def ask(self, verb: str, what: Any, bodies: Sequence[bytes] = ()) -> "Future[Any]":
        """Send a question; waits while the worker is busy with one that was asked before."""
        answer: Future[Any] = Future()
        with self._lock:
            if self._has_ended:
                answer.set_exception(_ended())
                return answer
            self._asked.append(answer)
            # A broken pipe: the listener, which meets the end of the worker too, fails all that was asked.
            with contextlib.suppress(OSError):
                self._to.send((verb, what, len(bodies)))
                for body in bodies:
                    self._to.send_bytes(body)
        return answer

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
            for answer in self._asked:
                answer.set_exception(_ended())
            self._asked.clear()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        with contextlib.suppress(OSError):
            self._to.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(2.0)
        self._from.close()


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
    with contextlib.suppress(EOFError, BrokenPipeError):
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
            answers.send(answer)


class _Work:
    """The verbs of `work`."""

    def __init__(self) -> None:
        self._parsers: dict[str, RowParser] = {}
        self._windows: dict[tuple[str, int], Here] = {}

    def parser(self, what: tuple[str, RowParser]) -> None:
        self._parsers[what[0]] = what[1]

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
    return [Parsed(body, rows_of(body)) for body in bodies]
