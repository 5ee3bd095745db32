"""How much memory this process may use (the machine's, or less in a container), and how Python treats it.

limit                   bytes
is_tight                whether a load has to do with fewer processes and a smaller database cache
for_models              what DuckDB may use while models are built, where nobody says
for_database            the same, or what OMNIUM_DBT_MEMORY says; or less, where less will do
collect_garbage_late    Python looks for garbage only when more objects came than those that stay
tuned_for_load          Python looks for garbage seldom, and changes threads often
limit_allocator_caches  the allocator gives back what was used, instead of keeping it
"""

import contextlib
import gc
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

TIGHT = 1_100 * 1024 * 1024
"""Bytes. A full load of the large sandbox takes 807 MiB with all its processes, and 569 MiB with less of each."""
BESIDE_MODELS = 700 * 1024 * 1024
"""Bytes. What the process that builds the models takes besides: Python, dbt, and what DuckDB does not count."""
LITTLE, ENOUGH, MUCH = 256 * 1024 * 1024, 3 * 1024 * 1024 * 1024, 16 * 1024 * 1024 * 1024
"""Bytes for DuckDB while models are built. With less than LITTLE no build gets far, with ENOUGH one of a million order
lines spills little, and more than MUCH helps none."""
SHARE_OF_REST, SHARE_OF_ALL = 0.9, 1 / 8
"""What DuckDB may take: this share of what the rest of the process leaves (at most `ENOUGH`), or this share of all
memory, where that is more. The rest of a large machine is for others."""
GARBAGE_THRESHOLD = 100_000
"""New objects after which Python looks for garbage."""
OBJECTS_THAT_STAY = 1_000_000
"""More objects than imports (200,000) or dbt's parsing leave for good. To look for garbage at every 300,000 new ones
took 2.1 s of the 20 of a small tenant's first build; at these it takes 1.4 s, for 60 MiB more. A large build showed no
difference."""
SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps Python's lock while another one waits for it."""
MALLOPT = {-8: 2, -3: 128 * 1024}
"""Of glibc: M_ARENA_MAX and M_MMAP_THRESHOLD. Pages of answers, up to megabytes each, are taken and given back by many
threads; in arenas of their own, and among small objects, as much memory lies idle in the end as is in use."""
_CGROUPS = Path("/sys/fs/cgroup")


def limit(cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """The least of the machine's memory and what the control groups of this process allow, in bytes."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder, name in _places(cgroups, own):
        with contextlib.suppress(OSError, ValueError):  # "max" is no limit
            found.append(int((folder / name).read_text()))
    return min(found)


def is_tight() -> bool:
    """Whether memory is short."""
    with contextlib.suppress(OSError, ValueError):
        return limit() < TIGHT
    return False


def for_database(need: float = MUCH) -> str:
    """What DuckDB may use for what needs as many bytes: no more than while models are built, unless somebody says."""
    return os.environ.get("OMNIUM_DBT_MEMORY") or f"{int(min(need, for_models())) // 2**20}MiB"


def for_models(most: int | None = None) -> float:
    """Bytes that DuckDB may use while models are built, where nobody says (`OMNIUM_DBT_MEMORY`).

    `most`: the bytes that this process may use, by default `limit()`.
    """
    try:
        most = limit() if most is None else most
    except (OSError, ValueError):  # a system that does not tell
        return ENOUGH
    of_rest = min((most - BESIDE_MODELS) * SHARE_OF_REST, ENOUGH)
    return min(max(of_rest, most * SHARE_OF_ALL, LITTLE), MUCH)


def collect_garbage_late() -> None:
    """Let Python look for garbage when more objects came than those that stay; for as long as this process lives."""
    gc.set_threshold(OBJECTS_THAT_STAY, 10, 10)


@contextlib.contextmanager
def tuned_for_load() -> Iterator[None]:
    """Let Python look for garbage in cycles seldom, and change threads often.

    A parsed page is tens of thousands of objects in no cycle at all; looking through the pages that wait
    takes four times as long as parsing them. And a download passes through Python for every 64 KB: while
    another thread parses, each of them would wait for Python's lock as long as the interval.
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
    """Have the allocator give back what was used, where it is glibc's; for as long as this process lives.

    Arrow's own allocator keeps what each of thirty threads has used, so Arrow takes the system's, too.
    """
    import ctypes  # help has no need of either

    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    if platform.libc_ver()[0] == "glibc":
        for option, value in MALLOPT.items():
            ctypes.CDLL(None).mallopt(option, value)


def _places(cgroups: Path, own: Path) -> list[tuple[Path, str]]:
    """Where limits may stand: those of each group above this process, in both versions of control groups.

    A line of `own` is `id:controllers:path`; version 2 has no controllers. In a container the path may be the host's,
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
