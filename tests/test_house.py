"""The house: who may import whom (what is imported inside a function counts as well), and what is large says why."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = {"omnium_source": "sources", "omnium_sandbox": "sources", "omnium_elt": "pipelines"}
TERMINAL = {"click", "rich"}


def modules() -> dict[str, Path]:
    """Every module of the packages: dotted name → file."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted((ROOT / folder / package).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, those in functions too, those for type checkers not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_checkers = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_checkers:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                both = f"{node.module}.{alias.name}"
                yield both if both in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


GRAPH = {
    name: {other for other in imported(path) if other in MODULES} - {name} for name, path in MODULES.items()
}


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_know_each_other_one_way(package: str) -> None:
    """A room is a folder or a module right below its package: http, windows, normalize, …; infra, warehouse, …, cli."""
    rooms: dict[str, set[str]] = {}
    for name, known in GRAPH.items():
        if name.startswith(f"{package}.") and name != f"{package}.__main__":
            room = rooms.setdefault(name.split(".")[1], set())
            room |= {other.split(".")[1] for other in known if other.startswith(f"{package}.")}
    try:
        TopologicalSorter({room: known - {room} for room, known in rooms.items()}).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "benchmarks" not in path.parts)


def test_no_test_file_imports_another() -> None:
    """What several test files need lies in tests/support; tests/conftest.py holds fixtures alone."""
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in TESTS
        for name in imported(path)
        if name.startswith("tests.") and name.split(".")[1] not in ("support", "benchmarks")
    }
    assert not wrong


@pytest.mark.parametrize(
    ("package", "others"),
    [
        ("omnium_source", {"omnium_sandbox", "omnium_elt"}),
        ("omnium_sandbox", {"omnium_source", "omnium_elt"}),
    ],
)
def test_a_package_below_knows_none_above_or_beside_it(package: str, others: set[str]) -> None:
    wrong = {
        f"{name} imports {other}"
        for name, known in GRAPH.items()
        if name.split(".")[0] == package
        for other in known
        if other.split(".")[0] in others
    }
    assert not wrong


def test_the_command_line_alone_knows_the_terminal() -> None:
    knowing = {name for name, path in MODULES.items() if TERMINAL & {n.split(".")[0] for n in imported(path)}}
    assert {".".join(name.split(".")[:2]) for name in knowing} == {"omnium_elt.cli"}


def test_nobody_below_imports_the_command_line() -> None:
    above = {"omnium_elt.__main__"}
    wrong = {
        name
        for name, known in GRAPH.items()
        if not name.startswith("omnium_elt.cli")
        and any(other.startswith("omnium_elt.cli") for other in known)
    }
    assert wrong == above


MOST_LINES_OF_A_MODULE = 500
MOST_LINES_OF_A_FUNCTION = 50
MOST_METHODS = 12
MOST_FIELDS = 10


def large_things() -> Iterator[tuple[str, str]]:
    """What is large enough to be looked at: its name, and its docstring."""
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        if text.count("\n") > MOST_LINES_OF_A_MODULE:
            yield name, ast.get_docstring(tree) or ""
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                is_large = lines > MOST_LINES_OF_A_FUNCTION
            elif isinstance(node, ast.ClassDef):
                methods = sum(isinstance(part, ast.FunctionDef) for part in node.body)
                fields = sum(isinstance(part, ast.AnnAssign) for part in node.body)
                is_large = methods > MOST_METHODS or fields > MOST_FIELDS
            else:
                continue
            if is_large:
                yield f"{name}.{node.name}", ast.get_docstring(node) or ""


def test_what_is_large_says_why_it_is_one() -> None:
    silent = {
        name
        for name, said in large_things()
        if not any(reason in " ".join(said.split()) for reason in REASONS)
    }
    assert silent == set()


REASONS = ("One class, as ", "One record, as ", "One function, as ", "The module is as long as ")

MODELS = sorted((ROOT / "transforms" / "models").rglob("*.sql"))


def test_a_models_yaml_has_its_name_and_speaks_of_it_alone() -> None:
    described = {}
    for path in (ROOT / "transforms" / "models").rglob("*.yml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = {model["name"] for model in content.get("models", ())}
        names |= {test["model"] for test in content.get("unit_tests", ())}
        if names:
            described[path] = names
    assert described == {path: {path.stem} for path in described}
    assert set(described) <= {path.with_suffix(".yml") for path in MODELS}


NOT_EVERYWHERE = {
    r"double precision": "{{ real(…) }}, {{ real_type() }}",
    r"with time zone|timestamptz": "{{ instant_type() }}, {{ instant_literal(…) }}",
    r"at time zone": "{{ local_date(…) }}, {{ utc(…) }}, {{ from_utc(…) }}",
    r"varchar\b(?! *\()|as text\b|jsonb": "{{ raw_type('text') }}",
    r"string_agg|listagg": "{{ joined_in_order(…) }}, in an order that dbt.listagg leaves out on Spark",
    r"\b(generate_series|unnest|range *\((?=[^)]*\) as))": "{{ demand_day_offsets(…) }}",
    r"[lr]trim\([^()]*,": "trim(trailing '0' from …): Spark's arguments stand the other way round",
    r"::|\bqualify\b|distinct on|filter *\( *where": "what every engine knows",
    r"\bover \w+ *[-+*/]": "parentheses around (… over name): Spark reads name - 1 as one name",
    r"avg\([^()]*\b\d\.\d\b(?!e)": "1e0: of decimals Spark keeps a few digits",
}
"""SQL that only some of DuckDB, PostgreSQL and Spark know, or that they understand differently, and what to write."""


@pytest.mark.parametrize("construct", NOT_EVERYWHERE)
def test_models_say_nothing_that_one_of_the_engines_does_not_know(construct: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in MODELS
        for match in re.finditer(construct, re.sub(r"--.*|\{#.*?#\}", "", path.read_text(encoding="utf-8")))
    }
    assert not found, f"write {NOT_EVERYWHERE[construct]}"
