"""The dbt project as a package of somebody else's project: two targets of theirs in one database."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from omnium_elt.infra.configuration import QUIET_ENVIRONMENT
from omnium_elt.infra.project_files import TRANSFORMS

pytestmark = pytest.mark.slow

PROJECT = """
name: our_shop
version: "1.0"
profile: our_shop
model-paths: [models]
"""
PROFILES = """
our_shop:
  target: anna
  outputs:
    anna: {type: duckdb, path: "WAREHOUSE", schema: dev_anna, threads: 2}
    bert: {type: duckdb, path: "WAREHOUSE", schema: dev_bert, threads: 2}
"""
# Not the tests that compare a mart with one that is not built.
CHOSEN = ("--select", "+dim_supplier", "our_suppliers", "--indirect-selection", "cautious")
OWN_MODEL = "select supplier_id, supplier_name from {{ ref('omnium', 'dim_supplier') }}"


@pytest.fixture(scope="module")
def project(finished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parent project beside a copy of a loaded database."""
    folder = tmp_path_factory.mktemp("our_shop")
    shutil.copy(finished_home / "state" / "warehouse.duckdb", folder / "warehouse.duckdb")
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILES.replace("WAREHOUSE", str(folder / "warehouse.duckdb")))
    (folder / "packages.yml").write_text(f"packages:\n  - local: {TRANSFORMS}\n")
    (folder / "models").mkdir()
    (folder / "models" / "our_suppliers.sql").write_text(OWN_MODEL)
    dbt(folder, "deps")
    return folder


def dbt(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from dbt.cli.main import cli; cli()",
            *arguments,
            "--profiles-dir",
            str(project),
        ],
        cwd=project,
        env={**os.environ, **QUIET_ENVIRONMENT},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_each_target_has_schemas_of_its_own_below_its_name(project: Path) -> None:
    for target in ("anna", "bert"):
        dbt(project, "build", "--target", target, *CHOSEN)
    with duckdb.connect(str(project / "warehouse.duckdb"), read_only=True) as connection:
        made = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_name in ('dim_supplier', 'our_suppliers', 'stg_suppliers') and table_schema like 'dev%' "
            "order by all"
        ).fetchall()
        (ours,) = connection.execute("select count(*) from dev_anna.our_suppliers").fetchone() or (0,)
        (raw,) = connection.execute("select count(*) from omnium.suppliers").fetchone() or (0,)
    assert made == [
        ("dev_anna", "our_suppliers"),
        ("dev_anna_marts", "dim_supplier"),
        ("dev_anna_staging", "stg_suppliers"),
        ("dev_bert", "our_suppliers"),
        ("dev_bert_marts", "dim_supplier"),
        ("dev_bert_staging", "stg_suppliers"),
    ]
    assert ours >= raw > 0


def test_freshness_and_docs_go_from_the_raw_tables_to_the_models(project: Path) -> None:
    dbt(project, "source", "freshness", "--select", "source:omnium.suppliers")
    results = json.loads((project / "target" / "sources.json").read_text())["results"]
    assert [(result["unique_id"], result["status"]) for result in results] == [
        ("source.omnium.omnium.suppliers", "pass")
    ]
    dbt(project, "docs", "generate", "--select", "+dim_supplier")
    manifest = json.loads((project / "target" / "manifest.json").read_text())
    assert "source.omnium.omnium.suppliers" in manifest["parent_map"]["model.omnium.stg_suppliers"]
    assert "model.our_shop.our_suppliers" in manifest["child_map"]["model.omnium.dim_supplier"]


@pytest.mark.parametrize("selector", ["lead_times", "proposals", "marts"])
def test_selectors_choose_something(selector: str, tmp_path: Path) -> None:
    listed = subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                "from dbt.cli.main import cli; cli()",
                "--quiet",
                "ls",
                "--selector",
                selector,
            ),
            *(
                "--project-dir",
                str(TRANSFORMS),
                "--profiles-dir",
                str(TRANSFORMS),
                "--resource-type",
                "model",
            ),
            *("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")),
        ],
        env={**os.environ, **QUIET_ENVIRONMENT, "OMNIUM_WAREHOUSE": str(tmp_path / "warehouse.duckdb")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    chosen = {line.rpartition(".")[2] for line in listed}
    expected = {"lead_times": "lead_time", "proposals": "purchase_proposal", "marts": "dim_supplier"}
    assert expected[selector] in chosen
