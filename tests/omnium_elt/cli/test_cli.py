"""The command line as its users meet it: help, JSON, exit statuses, signals, and what stays untouched."""

import io
import json
import os
import py_compile
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

import click
import pytest
from omnium_elt.__main__ import program
from omnium_elt.cli import main
from omnium_elt.cli.commands import runs
from omnium_elt.cli.commands.completion import VARIABLE
from omnium_elt.cli.commands.demo import show_findings
from omnium_elt.cli.entry import COMMANDS
from omnium_elt.cli.progress import PlainLines
from omnium_elt.infra.home import Home
from omnium_elt.inspect.demo import Findings
from omnium_elt.steps import export, supplier_orders
from omnium_elt.warehouse.queries import Row
from omnium_sandbox import Sandbox
from omnium_source.resources import RESOURCES
from rich.console import Console

from tests.support.command_line import files_of, printed_json
from tests.support.tenants import environment_of

PROMISED = [
    "demo",
    "run",
    "load",
    "transform",
    "publish",
    "reconcile",
    "check",
    "status",
    "resources",
    "sandbox",
]
OMNIUM_ELT = [sys.executable, "-m", "omnium_elt"]
ROOT = Path(__file__).parents[3]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **more}


# Help


def test_every_promised_command_is_there() -> None:
    assert set(COMMANDS.commands) >= set(PROMISED)


