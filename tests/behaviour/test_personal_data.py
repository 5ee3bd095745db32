"""A tenant full of Norwegian, Swedish and German custom fields: nothing of them is in any file of the home."""

import gzip
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from omnium_elt.cli import main
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.load import load
from omnium_elt.steps.publish import publish_warehouse
from omnium_sandbox import Sandbox
from omnium_source import RESOURCES as ALL
from omnium_source.pii.rules import CATALOGUE

from tests.support import proposal
from tests.support.tenants import sandbox_settings

SECRETS = [
    "Kjersti",
    "Fjellheim",
    "Åsmundsen",
    "Lönnqvist",
    "Göransson",
    "Jürgen",
    "Müllerschön",
    "Solsikkeveien",
    "Kungsgatan",
    "Lindenstraße",
    "91827364",
    "918 27 364",
    "070-918 27 36",
    "0171/9182736",
    "kjersti@fjellheim.no",
    "01018000055",
    "811228-9874",
    "1969-07-21",
]
CUSTOM: dict[str, Any] = {
    "kundenavn": "Kjersti Fjellheim",
    "telefon": "91827364",
    "fødselsdato": "1969-07-21",
    "gateadresse": "Solsikkeveien 1",
    "efternamn": "Lönnqvist",
    "gatuadress": "Kungsgatan 4",
    "Nachname": "Müllerschön",
    "Straße": "Lindenstraße 5",
    "merknad": "ring 918 27 364 eller 0047 91827364, fnr 01018000055",
    "kontakt": {"navn": "Jürgen", "mobil": 91827364, "adresse": {"linje1": "Solsikkeveien 1"}},
    "ekstra": {"felter": [{"navn": "etternavn", "verdi": "Åsmundsen"}], "kunder": [{"förnamn": "Göransson"}]},
    "json": '{"Kunde": {"Vorname": "Jürgen", "Handynummer": "0171/9182736"}}',
}
PROPERTIES = [
    {"key": key, "value": value}
    for key, value in {
        "etternavn": "Fjellheim",
        "e-post": "kjersti@fjellheim.no",
        "mobilnummer": "070-918 27 36",
        "personnummer": "811228-9874",
        "Kundenname": "Jürgen Müllerschön",
        "notat": "tlf 91827364",
        "Lieferadresse": "Lindenstraße 5",
        "farge": "blå",
    }.items()
]
RESOURCES = ("orders", "private_customers", "suppliers", "purchase_orders")


def filled(row: dict[str, Any], resource: str) -> dict[str, Any]:
    """The row with custom fields everywhere that an API would let them stand."""
    if resource == "suppliers":
        # Its own phone and e-mail are no secret; its people are.
        people = {"kontaktperson": "Kjersti Fjellheim", "kontakttelefon": "91827364"}
        return {
            **row,
            **people,
            "contacts": [{"firstName": "Kjersti", "properties": PROPERTIES, **CUSTOM}],
            "properties": [{"key": key, "value": value} for key, value in people.items()],
        }
    row = {**row, **CUSTOM, "properties": PROPERTIES}
    if resource == "orders":
        lines = [{**line, **CUSTOM, "properties": PROPERTIES} for line in row["orderForm"]["lineItems"]]
        row["orderForm"] = {**row["orderForm"], **CUSTOM, "lineItems": lines, "properties": PROPERTIES}
        row["contactPerson"] = {"firstName": "Kjersti", "externalIds": [{"id": "91827364"}], **CUSTOM}
    return row


def everything(path: Path) -> Iterator[str]:
    """What stands in a file, as text; what is compressed is read."""
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            for schema, table in tables:
                yield str(connection.execute(f'select * from "{schema}"."{table}"').fetchall())
            yield str(connection.execute("select * exclude database_name from duckdb_columns()").fetchall())
    elif path.suffix == ".parquet":
        yield str(pq.read_table(path).to_pylist())
        yield str(pq.read_schema(path).metadata)
    elif path.suffix == ".gz":
        yield gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    elif path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as parts:
            for name in parts.namelist():
                yield parts.read(name).decode("utf-8", "replace")
    yield path.read_bytes().decode("utf-8", "replace")


