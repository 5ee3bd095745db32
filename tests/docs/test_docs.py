"""The pages in docs/ and the examples: what they show runs, and what they list is there."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import duckdb
import pytest
import yaml
from omnium_elt.cli.listing import listing
from omnium_elt.infra.home import Home
from omnium_elt.infra.project_files import TRANSFORMS
from omnium_elt.inspect.status import status
from omnium_source.resources import RESOURCES, Rule

from tests.support.command_line import parse
from tests.support.scripts import loaded

ROOT = Path(__file__).parents[2]
DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"
PAGES = sorted(DOCS.glob("*.md"))


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def code(language: str, text: str) -> list[str]:
    return re.findall(rf" *```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_table_reference_is_what_the_yaml_says() -> None:
    made = loaded(DOCS / "make_tables.py").text()
    assert text_of("tables.md") == made, "run: python docs/make_tables.py"


def test_the_pages_of_the_resources_are_those_of_the_table_and_the_contract() -> None:
    made = loaded(DOCS / "make_resources.py").pages()
    kept = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "resources").iterdir()}
    assert kept.keys() == made.keys(), "run: python docs/make_resources.py"
    assert [name for name in made if kept[name] != made[name]] == [], "run: python docs/make_resources.py"


def test_the_sources_of_the_dbt_project_are_those_of_the_table_and_the_contract() -> None:
    kept = (TRANSFORMS / "models" / "sources.yml").read_text(encoding="utf-8")
    assert loaded(DOCS / "make_sources.py").text() == kept, "run: python docs/make_sources.py"


def test_every_query_of_a_resource_s_page_runs(finished_home: Path) -> None:
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        for path in sorted((DOCS / "resources").glob("[a-z]*.md")):
            (query,) = code("sql", path.read_text(encoding="utf-8"))
            connection.execute(query).fetchall()


def test_every_mart_and_column_is_in_the_table_reference(finished_home: Path) -> None:
    parts = text_of("tables.md").split("\n### ")[1:]
    told = {part.split("\n")[0]: re.findall(r"^\| `(\w+)` \|", part, flags=re.MULTILINE) for part in parts}
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select table_name, list(column_name) from duckdb_columns() where schema_name = 'marts' "
            "and table_name in (select table_name from duckdb_tables()) group by table_name"
        ).fetchall()
    assert {name: set(columns) - set(told.get(name, ())) for name, columns in rows} == {
        name: set() for name, _ in rows
    }


def test_every_column_of_staging_is_described_and_none_more(finished_home: Path) -> None:
    models = [
        model
        for path in (TRANSFORMS / "models" / "staging").rglob("*.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    ]
    said = {(model["name"], one["name"]): one["description"] for model in models for one in model["columns"]}
    assert {column: text for column, text in said.items() if len(text) <= 8} == {}, (
        "too short to say anything"
    )
    described = {model["name"]: {one["name"] for one in model["columns"]} for model in models}
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select table_name, list(column_name) from duckdb_columns() where schema_name = 'staging' "
            "group by table_name"
        ).fetchall()
    assert described == {name: set(columns) for name, columns in rows}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_shown_can_be_parsed(page: Path) -> None:
    for block in code("sh", page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if not line.strip().startswith("omnium-elt "):
                continue
            arguments = re.split(r" [#|>] ?", line.strip())[0].split()[1:]
            parse(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configuration_that_is_shown_can_be_read(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in code("toml", text):
        tomllib.loads(block)
    for block in code("yaml", text):
        yaml.safe_load(block)


def test_settings_of_the_models_are_variables_with_that_default() -> None:
    variables = yaml.safe_load((TRANSFORMS / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.*?) \|", text_of("models.md"), flags=re.MULTILINE)
    told = {name: default for names, default in rows for name in re.findall(r"\w+", names)}
    for name in re.findall(r"^(\w+) = ", "".join(code("toml", text_of("getting-started.md"))), re.MULTILINE):
        assert name in variables
    for name in ("average_daily_usage_days", "service_level", "shrinkage_strength", "time_zone"):
        assert told[name] == str(variables[name])


def test_receipt_columns_are_those_of_the_table(finished_home: Path) -> None:
    table = text_of("completeness.md").split("## The receipts")[1].split("##")[0]
    told = {
        name
        for cell in re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("describe omnium._omnium_windows").fetchall()
    assert told == {name for name, *_ in rows} - {"_dlt_id"}


@pytest.mark.parametrize("page", ["completeness.md", "schedulers.md"])
def test_queries_that_are_shown_run(finished_home: Path, page: str) -> None:
    queries = code("sql", text_of(page))
    assert queries
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        for query in queries:
            assert connection.execute(query).fetchall() == []  # everything was read a moment ago


def test_roles_to_ask_for_are_those_of_the_resources() -> None:
    roles = {row.role for row in listing(None, ())}
    for page in ("docs/getting-started.md", "README.md"):
        told = set(re.findall(r"`(\w+Read)`", (ROOT / page).read_text(encoding="utf-8")))
        assert told == roles, page


def test_each_rule_has_a_row_in_completeness() -> None:
    table = text_of("completeness.md").split("## Resources without a filter for changes")[1].split("### ")[0]
    told = re.findall(r"^\| (\w+)[^|]* \|", table, re.MULTILINE)
    assert told == ["rule", *get_args(Rule)], "say in docs/completeness.md what each rule proves"


def test_no_role_is_called_needless_whose_rows_a_mart_uses() -> None:
    """The tables of roles say that no figure needs the last ones."""
    used = {
        RESOURCES[raw.split("__")[0]].role
        for model in models_below_marts()
        for raw in re.findall(r"\braw\('(\w+)'", model.read_text(encoding="utf-8"))
    }
    needless = {row.role for row in RESOURCES.values()} - used
    for page, row in (
        ("README.md", "the rest of the tenant"),
        ("docs/getting-started.md", "no figure needs them"),
    ):
        (line,) = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if row in line]
        assert set(re.findall(r"`(\w+Read)`", line)) == needless, page


def models_below_marts() -> set[Path]:
    """Files of the models that marts are made of, however far below."""
    files = {path.stem: path for path in (TRANSFORMS / "models").rglob("*.sql")}
    found, waiting = set[Path](), set((TRANSFORMS / "models" / "marts").rglob("*.sql"))
    while waiting:
        found |= waiting
        names = {
            name for path in waiting for name in re.findall(r"ref\('(\w+)'", path.read_text(encoding="utf-8"))
        }
        waiting = {files[name] for name in names if name in files} - found
    return found


def test_dispatched_macros_are_told() -> None:
    macros = "".join(path.read_text(encoding="utf-8") for path in (TRANSFORMS / "macros").glob("*.sql"))
    names = {name for name in re.findall(r"dispatch\('(\w+)'", macros) if "backtest_orders" not in name}
    told = set(re.findall(r"`(\w+)`", text_of("warehouses.md")))
    assert names <= told, f"name them in docs/warehouses.md, where macros are listed: {sorted(names - told)}"


# Examples ---------------------------------------------------------------------------------------------


def test_freshness_tells_what_is_stale(finished_home: Path) -> None:
    told = json.dumps(status(Home(finished_home)).as_dict())

    def check(text: str, hours: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLES / "freshness.py"), "--hours", hours]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    wrong = json.dumps({"command": "status", "resources": [], "error": "OMNIUM_HOM is no setting"})
    assert check(wrong, "1").stdout == "OMNIUM_HOM is no setting\n"
    nothing = check("", "1")
    assert (nothing.returncode, nothing.stdout[:19]) == (1, "no status came: wha")
    fresh, stale = check(told, "1"), check(told, "0")
    assert (fresh.returncode, fresh.stdout) == (0, "all fresh\n")
    assert stale.returncode == 1
    assert len(stale.stdout.splitlines()) == len(listing(None, ()))


def test_freshness_of_a_home_without_a_run(home: Home) -> None:
    stale = loaded(EXAMPLES / "freshness.py").stale
    assert stale(status(home).as_dict(), 1) == [f"{home.root}: nothing was ever loaded"]
    failed = {"name": "orders", "lag_seconds": None, "last_error": "role OrderRead is missing"}
    assert stale({"resources": [failed]}, 1) == ["orders: never read; role OrderRead is missing"]


def test_freshness_does_not_take_a_success_ahead_of_now_for_a_fresh_one() -> None:
    """The clock was a year ahead when it was noted, or is behind now; another machine's may be a second ahead."""
    stale = loaded(EXAMPLES / "freshness.py").stale
    read = [
        {"name": name, "lag_seconds": lag, "last_success": "2027-11-30T08:00:00Z", "last_error": None}
        for name, lag in (("orders", -31_536_000.0), ("stores", -1.0), ("suppliers", 3_600.0))
    ]
    (line,) = stale({"resources": read}, 26)
    assert line.startswith("orders: last read at 2027-11-30T08:00:00Z, which is ahead of now")


def test_examples_call_commands_that_there_are() -> None:
    shown = []
    for path in EXAMPLES.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            shown += re.findall(
                r"(?:bin/|run: |-c )omnium-elt ((?:[a-z-]+ ?)+[^|;\"\n]*)", path.read_text("utf-8")
            )
    assert len(shown) >= 4
    for arguments in shown:
        parse(arguments.split("2>")[0].split())


def test_the_workflow_is_yaml_with_what_a_runner_needs() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-actions" / "omnium-elt.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["run"]
    assert {"SOURCES__OMNIUM__PII_KEY", "DESTINATION__POSTGRES__CREDENTIALS"} <= set(job["env"])
    assert workflow["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.stem)
def test_examples_in_python_compile(path: Path) -> None:
    compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_the_image_has_every_package() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"][
        "targets"
    ]["wheel"]
    folders = {path.split("/")[0] for path in [*wheel["packages"], *wheel["force-include"]]}
    copied = re.findall(r"^COPY (\w+) \w+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert folders == set(copied) == {"sources", "pipelines", "transforms", "notebooks"}
