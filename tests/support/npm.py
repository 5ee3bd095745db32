"""Packages of npm for tests, installed once into a folder outside of the repository."""

import fcntl
import shutil
import subprocess
from pathlib import Path

MISSING = "npm is not installed, or its registry does not answer"


def packages(folder: Path, *wanted: str) -> Path | None:
    """The `node_modules` with these (`name@version`), for all workers of a run; None if it cannot be installed.

    It is tried once: a registry that does not answer costs a run its time-out, not each worker.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    done, missing = folder / "done", folder / "missing"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() and not missing.exists():
            command = [
                npm,
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
                str(folder),
                *wanted,
            ]
            try:
                subprocess.run(command, capture_output=True, timeout=90, check=True)
            except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
                missing.touch()
            else:
                done.touch()
    return folder / "node_modules" if done.exists() else None
