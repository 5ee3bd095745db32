"""Packages of npm for tests, installed once into a folder outside of the repository."""

import fcntl
import shutil
import subprocess
from pathlib import Path

MISSING = "npm is not installed, or its registry does not answer"


def packages(folder: Path, *wanted: str) -> Path | None:
    """The `node_modules` with these (`name@version`), for all workers of a run; None if it cannot be installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
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
                installed = subprocess.run(command, capture_output=True, timeout=90, check=False)
            except subprocess.TimeoutExpired:
                return None
            if installed.returncode:
                return None
            done.touch()
    return folder / "node_modules"
