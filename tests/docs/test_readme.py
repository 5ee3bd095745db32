"""The README keeps its word: commands, options, settings, examples and links are what the program has."""

import re
import sys
from pathlib import Path

import duckdb
import pytest
from omnium_elt.cli.entry import COMMANDS
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import EXIT_STATUS, ResourceReport, RunReport
from omnium_sandbox import Sandbox
from omnium_source.settings import SOURCE

from tests.support.command_line import options_of, parse
from tests.support.settings_tables import TABLES
from tests.support.tenants import environment_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPTIONS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def section(title: str) -> str:
    """The text below a heading, up to the next one of its level."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def code(language: str, text: str = README) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_every_command_stands_in_the_table_and_none_more() -> None:
    told = re.findall(r"^\| `omnium-elt (\w+)`", section("Commands"), flags=re.MULTILINE)
    assert told == list(COMMANDS.commands)


def test_every_option_stands_in_the_table_and_none_more() -> None:
    told = {
        option
        for line in OPTIONS.splitlines()
        if line.startswith("| `-")
        for option in re.findall(r"--[\w-]+", line.split("|")[1])
    }
    assert told == set().union(*map(options_of, COMMANDS.commands))


def test_options_are_told_with_the_commands_that_have_them() -> None:
    for line in OPTIONS.splitlines():
        if not line.startswith("| `-"):
            continue
        options, where = line.split("|")[1:3]
        names = (
            list(COMMANDS.commands) if where.strip() == "all" else [name.strip() for name in where.split(",")]
        )
        for option in re.findall(r"--[\w-]+", options):
            having = {name for name in COMMANDS.commands if option in options_of(name)}
            assert having == set(names), option


def test_every_command_that_is_shown_can_be_parsed() -> None:
    shown = [
        line.split("#")[0].split("omnium-elt ", 1)[1].split()
        for block in code("sh")
        for line in block.splitlines()
        if re.search(r"(^|&& )omnium-elt ", line)
    ]
    assert len(shown) >= 3
    for arguments in shown:
        parse(arguments)


def test_every_exit_status_is_told() -> None:
    for page in (section("Commands"), OPTIONS):
        told = {int(number) for number in re.findall(r"\*\*(\d+)\*\*", page)}
        assert told == {*EXIT_STATUS.values(), 2, 75}


def test_the_fields_of_json_are_told() -> None:
    fields = set(RunReport.begin().as_dict()) | set(ResourceReport("x").__dict__)
    told = set(re.findall(r"`(\w+)`", OPTIONS.split("`load --json` print one object")[1]))
    assert fields <= told


@pytest.mark.parametrize("page", TABLES)
def test_settings_their_defaults_and_ranges_are_told(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for table in TABLES[page]:
        assert table in text, "python -m tests.support.settings_tables writes it"


def test_settings_of_a_run_have_the_defaults_of_the_table() -> None:
    defaults = Settings(home=Home(Path("x")))
    assert {
        name: SOURCE[name].default for name in SOURCE if hasattr(defaults, name) and SOURCE[name].default
    } == {
        name: getattr(defaults, name) for name in SOURCE if hasattr(defaults, name) and SOURCE[name].default
    }
    assert defaults.personal == SOURCE["pii"].default


def test_the_five_lines_of_python_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (script,) = code("python", section("In Python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path))
    with Sandbox(size="small", seed=1) as sandbox:
        for name, value in environment_of(sandbox).items():
            monkeypatch.setenv(name, value)
        exec(compile(script, "README.md", "exec"), {})
    with duckdb.connect(str(tmp_path / "omnium_raw.duckdb")) as connection:
        assert connection.execute("select count(*) > 0 from omnium.suppliers").fetchall() == [(True,)]


def test_the_first_query_runs_on_a_finished_home(
    finished_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = re.findall(r"python - <<'EOF'\n(.*?)EOF", README, flags=re.DOTALL)
    (tmp_path / "omnium-data").symlink_to(finished_home)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "README.md", "exec"), {})
    assert "on_time_share" in capsys.readouterr().out


def test_the_query_of_receipts_runs(finished_home: Path) -> None:
    (query,) = code("sql", section("How completeness is proved"))
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(query).fetchall()
    assert len({resource for resource, *_ in rows}) > 30


def test_marts_that_are_told_are_there(finished_home: Path) -> None:
    told = set(re.findall(r"`(\w+)`", section("The models"))) - {"purchase_proposal"}
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        marts = {
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'marts'"
            ).fetchall()
        }
    assert told <= marts


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor and linked.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target


def test_python_versions_are_those_of_the_package() -> None:
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "Python 3.11 to\n3.13" in README or "Python 3.11 to 3.13" in README
    assert (3, 11) <= sys.version_info < (3, 14)
