"""How much memory this process may use (the machine's, or less in a container), and settings of Python's memory.

limit                   bytes that this process may use
is_tight                whether a load must manage with fewer processes and a smaller database cache
for_models              DuckDB's default limit while models are built
for_database            DuckDB's limit for a given need; OMNIUM_DBT_MEMORY overrides it
collect_garbage_late    the garbage collector runs only after very many new objects
tuned_for_models        the garbage collector does not run, if memory is plenty
tuned_for_load          the garbage collector runs seldom, and threads switch often
limit_allocator_caches  the allocator returns freed memory instead of keeping it
"""

import contextlib
import gc
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

TIGHT = 1_100 * 1024 * 1024
"""Bytes. A full load of the large sandbox takes 807 MiB in all its processes, or 569 MiB with the tight settings."""
BESIDE_MODELS = 700 * 1024 * 1024
"""Bytes that building the models needs in addition to DuckDB's limit: Python, dbt, and what DuckDB does not count."""
LITTLE, ENOUGH, MUCH = 256 * 1024 * 1024, 3 * 1024 * 1024 * 1024, 16 * 1024 * 1024 * 1024
"""Bytes for DuckDB while models are built. A build does not get far with less than LITTLE; with ENOUGH, a build of a
million order lines spills little; more than MUCH helps no build."""
SHARE_OF_REST, SHARE_OF_ALL = 0.9, 1 / 8
"""DuckDB gets this share of what BESIDE_MODELS leaves (at most ENOUGH), or this share of all memory if that is more.
Other programs keep the rest of a large machine."""
GARBAGE_THRESHOLD = 100_000
"""New objects after which the garbage collector runs during a load."""
OBJECTS_THAT_STAY = 1_000_000
"""More objects than imports (200,000) or dbt's parsing create for good. With a collection after every 300,000 new
objects, the collector took 2.1 s of the 20 s of a small tenant's first build; with this value it takes 1.4 s, for
60 MiB more memory. A large build showed no difference."""
PLENTY = 8 * 1024 * 1024 * 1024
"""Bytes from which on a build's garbage may stay until its end (`tuned_for_models`)."""
SWITCH_SECONDS = 0.0005
"""How long a computing thread keeps Python's global lock (GIL) while another thread waits for it."""
MALLOPT = {-8: 2, -3: 128 * 1024}
"""glibc's M_ARENA_MAX and M_MMAP_THRESHOLD. Many threads allocate and free pages of up to several megabytes. With an
arena per thread, and large blocks between small objects, as much memory would end up idle as in use."""
_CGROUPS = Path("/sys/fs/cgroup")


def limit(cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """The machine's memory, or the lowest limit of this process's control groups if that is less, in bytes."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder, name in _places(cgroups, own):
        with contextlib.suppress(OSError, ValueError):  # "max" is no limit
            found.append(int((folder / name).read_text()))
    return min(found)


def is_tight() -> bool:
    """Whether memory is short."""
    return not _has(TIGHT, unknown=True)


def _has(size: int, *, unknown: bool) -> bool:
    """Whether this process may use `size` bytes; `unknown` if the system does not say how many it may."""
    with contextlib.suppress(OSError, ValueError):
        return limit() >= size
    return unknown


def for_database(need: float = MUCH) -> str:
    """DuckDB's `memory_limit` for work that needs `need` bytes: at most `for_models()`, or OMNIUM_DBT_MEMORY if set."""
    return os.environ.get("OMNIUM_DBT_MEMORY") or f"{int(min(need, for_models())) // 2**20}MiB"


def for_models(most: int | None = None) -> float:
    """Bytes that DuckDB may use while models are built, unless OMNIUM_DBT_MEMORY is set.

    `most`: the bytes that this process may use, by default `limit()`.
    """
    try:
        most = limit() if most is None else most
    except (OSError, ValueError):  # the system does not say
        return ENOUGH
    of_rest = min((most - BESIDE_MODELS) * SHARE_OF_REST, ENOUGH)
    return min(max(of_rest, most * SHARE_OF_ALL, LITTLE), MUCH)


def collect_garbage_late() -> None:
    """Run the garbage collector only after OBJECTS_THAT_STAY new objects, for the rest of this process's life."""
    gc.set_threshold(OBJECTS_THAT_STAY, 10, 10)


@contextlib.contextmanager
def tuned_for_models() -> Iterator[None]:
    """Switch the garbage collector off, if memory is plenty.

    Three collections of what dbt parsed take a twentieth of a small tenant's first build (1.5 of 31 s of CPU), and
    nothing else runs meanwhile; without them the build needs 200 MiB more.
    """
    if not _has(PLENTY, unknown=False) or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # What is left counts as old, so that it is not collected at once.
        gc.freeze()
        gc.unfreeze()
        gc.enable()


@contextlib.contextmanager
def tuned_for_load() -> Iterator[None]:
    """Run the garbage collector seldom, and switch threads often, within the `with` block.

    A parsed page is tens of thousands of objects without cycles; collecting over the waiting pages would take
    four times as long as parsing them. A download enters Python for every 64 KB; while another thread parses,
    each time it would wait for the GIL as long as the switch interval.
    """
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 10, 10)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
        gc.unfreeze()


def limit_allocator_caches() -> None:
    """Make glibc's allocator return freed memory, for the rest of this process's life.

    Arrow's own allocator keeps what each of thirty threads has used, so Arrow gets the system's allocator, too.
    """
    import ctypes  # imported late, as `--help` needs neither

    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    if platform.libc_ver()[0] == "glibc":
        for option, value in MALLOPT.items():
            ctypes.CDLL(None).mallopt(option, value)


def _places(cgroups: Path, own: Path) -> list[tuple[Path, str]]:
    """The files that may hold a limit, as (folder, name): of each group above this process, for cgroups 1 and 2.

    A line of `own` is `id:controllers:path`; version 2 has no controllers. In a container, the path may be the host's,
    and the container's own group is the root.
    """
    places = [(cgroups, "memory.max"), (cgroups / "memory", "memory.limit_in_bytes")]
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "memory") and "memory" not in controllers.split(","):
                continue
            root, name = (
                (cgroups / "memory", "memory.limit_in_bytes") if controllers else (cgroups, "memory.max")
            )
            group = root / path.lstrip("/")
            places += [
                (folder, name) for folder in (group, *group.parents) if root in (folder, *folder.parents)
            ]
    return places
