"""Runs commands as child processes and measures their wall time, CPU time and peak memory.

Meanwhile the benchmark's own process stays small and idle, so that it does not affect the figures.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
LOOKS_BEFORE_COUNTED = 10  # ten samples a second


@dataclass(frozen=True)
class Cost:
    """What one process cost, including all processes that it started.

    `cpu` is user plus system time in seconds; `peak_bytes` is the largest resident memory at any moment.
    """

    seconds: float
    cpu: float
    peak_bytes: int
    output: str

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.cpu:.1f} s CPU, {self.peak_bytes / MIB:.0f} MiB)"


@dataclass(frozen=True)
class Outcome:
    """A result: `value` is compared with the goal; `figures` are the measurements that it is calculated from."""

    name: str
    goal: str
    value: str
    is_met: bool
    figures: tuple[str, ...]

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "NOT met"
        return f"{self.name}: {self.value} (goal {self.goal}: {verdict})\n" + "".join(
            f"    {figure}\n" for figure in self.figures
        )


def measured(
    arguments: Sequence[str], environment: dict[str, str] | None = None, *, most_seconds: float | None = None
) -> Cost:
    """Run a command and measure it; kill it after `most_seconds`.

    Raises RuntimeError with the end of its output and errors if it fails or is killed.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        process = subprocess.Popen(
            arguments, stdout=out, stderr=err, cwd=ROOT, env={**os.environ, **(environment or {})}
        )
        peak = _Peak(process.pid)
        limit = threading.Timer(most_seconds or threading.TIMEOUT_MAX, process.kill)
        limit.daemon = True
        limit.start()
        # wait4 returns the resource usage of this child; Popen.wait does not.
        try:
            with peak:
                _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            limit.cancel()
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().decode("utf-8", "replace")
        if process.returncode:
            err.seek(0)
            problem = err.read().decode("utf-8", "replace")[-2000:]
            raise RuntimeError(
                f"{' '.join(arguments)}: status {process.returncode}\n{output[-2000:]}\n{problem}"
            )
    unit = 1 if sys.platform == "darwin" else 1024
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(seconds, cpu, peak.bytes or usage.ru_maxrss * unit, output)


class _Peak:
    """The peak memory of a process and all its descendants together, sampled ten times a second (Linux).

    Pages mapped from files, mostly shared libraries, are counted once, as the largest amount of any process. A
    descendant counts only after a second: until a forked process executes another program (Java starts its helpers
    this way), it shares its parent's memory, which would be counted twice.
    """

    def __init__(self, pid: int) -> None:
        self.bytes, self._pid, self._is_over = 0, pid, threading.Event()
        self._looks: Counter[int] = Counter()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            found = _with_children(self._pid)
            self._looks.update(found)
            held = [
                _resident(pid) for pid in found if pid == self._pid or self._looks[pid] > LOOKS_BEFORE_COUNTED
            ]
            now = sum(own for own, _ in held) + max((mapped for _, mapped in held), default=0)
            self.bytes = max(self.bytes, now)


def _with_children(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        # Other threads may have started children, too.
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += (task / "children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(below for child in {*map(int, children)} for below in _with_children(child))]


def _resident(pid: int) -> tuple[int, int]:
    """Resident bytes of a process: its own memory, and pages mapped from files."""
    try:
        _, resident, mapped, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except (OSError, ValueError):
        return 0, 0
    size = os.sysconf("SC_PAGE_SIZE")
    return (resident - mapped) * size, mapped * size


class Server:
    """A sandbox in a separate process (serving.py)."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.access: dict[str, str] = self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the server has ended")
        return json.loads(line)

    def ask(self, **command: Any) -> Any:
        """Send one of the commands of serving.py and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which a process reads from this sandbox."""
        return {f"SOURCES__OMNIUM__{name.upper()}": value for name, value in self.access.items()}


@contextlib.contextmanager
def serving(**sandbox: Any) -> Iterator[Server]:
    """Serve a sandbox with these arguments until the end of the `with` block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.serving", json.dumps(sandbox)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield Server(process)
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder, deleted at the end of the `with` block."""
    with tempfile.TemporaryDirectory(prefix="omnium-benchmark-") as path:
        yield Path(path)


def omnium_elt(server: Server | None, home: Path, command: str, *more: str) -> Cost:
    """Measure one command of `omnium-elt`, started as a user starts it."""
    arguments = [sys.executable, "-m", "omnium_elt", command, "--home", str(home), "--json", *more]
    return measured(arguments, server.environment if server else None)


def beside_bare_loop(orders: int, *, latency: float = 0.0, **sandbox: Any) -> tuple[Cost, Cost]:
    """Measure the bare loop over `orders` orders, and our load of them, with `latency` seconds for each answer.

    `sandbox`: further arguments of the sandbox, such as `filled`.
    """
    with serving(size="empty", orders=orders, **sandbox) as server, folder() as home:
        server.ask(latency=latency)
        peer = script(server, "peer_bare_loop")
        return peer, omnium_elt(server, home, "load", "--resources", "orders")


def script(server: Server, name: str, *more: str) -> Cost:
    """Measure one of the peers in this folder."""
    return measured([sys.executable, "-m", f"tests.benchmarks.{name}", *more], server.environment)
