"""docs/dbt-package.md, followed to the letter: two targets in one database, and what is published."""

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from omnium_elt.infra.configuration import QUIET_ENVIRONMENT
from omnium_elt.infra.project_files import TRANSFORMS

from tests.support.parsing import FOLDER, ONLY_IN_SQL

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "dbt-package.md").read_text(encoding="utf-8")
MARTS = Path(TRANSFORMS) / "models" / "marts"
DBT = "from dbt.cli.main import cli; cli()"


def lines_of(section: str) -> list[str]:
    """The lines of shell that a section of the page shows."""
    text = PAGE.split(f"## {section}")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def files_of_the_page() -> dict[str, str]:
    """The files that the page shows: their first line names them."""
    blocks = re.findall(r"```(?:yaml|sql)\n(?:#|--) (\S+)\n(.*?)```", PAGE, flags=re.DOTALL)
    return {name: text.replace("path/to/omnium-elt/transforms", str(TRANSFORMS)) for name, text in blocks}


def dbt(folder: Path, line: str, **environment: str) -> str:
    """What a line that begins with `dbt` says."""
    program, *arguments = shlex.split(line)
    assert program == "dbt"
    done = subprocess.run(
        [sys.executable, "-c", DBT, *arguments],
        cwd=folder,
        env={**os.environ, **QUIET_ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def project(finished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's project, after all of the page's lines."""
    folder = tmp_path_factory.mktemp("beside")
    (folder / "omnium-data").symlink_to(finished_home)
    first, *lines = lines_of("A project of your own")
    subprocess.run(first, shell=True, cwd=folder, check=True)
    for name, text in files_of_the_page().items():
        (folder / "our_shop" / name).write_text(text)
    for line in lines:
        dbt(folder / "our_shop", line)
    return folder / "our_shop"


def tables_like(project: Path, schemas: str) -> dict[str, set[str]]:
    """Schema → tables and views in it."""
    with duckdb.connect(str(project / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema like ?",
            [schemas],
        ).fetchall()
    found: dict[str, set[str]] = {}
    for schema, table in rows:
        found.setdefault(schema, set()).add(table)
    return found


def test_each_target_has_schemas_of_its_own_below_its_name(project: Path) -> None:
    anna, bert = tables_like(project, "dev_anna%"), tables_like(project, "dev_bert%")
    assert {schema.replace("anna", "bert"): tables for schema, tables in anna.items()} == bert
    assert anna["dev_anna"] == {"our_suppliers"}
    assert anna["dev_anna_marts"] == {path.stem for path in MARTS.rglob("*.sql")}
    assert {"stg_suppliers", "stg_orders"} <= anna["dev_anna_staging"]
    with duckdb.connect(str(project / "warehouse.duckdb"), read_only=True) as connection:
        levels = connection.execute(
            "select distinct service_level from dev_bert_marts.replenishment where service_level is not null"
        ).fetchall()
        ours, raw = connection.execute(
            "select (select count(*) from dev_anna.our_suppliers), (select count(*) from omnium.suppliers)"
        ).fetchone() or (0, 0)
    assert levels == [(0.97,)]
    assert ours >= raw > 0


def test_the_lineage_goes_from_the_raw_tables_to_what_reads_the_models(project: Path) -> None:
    results = json.loads((project / "target" / "sources.json").read_text())["results"]
    assert {result["status"] for result in results} == {"pass"}
    assert "source.omnium.omnium.suppliers" in {result["unique_id"] for result in results}
    manifest = json.loads((project / "target" / "manifest.json").read_text())
    way = (
        "source.omnium.omnium.suppliers",
        "model.omnium.stg_suppliers",
        "model.omnium.dim_supplier",
        "model.our_shop.our_suppliers",
        "exposure.our_shop.supplier_letters",
    )
    for parent, child in itertools.pairwise(way):
        assert parent in manifest["parent_map"][child]
    catalog = json.loads((project / "target" / "catalog.json").read_text())
    assert set(way[1:4]) <= catalog["nodes"].keys()
    assert way[0] in catalog["sources"]


def test_another_tenant_in_the_same_database(project: Path) -> None:
    with duckdb.connect(str(project / "warehouse.duckdb")) as connection:
        connection.execute("create schema omnium_norway")
        connection.execute("create table omnium_norway.suppliers as from omnium.suppliers limit 2")
    variables = "{raw_schema: omnium_norway, schema_prefix: norway_}"
    dbt(project, f"dbt run --select +stg_suppliers --vars '{variables}'")
    assert tables_like(project, "norway%") == {"norway_staging": {"stg_suppliers"}}
    with duckdb.connect(str(project / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from norway_staging.stg_suppliers").fetchone() == (2,)


def test_what_is_published_is_tested_and_documented_as_it_is(finished_home: Path, tmp_path: Path) -> None:
    warehouse = finished_home / "warehouse.duckdb"
    before = warehouse.stat().st_mtime_ns, warehouse.stat().st_size
    (tmp_path / "omnium-data").symlink_to(finished_home)
    (tmp_path / "transforms").symlink_to(TRANSFORMS)
    target = tmp_path / "target"
    environment = {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(tmp_path / "logs")}
    ran = {}
    for line in lines_of("On what is published"):
        dbt(tmp_path, line, **environment)
        if "dbt test" in line:
            results = json.loads((target / "run_results.json").read_text())["results"]
            ran = {result["unique_id"].split(".")[2]: result["status"] for result in results}
    assert {"rules_replenishment", "rules_purchase_proposal", "rules_stg_orders"} <= ran.keys()
    assert set(ran.values()) == {"pass"}
    manifest, catalog = (
        json.loads((target / name).read_text()) for name in ("manifest.json", "catalog.json")
    )
    assert "model.omnium.purchase_proposal" in manifest["parent_map"]["exposure.omnium.purchasing_report"]
    assert {"model.omnium.purchase_proposal", "model.omnium.stg_orders"} <= catalog["nodes"].keys()
    assert "source.omnium.omnium.orders" in catalog["sources"]
    assert (warehouse.stat().st_mtime_ns, warehouse.stat().st_size) == before
    assert not (finished_home / "warehouse.duckdb.wal").exists()


def test_exports_for_bi_are_all_marts() -> None:
    (exports,) = [
        exposure
        for exposure in yaml.safe_load((TRANSFORMS / "models" / "exposures.yml").read_text())["exposures"]
        if exposure["name"] == "bi_exports"
    ]
    assert exports["depends_on"] == [
        f"ref('{mart}')" for mart in sorted(path.stem for path in MARTS.rglob("*.sql"))
    ]


def test_selectors_choose_what_they_say(tmp_path: Path) -> None:
    chosen = {
        "lead_times": "lead_time",
        "proposals": "purchase_proposal",
        "marts": "dim_supplier",
        "published": "stg_orders",
    }
    folders = f"--project-dir {TRANSFORMS} --profiles-dir {TRANSFORMS} --target-path target --log-path logs"
    for selector, model in chosen.items():
        line = f"dbt --quiet ls --selector {selector} --resource-type model {folders}"
        listed = dbt(tmp_path, line, OMNIUM_WAREHOUSE=str(tmp_path / "warehouse.duckdb"))
        assert model in {line.rpartition(".")[2] for line in listed.splitlines()}


def test_most_variables_change_nothing_of_what_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that all tests may share it (`tests/support/parsing.py`)."""
    from dbt.cli.main import dbtRunner

    monkeypatch.delenv(FOLDER)
    monkeypatch.setenv("OMNIUM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    own = {
        **dict.fromkeys(ONLY_IN_SQL, 3),
        "supplier_order_days": {"x": "tuesday"},
        "supplier_review_days": {"x": 3},
        "backtest_added_days": [1],
        "backtest_service_levels": [0.5],
        "non_purchasable_assortment_codes": ["x"],
        "replayed_as_of_days": ["2026-01-31"],
        "time_zone": "Europe/Stockholm",
    }

    def parsed(name: str, variables: dict[str, Any]) -> Any:
        place = ("--project-dir", TRANSFORMS, "--profiles-dir", TRANSFORMS)
        target = ("--target-path", tmp_path / name, "--log-path", tmp_path, "--log-level", "none")
        found = dbtRunner().invoke(["parse", *map(str, (*place, *target)), "--vars", json.dumps(variables)])
        assert found.success, found.exception
        whole = found.result.to_dict(omit_none=False)
        return {kind: told(whole[kind]) for kind in ("nodes", "sources", "macros", "unit_tests", "disabled")}

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: told(item) for name, item in value.items() if name != "created_at"}
        # What a model calls is a set.
        return sorted(map(told, value), key=str) if isinstance(value, list) else value

    assert parsed("own", own) == parsed("usual", {})