def scanned(folder: Path) -> tuple[list[Path], set[tuple[str, str]]]:
    """The files below a folder, and which of them holds which secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = {
        (path.relative_to(folder).as_posix(), secret)
        for path in files
        for text in everything(path)
        for secret in SECRETS
        if secret in text
    }
    return files, found


@pytest.mark.parametrize("destination", ["duckdb", pytest.param("parquet", marks=pytest.mark.slow)])
def test_no_file_of_a_home_tells_of_a_person(
    sandbox: Sandbox, home: Home, caplog: pytest.LogCaptureFixture, destination: str
) -> None:
    for resource in RESOURCES:
        for row in list(sandbox.tenant.rows(resource))[:20]:
            sandbox.tenant.put(resource, filled(dict(row), resource))
    settings = sandbox_settings(home, sandbox, resources=RESOURCES, personal="hash", destination=destination)
    report = load(settings, Silent())
    assert {one.status for one in report.resources} == {"ok"}
    if destination == "duckdb":
        publish_warehouse(home, proposal.VERSION)
    files, found = scanned(home.root)
    assert found == set()
    told = "\n".join([*report.notes, caplog.text])
    assert [secret for secret in SECRETS if secret in told] == []
    shown = "".join(
        text for path in files if path.suffix in (".duckdb", ".parquet") for text in everything(path)
    )
    assert shown.count("farge") >= 20, "what is not personal is there"


def test_rows_that_an_older_set_of_rules_has_read_are_read_again(
    sandbox: Sandbox, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = sandbox_settings(home, sandbox, resources=("suppliers", "price_lists"), personal="hash")
    monkeypatch.setattr("omnium_source.pii.masking.RULES_VERSION", 1)
    load(settings, Silent())
    missed = "update omnium.suppliers set name = 'Kjersti Fjellheim' where id = (select min(id) from omnium.suppliers)"
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute(missed)
    monkeypatch.setattr("omnium_source.pii.masking.RULES_VERSION", 7)
    report = load(settings, Silent())
    rows = {one.name: one.rows for one in report.resources}
    assert rows == {name: sandbox.tenant.count(name) for name in rows}
    assert report.notes == [
        f"{name}: what counts as personal has changed since (rules 1, now 7): all of it is read again"
        for name in rows
    ]
    with duckdb.connect(str(home.working_database)) as connection:
        assert connection.sql("select * from omnium.suppliers where name like 'Kjersti%'").fetchall() == []
    again = load(settings, Silent())
    assert (again.status, again.notes) == ("unchanged", [])


def test_rules_do_not_matter_where_everything_stays_as_it_is(
    sandbox: Sandbox, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = sandbox_settings(home, sandbox, resources=("suppliers",), personal="include")
    load(settings, Silent())
    monkeypatch.setattr("omnium_source.pii.masking.RULES_VERSION", 7)
    again = load(settings, Silent())
    assert (again.status, again.notes) == ("unchanged", [])


# In the catalogue texts are written for the public, and are not looked at by form (docs/personal-data.md).
NAMED = {name: value for name, value in CUSTOM.items() if name not in ("merknad", "json")}
NAMED_PROPERTIES = [one for one in PROPERTIES if one["key"] != "notat"]


def filled_deeply(row: dict[str, Any], resource: str) -> dict[str, Any]:
    """The row with custom fields in itself, and in each object of its own and of its lists."""
    if resource in ("suppliers", "purchase_orders", "orders"):
        row = filled(row, resource)
    if resource in ("suppliers", "supplier_versions", "stores"):
        return row
    more = NAMED if ALL[resource].schema in CATALOGUE else CUSTOM
    properties = NAMED_PROPERTIES if ALL[resource].schema in CATALOGUE else PROPERTIES
    for name, value in row.items():
        if isinstance(value, dict) and value:
            row[name] = {**value, **more}
        elif isinstance(value, list) and value and isinstance(value[0], dict) and name != "properties":
            row[name] = [{**one, **more} for one in value[:3]]
    return {**row, **more, "properties": properties}


@pytest.mark.slow
def test_no_file_of_a_whole_run_tells_of_a_person(
    configured: Sandbox, home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Load, models, exports, report, published warehouse, log, files for suppliers, journal: all of them."""
    for resource in ALL:
        if resource != "supplier_versions":
            for row in list(configured.tenant.rows(resource))[:4]:
                configured.tenant.put(resource, filled_deeply(dict(row), resource))
    at = ["--home", str(home.root)]
    out = home.root / "made"
    out.mkdir(parents=True)
    commands = [
        ["run", "-v", *at],
        ["export", *at, "--format", "xlsx", "--output", str(out / "lines.xlsx")],
        ["export", *at, "--format", "csv", "--output", str(out / "lines.csv")],
        ["export", *at, "--for-supplier", "--output", str(out / "orders")],
        ["status", *at],
        ["write", "lead-times", *at],
        ["reconcile", "-v", *at],
    ]
    assert {" ".join(command[:2]): main(command) for command in commands} == {
        " ".join(command[:2]): 0 for command in commands
    }
    files, found = scanned(home.root)
    assert found == set()
    told = "".join(capfd.readouterr())
    assert [secret for secret in SECRETS if secret in told] == []
    assert {"warehouse.duckdb", "report.html", "lines.xlsx"} <= {path.name for path in files}
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        hashed = {
            name
            for name in set(ALL) - {"suppliers", "supplier_versions", "stores"}
            for (value,) in connection.execute(f"select max(kundenavn) from omnium.{name}").fetchall()
            if re.fullmatch("[0-9a-f]{32}", value or "")
        }
    assert hashed == set(ALL) - {"suppliers", "supplier_versions", "stores"}
