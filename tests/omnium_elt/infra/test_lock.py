"""One run at a time per home."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from omnium_elt.infra import lock
from omnium_elt.infra.errors import HomeLockedError
from omnium_elt.infra.run_report import EXIT_LOCKED

HOLDER = """
import sys, time
from pathlib import Path
from omnium_elt.infra import lock
with lock.hold(Path(sys.argv[1]), "run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lock"


@pytest.fixture
def holder(lock_file: Path):
    lock_file.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock_file)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_told_who_holds_it(holder: subprocess.Popen[str], lock_file: Path) -> None:
    with pytest.raises(HomeLockedError) as caught, lock.hold(lock_file, "load"):
        pass
    assert caught.value.exit_status == EXIT_LOCKED == 75
    assert f"omnium-elt run (process {holder.pid}, since " in caught.value.message
    assert str(lock_file.parent.parent) in caught.value.message


def test_asking_does_not_take_it(holder: subprocess.Popen[str], lock_file: Path) -> None:
    assert lock.is_held(lock_file)
    assert lock.is_held(lock_file)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not lock.is_held(lock_file)


def test_a_dead_holders_lock_is_taken_over(holder: subprocess.Popen[str], lock_file: Path) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert f'"pid": {holder.pid}' in lock_file.read_text(), "killed, it could not tidy up"
    with lock.hold(lock_file, "load"):
        assert f"(process {os.getpid()}," in (lock.describe_holder(lock_file) or "")


def test_released_it_names_nobody(lock_file: Path) -> None:
    lock_file.parent.mkdir()
    with lock.hold(lock_file, "run"):
        assert lock.is_held(lock_file)
    assert lock.describe_holder(lock_file) is None
    assert not lock.is_held(lock_file)


def test_no_file_no_holder(lock_file: Path) -> None:
    assert not lock.is_held(lock_file)
    assert lock.describe_holder(lock_file) is None
