"""What surrounds a run does not get into it: files of the working directory, the environment, the umask, terminals."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omnium_elt.cli import main
from omnium_elt.infra.home import Home
from omnium_sandbox import Sandbox
from omnium_source import RESOURCES
from omnium_source.errors import BadRequest
from omnium_source.normalize import worker_pool
from omnium_source.normalize.found_columns import FoundColumns
from omnium_source.normalize.normalizer import Normalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.normalize.worker_pool import WorkerPool, environment_of_worker
from omnium_source.pii.masking import PersonalData
from omnium_source.text import printable

from tests.support import accidents
from tests.support.tenants import environment_of

SHADOWS = (
    "queue",
    "json",
    "pickle",
    "signal",
    "types",
    "re",
    "duckdb",
    "orjson",
    "pyarrow",
    "dlt",
    "numpy",
    "email",
)


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    """A working directory full of modules called like those that the program imports."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in SHADOWS:
        (folder / f"{name}.py").write_text(
            f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\nraise SystemExit('{name} of the folder')\n"
        )
    return folder


@pytest.mark.parametrize("python_path", [None, "", ".", ":"], ids=["unset", "empty", "dot", "colon"])
def test_a_worker_imports_nothing_of_the_working_directory(
    python_path: str | None, hostile_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(hostile_folder)
    if python_path is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", python_path)
    with WorkerPool(1) as pool:
        # It answers: everything that it needs was found, and none of it here.
        assert by_worker(pool) == ["1"]
        assert len(pool._workers) == 1
    assert not (tmp_path / "imported").exists()


def by_worker(pool: WorkerPool) -> list[str]:
    """The ids of a batch that a worker made tables of."""
    normalizer = Normalizer(shape_of(RESOURCES["stores"], PersonalData("include", b"")))
    columns = FoundColumns.of(normalizer.shape.tables)
    batch = pool.normalize(normalizer, columns, [b'{"result": [{"id": "1"}]}'], "modified")
    ids: list[str] = batch.tables["stores"]["id"].to_pylist()
    return ids


def test_the_program_imports_nothing_of_the_working_directory(
    hostile_folder: Path, tmp_path: Path, home: Home
) -> None:
    for name in ("types", "re"):  # `python -m` itself imports these from there, before a line of ours runs
        (hostile_folder / f"{name}.py").unlink()
    ended = subprocess.run(
        [sys.executable, "-m", "omnium_elt", "status", "--json", "--home", str(home.root)],
        cwd=hostile_folder,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(ended.stdout)["resources"] == [], ended.stderr
    assert not (tmp_path / "imported").exists()


def test_what_dbt_starts_imports_nothing_of_the_working_directory(
    hostile_folder: Path, tmp_path: Path, home: Home
) -> None:
    """Its locks are of processes that are spawned: a process of Python keeps count of them."""
    (hostile_folder / "multiprocessing.py").write_text((hostile_folder / "queue.py").read_text())
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing\n"
        "from pathlib import Path\n"
        "from omnium_elt.infra.home import Home, Settings\n"
        "from omnium_elt.steps.dbt_commands import dbt_environment\n"
        f"with dbt_environment(Settings(home=Home(Path({str(home.root)!r})))):\n"
        "    lock = multiprocessing.get_context('spawn').RLock()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    subprocess.run([sys.executable, program], cwd=hostile_folder, env=environment, timeout=60, check=True)
    assert not (tmp_path / "imported").exists()


def test_a_worker_is_given_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "SOURCES__OMNIUM__CLIENT_SECRET": "a-secret-of-omnium",
        "DESTINATION__POSTGRES__CREDENTIALS": "postgresql://u:a-secret-of-postgres@h/d",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-a-bucket",
        "PGPASSWORD": "a-secret-of-libpq",
        "HTTPS_PROXY": "http://u:a-secret-of-a-proxy@proxy",
        "OMNIUM__WRITE__CLIENT_SECRET": "a-secret-of-the-writer",
        "DBT_ENV_SECRET_OMNIUM_POSTGRES_PASSWORD": "a-secret-of-dbt",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    given = environment_of_worker()
    assert not set(secrets) & set(given)
    assert not [value for value in given.values() if value in secrets.values()]
    with WorkerPool(1) as pool:
        assert by_worker(pool) == ["1"]
        environ = Path(f"/proc/{pool._workers[0].pid}/environ")
        if environ.exists():
            assert not any(value.encode() in environ.read_bytes() for value in secrets.values())
    assert worker_pool.ENVIRONMENT


def modes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in [root, *root.rglob("*")]
        if "state/" not in f"{path.relative_to(root)}"
    }


@pytest.mark.parametrize(
    ("umask", "file", "folder"),
    [
        (0o027, "0o640", "0o750"),
        pytest.param(0o077, "0o600", "0o700", marks=pytest.mark.slow),
        pytest.param(0o022, "0o644", "0o755", marks=pytest.mark.slow),
        pytest.param(0o000, "0o644", "0o755", marks=pytest.mark.slow),
    ],
)
def test_published_files_follow_the_umask_all_alike_and_state_is_the_owners(
    umask: int, file: str, folder: str, home_after_run: Home, tmp_path: Path
) -> None:
    new = Home(tmp_path / "new" / "home")
    command = (
        "import os, sys, shutil\n"
        f"os.umask({umask})\n"
        "from pathlib import Path\n"
        "from omnium_elt.infra.home import Home, Settings\n"
        "from omnium_elt.infra.run_report import Silent\n"
        "from omnium_elt.steps.lake import publish_lake\n"
        "from omnium_elt.steps.publish import publish\n"
        f"home = Home(Path({str(new.root)!r})); home.create()\n"
        f"shutil.copytree({str(home_after_run.state)!r}, home.state, dirs_exist_ok=True)\n"
        "home.state.chmod(0o777); home.create()\n"
        "publish(Settings(home=home), Silent()); publish_lake(Settings(home=home, destination='parquet'), Silent())\n"
    )
    subprocess.run(
        [sys.executable, "-c", command],
        check=True,
        cwd=accidents.ROOT,
    )
    found = modes(new.root)
    kinds = {name: (new.root / name).is_dir() for name in found}
    assert {mode for name, mode in found.items() if not kinds[name]} == {file}
    assert {mode for name, mode in found.items() if kinds[name] and name not in ("state",)} == {folder}
    assert found["state"] == "0o700"
    assert {
        "warehouse.duckdb",
        "exports/manifest.json",
        "exports/report.html",
        "exports/lead_time.parquet",
    } <= set(found)
    assert {"lake/manifest.json", "lake/suppliers/data.parquet"} <= set(found)


ESCAPES = (
    "\x1b[2J\x1b[1;31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31mC1",
    "\x1bPq#0\x1b\\",
    "\x1b",
    "back\x08\x08space\rreturn\x00\x7f",
    "\u202egnp.exe",
)


@pytest.mark.parametrize("text", ESCAPES)
def test_no_escape_sequence_passes(text: str) -> None:
    shown = printable(f"before {text} after\n\tline")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert shown.startswith("before ")
    assert shown.endswith("line")


def test_text_of_any_language_stays() -> None:
    text = "Blåbærsyltetøy 蓝莓 «ÆØÅ» naïve\tπ ≈ 3 € 👍🏽\n[red]"
    assert printable(text) == text


def test_what_a_server_says_reaches_terminal_log_and_status_without_escapes(
    sandbox: Sandbox, home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment_of(sandbox).items():
        monkeypatch.setenv(name, value)

    def refuses(*_: Any, **__: Any) -> Any:
        raise BadRequest("stores: 400: " + " ".join(ESCAPES))

    monkeypatch.setattr("omnium_source.windows.resource_reader.Reader.windows", refuses)
    arguments = ["--home", str(home.root), "--resources", "stores"]
    for command in (
        ["load", *arguments],
        ["load", "--json", *arguments],
        ["load", "-v", *arguments],
        ["status", *arguments],
        ["status", "--json", *arguments],
    ):
        main(command)
        out, err = capfd.readouterr()
        assert "400" in out + err, command
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out + err), command
    kept = "".join(path.read_text() for path in [*home.logs.iterdir(), *home.runs.iterdir()])
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", kept)
    assert "\\u001b" not in kept
