"""How much memory this process may use: the machine's, or less in a container.

limit       bytes
is_tight    whether a load has to do with fewer processes and a smaller database cache
"""

import contextlib
import os
from pathlib import Path

TIGHT = 1_100 * 1024 * 1024
"""Bytes. A full load of the large sandbox takes 807 MiB with all its processes, and 599 MiB with less of each."""
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