@pytest.mark.parametrize("command", COMMANDS.commands)
def test_every_command_has_help_with_examples(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    shown = capfd.readouterr().out
    assert f"omnium-elt {command}" in shown[shown.index("examples:") :]
    for status in ("0 all well", "1 failed", "2 wrong usage", "3 some resources", "75 another run"):
        assert status in shown
    options = re.findall(r"^  (-\S+)", shown, re.MULTILINE)
    assert {"-h,", "--home", "--json", "-v,"} <= set(options)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from omnium_elt.cli import main\n"
        "main(['--help'])\n"
        "heavy = {'dlt', 'duckdb', 'dbt', 'pyarrow', 'pandas', 'numpy', 'httpx', 'rich', 'orjson'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert shown.stderr.strip() == "[]"
    assert "omnium-elt demo" in shown.stdout


# run


def test_run_again_against_an_unchanged_tenant_reads_and_writes_nothing(
    configured: Sandbox, home_after_run: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    published = files_of(home_after_run.exports) | tree_of(home_after_run.warehouse)
    assert main(["run", "--home", str(home_after_run.root), "--json"]) == 0
    report = printed_json(capfd)
    assert report["status"] == "unchanged"
    assert {resource["name"] for resource in report["resources"]} == set(RESOURCES)
    assert {resource["status"] for resource in report["resources"]} == {"unchanged"}
    assert sum(resource["rows"] for resource in report["resources"]) == 0
    assert [(step["name"], step["status"]) for step in report["steps"]] == [
        ("transform", "unchanged"),
        ("publish", "unchanged"),
    ]
    assert files_of(home_after_run.exports) | tree_of(home_after_run.warehouse) == published


def tree_of(path: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_ino, path.stat().st_size)}


def test_json_stands_alone_on_stdout(
    configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", "--resources", "stores", "--home", str(home.root), "--json", "-v"]) == 0
    shown = capfd.readouterr()
    report = json.loads(shown.out)
    (stores,) = report["resources"]
    assert (stores["name"], stores["status"], stores["complete"]) == ("stores", "ok", True)
    assert stores["rows"] == stores["total_hits"] == len(list(configured.tenant.rows("stores")))
    assert stores["requests"] > 0
    assert stores["bytes"] > 0
    assert stores["window_to"].endswith("Z")
    assert "stores: ok" in shown.err
    assert "INFO" in shown.err


def test_the_summary_says_what_changed_and_what_it_cost(
    configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", "--resources", "stores,suppliers", "--home", str(home.root)]) == 0
    first = capfd.readouterr().out
    rows = len(list(configured.tenant.rows("stores"))) + len(list(configured.tenant.rows("suppliers")))
    assert f"load ok: {rows} rows, " in first
    assert main(["load", "--resources", "stores,suppliers", "--home", str(home.root)]) == 0
    again = capfd.readouterr().out
    assert "unchanged: stores, suppliers" in again
    assert "load unchanged: 0 rows, " in again


def test_exclude_leaves_resources_out(
    configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "--resources",
        "stores,projects",
        "--exclude",
        "projects",
        "--home",
        str(home.root),
        "--json",
    ]
    assert main(["load", *arguments]) == 0
    assert [resource["name"] for resource in printed_json(capfd)["resources"]] == ["stores"]
    assert not any("Projects" in request.path for request in configured.requests)


def test_parquet_writes_the_lake(configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "load",
        "--resources",
        "stores",
        "--destination",
        "parquet",
        "--home",
        str(home.root),
        "--json",
    ]
    assert main(arguments) == 0
    assert [step["name"] for step in printed_json(capfd)["steps"]] == ["lake"]
    assert (home.lake / "stores" / "data.parquet").exists()


def test_ctrl_c_while_the_program_is_imported_is_told_in_a_line() -> None:
    """It takes some tenths of a second, in which whoever mistyped a command already wants to stop it."""
    interrupted = """
import sys
from omnium_elt.__main__ import program

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
sys.exit(program())
"""
    ended = subprocess.run(
        [sys.executable, "-c", interrupted], capture_output=True, text=True, env=environment()
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "error: stopped on request\n")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"omnium-elt": "omnium_elt.__main__:program"}


@pytest.mark.parametrize("module", ["omnium_elt.cli", "omnium_elt.inspect.status"])
def test_a_compiled_module_that_a_full_disk_has_cut_is_named(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python takes what was written of one for all of it, whether it is imported at first or by a command."""
    source = tmp_path / "source.py"
    source.write_text(f"def everything(): return {list(range(1_000))}")
    compiled = Path(py_compile.compile(str(source), doraise=True))
    compiled.write_bytes(compiled.read_bytes()[:200])

    class Cut:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
            return spec_from_file_location(name, source) if name == module else None

    monkeypatch.setattr(sys, "meta_path", [Cut(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(module, raising=False)
    monkeypatch.setattr(sys, "argv", ["omnium-elt", "resources"])
    assert program() == 1
    assert capfd.readouterr() == (
        "",
        f"error: {compiled}: the compiled module is damaged, as after a full disk\n"
        "Remove it and run again: Python makes it anew.\n",
    )


@pytest.mark.slow
def test_ctrl_c_before_a_run_begins_is_no_failure(
    configured: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "read_settings", stopped)
    assert main(["load", "--json"]) == 1
    told = printed_json(capfd)
    assert (told["status"], told["error"].splitlines()[0]) == ("interrupted", "stopped on request")


def test_sigterm_ends_in_good_order_and_the_next_run_is_right(sandbox: Sandbox, home: Home) -> None:
    arguments = ["load", "--home", str(home.root), "--json", "--exclude", "order_line_analytics"]
    with subprocess.Popen(
        [*OMNIUM_ELT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**environment_of(sandbox)),
    ) as process:
        deadline = time.monotonic() + 60
        while len(sandbox.requests) < 5 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    report = json.loads(out)
    assert (process.returncode, report["status"]) == (1, "interrupted")
    assert "stopped on request" in report["error"]
    assert "Traceback" not in err

    finished = subprocess.run(
        [*OMNIUM_ELT, *arguments], capture_output=True, text=True, env=environment(**environment_of(sandbox))
    )
    assert finished.returncode == 0, finished.stderr
    told_after = json.loads(finished.stdout)
    rows = {resource["name"]: resource for resource in told_after["resources"]}
    for name in ("stores", "orders"):
        before = {resource["name"]: resource for resource in report["resources"]}[name]["rows"]
        assert rows[name]["rows"] + before == len(list(sandbox.tenant.rows(name)))


# demo


@pytest.mark.slow
def test_demo_shows_lead_times_and_proposal_and_works_twice(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["demo", "--size", "small", "--home", str(home.root)]
    assert main(arguments) == 0
    shown = capfd.readouterr().out
    headings = [
        shown.index(text)
        for text in ("Supplier lead times", "configured", "Purchase proposal", "Worth a look", "Files")
    ]
    assert headings == sorted(headings)
    proposal = shown[headings[2] : headings[3]]
    assert re.search(
        r" to [\w-]+: order.* by \d{4}-\d\d-\d\d, \d+ lines?, [\d,]+ units, [\d,.]+ [A-Z]{3}", proposal
    )
    assert "really takes" in proposal
    for what in ("A season", "A new article", "A one-off order", "Too much of it", "In the wrong place"):
        assert f"\n{what}: " in shown[headings[3] : headings[4]]
    assert "warehouse.duckdb" in shown[headings[4] :]

    assert main([*arguments, "--json"]) == 0
    report = printed_json(capfd)
    assert report["status"] in ("ok", "unchanged")
    assert sum(resource["rows"] for resource in report["resources"]) == 0, "the same tenant once more"
    assert len(report["findings"]["lead_times"]) > 5
    assert report["findings"]["proposals"]
    examples = {example["sku"] for example in report["findings"]["examples"]}
    assert examples >= {"50003", "50004"}
    assert examples & {"50001", "50002"}, "either of the two that sell by the season"


# version, resources


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert capfd.readouterr().out == f"omnium-elt {project['project']['version']}\n"


def test_resources_lists_all_of_them(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["resources", "--json"]) == 0
    rows = printed_json(capfd)["resources"]
    assert [row["name"] for row in rows] == list(RESOURCES)
    assert all(row["endpoint"] and row["current_by"] and row["role"] for row in rows)
    assert main(["resources", "--resources", "orders"]) == 0
    shown = capfd.readouterr().out
    assert "Orders/Scroll" in shown
    assert "suppliers" not in shown


# sandbox


def test_sandbox_serves_until_it_is_told_to_end(home: Home) -> None:
    with subprocess.Popen(
        [*OMNIUM_ELT, "sandbox", "--seed", "3"], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        settings = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines[1:5])
        # Not the demo's home: that holds another tenant's rows.
        assert settings.pop("OMNIUM_HOME") == "omnium-sandbox"
        assert lines[5] == "omnium-elt run\n"
        loaded = subprocess.run(
            [*OMNIUM_ELT, "load", "--resources", "stores", "--home", str(home.root), "--json"],
            capture_output=True,
            text=True,
            env=environment(**settings),
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert json.loads(loaded.stdout)["status"] == "ok", loaded.stderr


# export


def test_export_offers_the_formats_that_can_be_written() -> None:
    """Written twice, since the writers take longer to import than help may take."""
    (offered,) = (one for one in COMMANDS.commands["export"].params if one.name == "file_format")
    assert isinstance(offered.type, click.Choice)
    assert set(offered.type.choices) == {*export.WRITERS, *supplier_orders.WRITERS}


def test_export_names_the_formats_where_it_is_described() -> None:
    described = {
        "omnium-elt --help": str(COMMANDS.commands["export"].help),
        "README.md": (ROOT / "README.md").read_text(encoding="utf-8"),
        "docs/bi.md": (ROOT / "docs" / "bi.md").read_text(encoding="utf-8"),
    }
    missing = {
        (where, one)
        for where, text in described.items()
        for one in export.WRITERS
        if not re.search(rf"\b{one}\b", text)
    }
    assert not missing, f"say there that export writes it: {sorted(missing)}"


# completion and progress


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_asks_the_program(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capfd.readouterr().out
    assert f"{VARIABLE}={shell}_complete" in text
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("re", ["reconcile", "resources"]),
        ("reconcile --fo", ["--force"]),
        ("export --format x", ["xlsx"]),
        ("load --resources stores,supplier_v", ["stores,supplier_versions"]),
        ("check --exclude project_", ["project_logs"]),
        ("write l", ["lead-times"]),
        ("completion f", ["fish"]),
    ],
)
def test_completion_knows_commands_options_and_their_values(typed: str, completed: list[str]) -> None:
    words = ["omnium-elt", *typed.split()]
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), VARIABLE: "bash_complete"}
    shown = subprocess.run(OMNIUM_ELT, capture_output=True, text=True, env=environment(**asked), check=True)
    assert shown.stdout.split() == [f"plain,{value}" for value in completed]


def test_output_that_nobody_reads_any_more_is_no_failure() -> None:
    with subprocess.Popen(
        [*OMNIUM_ELT, "resources", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"")


def test_plain_lines_say_each_end_once(capfd: pytest.CaptureFixture[str]) -> None:
    progress = PlainLines()
    progress.start("orders", None)
    progress.advance("orders", 1_200)
    progress.finish("orders", "ok")
    progress.finish("orders", "ok")
    progress.start("stores", None)
    progress.finish("stores", "skipped")
    progress.finish("carts", "forbidden")
    shown = re.sub(r"\d+\.\d s", "0.0 s", capfd.readouterr().err)
    assert shown == "orders: ok, 1,200 (0.0 s)\ncarts: forbidden (0.0 s)\n"


def test_an_order_that_waits_for_an_unknown_time_is_not_the_first() -> None:
    """Where nothing sells, nobody knows when the supplier's minimum is reached: that is not in 0 days."""

    def waiting(supplier: str, days: int | None) -> Row:
        return {"supplier": supplier, "action": "defer", "defer_days": days}

    def told(*proposals: Row) -> str:
        console = Console(file=io.StringIO(), width=200)
        show_findings(console, Findings(None, [], list(proposals), [], []))
        return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]

    assert (
        "2 orders can wait until the supplier's minimum is reached, the first of them (B) for 5 days."
        in told(waiting("A", None), waiting("B", 5))
    )
    assert "1 order can wait until the supplier's minimum is reached." in told(waiting("A", None))
