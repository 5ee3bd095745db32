"""A tenant full of Norwegian, Swedish and German custom fields: nothing of them is in any file of the home."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.load import load
from omnium_elt.steps.publish import publish_warehouse
from omnium_sandbox import Sandbox

from tests.conftest import sandbox_settings

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
    elif path.suffix == ".parquet":
        yield str(pq.read_table(path).to_pylist())
    yield path.read_bytes().decode("utf-8", "replace")


@pytest.mark.parametrize("destination", ["duckdb", "parquet"])
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
        publish_warehouse(home)
    files = [path for path in home.root.rglob("*") if path.is_file()]
    found = {
        (path.relative_to(home.root).as_posix(), secret)
        for path in files
        for text in everything(path)
        for secret in SECRETS
        if secret in text
    }
    assert found == set()
    told = "\n".join([*report.notes, caplog.text])
    assert [secret for secret in SECRETS if secret in told] == []
    shown = "".join(
        text for path in files if path.suffix in (".duckdb", ".parquet") for text in everything(path)
    )
    assert shown.count("farge") >= 20, "what is not personal is there"
