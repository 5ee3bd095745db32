"""The program installed beside a user's own packages `pipelines` and `sources`, as a wheel and as a checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from omnium_sandbox import Sandbox

from tests.support.tenants import environment_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OURS = {"omnium_source", "omnium_sandbox", "omnium_elt"}
USERS_PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "a-shop"
version = "1"

[tool.hatch.build.targets.wheel]
packages = ["pipelines", "sources"]
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git would commit."""
    copy = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
    )
    names = [name for name in listed.stdout.decode().split("\0") if name]
    # Not in a checkout, as in .ci/run: what is there is what there is.
    for name in names or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def archives(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel that is built from it."""
    made = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(checkout))
    return {path.suffix: path for path in made.iterdir()}


def run(*command: str, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Environment:
    """A virtual environment that finds the libraries of this one, but neither our packages nor our checkout."""

    def __init__(self, folder: Path) -> None:
        run(sys.executable, "-m", "venv", str(folder))
        self.python = str(folder / "bin" / "python")
        (site,) = folder.glob("lib/python*/site-packages")
        libraries = [
            sysconfig.get_paths()["purelib"],
            *(path for path in sys.path if "site-packages" in path),
        ]
        (site / "libraries.pth").write_text("\n".join(dict.fromkeys(libraries)) + "\n")

    def install(self, *what: str) -> None:
        run(self.python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *what)

    def uninstall(self, name: str) -> None:
        run(self.python, "-m", "pip", "uninstall", "--quiet", "--yes", name)

    def says(self, code: str, cwd: Path) -> str:
        return run(self.python, "-c", code, cwd=cwd).strip()


@pytest.fixture
def users_project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for package in ("pipelines", "sources"):
        (project / package).mkdir(parents=True)
        (project / package / "__init__.py").write_text(f"name = 'the shop’s {package}'\n")
    (project / "pyproject.toml").write_text(USERS_PROJECT)
    return project


@pytest.mark.parametrize("is_editable", [False, True], ids=["wheel", "editable"])
def test_a_users_own_packages_and_ours_do_not_touch_each_other(
    is_editable: bool, archives: dict[str, Path], checkout: Path, users_project: Path, tmp_path: Path
) -> None:
    there = Environment(tmp_path / "environment")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ours = ["-e", str(checkout)] if is_editable else [str(archives[".whl"])]
    theirs = ["-e", str(users_project)] if is_editable else [str(users_project)]
    asks_theirs = "import pipelines, sources; print(pipelines.name, '|', sources.name)"
    asks_ours = (
        "import omnium_source, omnium_sandbox, omnium_elt\n"
        "from omnium_elt.infra.project_files import NOTEBOOKS, TRANSFORMS\n"
        "print((TRANSFORMS / 'dbt_project.yml').is_file(), (NOTEBOOKS / 'replenishment.py').is_file())"
    )

    there.install(*theirs)
    there.install(*ours)
    assert there.says(asks_theirs, elsewhere) == "the shop’s pipelines | the shop’s sources"
    assert there.says(asks_ours, elsewhere) == "True True"

    there.uninstall("omnium-elt")
    assert there.says(asks_theirs, elsewhere) == "the shop’s pipelines | the shop’s sources"

    there.install(*ours)
    there.uninstall("a-shop")
    assert there.says(asks_ours, elsewhere) == "True True"


def test_the_wheel_holds_our_packages_and_nothing_else(archives: dict[str, Path]) -> None:
    with zipfile.ZipFile(archives[".whl"]) as wheel:
        names = wheel.namelist()
    metadata = next(name.split("/")[0] for name in names if ".dist-info/" in name)
    assert {name.split("/")[0] for name in names} == {*OURS, metadata}
    assert f"{metadata}/licenses/LICENSE" in names


def test_whatever_is_in_the_folders_is_in_both_archives(archives: dict[str, Path], checkout: Path) -> None:
    with zipfile.ZipFile(archives[".whl"]) as wheel:
        in_wheel = set(wheel.namelist())
    with tarfile.open(archives[".gz"]) as sdist:
        in_sdist = {name.partition("/")[2] for name in sdist.getnames()}
    places = {
        "sources": "",
        "pipelines": "",
        "transforms": "omnium_elt/transforms/",
        "notebooks": "omnium_elt/notebooks/",
    }
    for folder, place in places.items():
        files = {
            path.relative_to(checkout / folder).as_posix()
            for path in (checkout / folder).rglob("*")
            if path.is_file()
        }
        assert {f"{place}{name}" for name in files if "__pycache__" not in name} <= in_wheel
        assert {f"{folder}/{name}" for name in files if "__pycache__" not in name} <= in_sdist
    assert {"README.md", "LICENSE", "CHANGELOG.md", "constraints.txt", "constraints-test.txt"} <= in_sdist


def test_the_version_is_that_of_the_newest_release_in_the_changes(archives: dict[str, Path]) -> None:
    version = archives[".whl"].name.split("-")[1]
    releases = [
        line.split()[1]
        for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## ") and line != "## Unreleased"
    ]
    assert releases[0] == version


DLT_SHOWS = """
import sys
from dlt._workspace.cli._dlt import _main
sys.argv = ["dlt", "pipeline", "omnium", "info"]
_main()
"""
READ = """
import dlt
pipeline = dlt.pipeline("omnium", destination="duckdb", dataset_name="omnium")
rows = pipeline.dataset()["suppliers"]
print(rows.arrow().num_rows, len(rows.df()), sum(part.num_rows for part in rows.iter_arrow(chunk_size=1000)))
import sys
print("omnium_source.source" in sys.modules)
"""


def test_another_process_reads_arrow_without_importing_us(
    archives: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Environment(tmp_path / "environment")
    there.install(str(archives[".whl"]))
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    with Sandbox(size="small", seed=1) as sandbox:
        for name, value in environment_of(sandbox).items():
            monkeypatch.setenv(name, value)
        there.says(lines, tmp_path)
        suppliers = sandbox.tenant.count("suppliers")
    assert there.says(READ, tmp_path).splitlines() == [f"{suppliers} {suppliers} {suppliers}", "False"]
    told = run(str(tmp_path / "environment" / "bin" / "python"), "-c", DLT_SHOWS, cwd=tmp_path)
    assert "suppliers" in told
