"""Settings have ranges and names: whatever is unknown or makes no sense is refused, wherever it stands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from omnium_elt.cli import main
from omnium_elt.infra.settings import ENVIRONMENT, OTHER_NAMES, PROFILE_PREFIXES, TRANSFORM
from omnium_sandbox import Sandbox
from omnium_source.settings import SOURCE

ROOT = Path(__file__).parents[3]

REFUSED = [
    # A figure out of its range, none, or no number at all.
    ("SOURCES__OMNIUM__DELETION_LIMIT", "nan", "a number from 0 to 1; 0.1 by default"),
    ("SOURCES__OMNIUM__DELETION_LIMIT", "95", "a number from 0 to 1"),
    ("SOURCES__OMNIUM__DELETION_LIMIT", "-0.1", "a number from 0 to 1"),
    ("SOURCES__OMNIUM__DELETION_LIMIT", "", "a number from 0 to 1"),
    ("SOURCES__OMNIUM__DELETION_LIMIT", "1e400", "a number from 0 to 1"),
    ("SOURCES__OMNIUM__FULL_PASS_DAYS", "1000000000", "a whole number from 1 to 3,650"),
    ("SOURCES__OMNIUM__FULL_PASS_DAYS", "-1", "a whole number from 1 to 3,650"),
    ("SOURCES__OMNIUM__FULL_PASS_DAYS", "0", "a whole number from 1 to 3,650"),
    ("SOURCES__OMNIUM__FULL_PASS_DAYS", "1.5", "a whole number from 1 to 3,650"),
    ("SOURCES__OMNIUM__SETTLING_LAG_SECONDS", "inf", "a whole number from 0 to 86,400"),
    ("SOURCES__OMNIUM__SETTLING_LAG_SECONDS", "1e9", "a whole number from 0 to 86,400"),
    ("SOURCES__OMNIUM__MAX_REQUESTS_PER_SECOND", "nan", "a number from 0.1 to 1,000"),
    ("SOURCES__OMNIUM__MAX_REQUESTS_PER_SECOND", "-inf", "a number from 0.1 to 1,000"),
    ("SOURCES__OMNIUM__MAX_CONCURRENCY", "many", "a whole number from 1 to 150"),
    ("SOURCES__OMNIUM__MAX_CONCURRENCY", "true", "a whole number from 1 to 150"),
    ("SOURCES__OMNIUM__WINDOW_ROWS", "abc", "a whole number from 100 to 10,000,000; 250000 by default"),
    ("SOURCES__OMNIUM__WINDOW_ROWS", "99999999999999999999999", "a whole number from 100"),
    ("SOURCES__OMNIUM__PII", "yes", "one of include, hash, exclude; hash by default"),
    ("SOURCES__OMNIUM__PII", "", "one of include, hash, exclude"),
    ("TRANSFORM__SERVICE_LEVEL", "95", "a number between 0 and 1; 0.95 by default"),
    ("TRANSFORM__SERVICE_LEVEL", "1", "a number between 0 and 1"),
    ("TRANSFORM__SERVICE_LEVEL", "0", "a number between 0 and 1"),
    ("TRANSFORM__SERVICE_LEVEL", "NaN", "a number between 0 and 1"),
    ("TRANSFORM__SERVICE_LEVEL", "[0.9]", "a number between 0 and 1"),
    ("TRANSFORM__REVIEW_DAYS", "-1", "a number from 0 to 366"),
    ("TRANSFORM__LATE_TOLERANCE_DAYS", "Infinity", "a number from 0 to 3,650"),
    ("TRANSFORM__TIME_ZONE", "Europe/Olso", "a time zone such as Europe/Oslo"),
    ("TRANSFORM__TIME_ZONE", "", "a time zone such as Europe/Oslo"),
    ("TRANSFORM__TIME_ZONE", "../etc/passwd", "a time zone such as Europe/Oslo"),
    ("TRANSFORM__TIME_ZONE", "right/Europe/Oslo", "a time zone such as Europe/Oslo"),
    ("TRANSFORM__TIME_ZONE", "posix/Europe/Oslo", "a time zone such as Europe/Oslo"),
    ("TRANSFORM__TIME_ZONE", "localtime", "a time zone such as Europe/Oslo"),
    ("TRANSFORM__REPLAYED_AS_OF_DAYS", "[20250131]", "a list of dates"),
    ("TRANSFORM__REPLAYED_AS_OF_DAYS", '["2025-01-31", null]', "a list of dates"),
    ("TRANSFORM__REPLAYED_AS_OF_DAYS", "[NaN]", "a list of dates"),
    ("SOURCES__OMNIUM__ORDERS__EXCLUDED_FIELDS", '{"lines": 1}', "a list of texts"),
    # Names in the section above, where dlt would find them and the program would not.
    ("SOURCES__PII", "exclude", "Did you mean SOURCES__OMNIUM__PII?"),
    ("OMNIUM__WINDOW_ROWS", "500", "Did you mean SOURCES__OMNIUM__WINDOW_ROWS?"),
    ("TRANSFORM__TRANSFERS_ARE_DEMAND", "perhaps", "true or false"),
    ("TRANSFORM__TEST_SEVERITY", "loud", "one of warn, error"),
    ("TRANSFORM__AS_OF_DATE", "2026-02-30", "a date such as 2025-01-31, from 1970 to 2199, or empty"),
    ("TRANSFORM__AS_OF_DATE", "0206-01-31", "from 1970 to 2199"),
    ("TRANSFORM__REPLAYED_AS_OF_DAYS", '["2026-01-31", "9999-12-31"]', "a list of dates"),
    ("TRANSFORM__BACKTEST_SERVICE_LEVELS", "[0.9, 95]", "a list of numbers between 0 and 1"),
    ("TRANSFORM__BACKTEST_ADDED_DAYS", "[7, -1]", "a list of numbers from 0 to 3,650"),
    (
        "TRANSFORM__MORE_PURCHASE_ORDER_STATUSES",
        '{"Sent": "sent"}',
        "pairs of a text and one of draft, placed, done, cancelled",
    ),
    ("TRANSFORM__MORE_PURCHASE_ORDER_STATUSES", "Sent", "pairs of a text"),
    ("OMNIUM_DBT_THREADS", "0", "a whole number from 1 to 64; 2 by default"),
    ("TRANSFORM__MORE_PURCHASE_ORDER_STATUSES", '{"Sent": ["placed"]}', "pairs of a text and one of draft"),
    ("TRANSFORM__MORE_ORDER_TYPES", '{"Quote": true, "QUOTE": false}', "pairs of a text and one of"),
    ("TRANSFORM__MORE_ORDER_TYPES", '{"Quote\\u0000": true}', "pairs of a text and one of"),
    ("OMNIUM_DBT_MEMORY", "lots", "a size such as 3GB"),
    ("OMNIUM_DBT_MEMORY", "٣GB", "a size such as 3GB"),
    ("OMNIUM_DBT_MEMORY", "0.0001KB", "a size such as 3GB"),
    ("OMNIUM_DBT_MEMORY", "3KB", "a size such as 3GB"),
    ("OMNIUM_DBT_MEMORY", "200%", "a size such as 3GB"),
    ("OMNIUM_HOME", "", "a path on this machine; omnium-data by default"),
    # Names that nobody knows, and the nearest one that somebody does.
    ("TRANSFORM__SERVICE_LEVL", "0.5", "Did you mean TRANSFORM__SERVICE_LEVEL?"),
    ("SOURCES__OMNIUM__WINDOW_ROW", "5000", "Did you mean SOURCES__OMNIUM__WINDOW_ROWS?"),
    ("SOURCES__OMNIUM__PI", "include", "Did you mean SOURCES__OMNIUM__PII?"),
    ("SOURCES__OMNIUM__PERSONAL", "include", "docs/settings.md leads to all settings"),
    ("SOURCES__OMNIUM__WRITER__CLIENT_IDD", "x", "Did you mean SOURCES__OMNIUM__WRITER__CLIENT_ID?"),
    (
        "SOURCES__OMNIUM__PRODUCT__EXCLUDED_FIELDS",
        "x",
        "Did you mean SOURCES__OMNIUM__PRODUCTS__EXCLUDED_FIELDS?",
    ),
    ("SOURCE__OMNIUM__PII", "include", "Did you mean SOURCES__OMNIUM__PII?"),
    ("SOURCES_OMNIUM__WINDOW_ROWS", "5000", "Did you mean SOURCES__OMNIUM__WINDOW_ROWS?"),
    ("sources__omnium__pii", "include", "Did you mean SOURCES__OMNIUM__PII?"),
    ("TRANSFORM_SERVICE_LEVEL", "0.5", "Did you mean TRANSFORM__SERVICE_LEVEL?"),
    ("TRANSFORMS__SERVICE_LEVEL", "0.5", "Did you mean TRANSFORM__SERVICE_LEVEL?"),
    ("OMNIUM_HOMES", "x", "Did you mean OMNIUM_HOME?"),
    ("OMNIUM_DBT_MEMORRY", "3GB", "Did you mean OMNIUM_DBT_MEMORY?"),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "told"), REFUSED, ids=[f"{name}={value}" for name, value, _ in REFUSED]
)
def test_a_command_refuses_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["status"]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert name in text
    assert told in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["load"],
        ["transform"],
        ["publish"],
        ["reconcile"],
        ["status"],
        ["resources"],
        ["export"],
        ["check"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_it(
    configured: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
) -> None:
    monkeypatch.setenv("SOURCES__OMNIUM__DELETION_LIMIT", "nan")
    assert main([*arguments, "--home", str(tmp_path / "home")]) == 2
    shown = capsys.readouterr()
    assert "DELETION_LIMIT is 'nan'" in shown.out + shown.err
    assert not (tmp_path / "home").exists()


def test_a_secret_that_is_refused_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCES__OMNIUM__PII_KEY", "hush-hush")
    assert main(["status"]) == 2
    text = capsys.readouterr().err
    assert "SOURCES__OMNIUM__PII_KEY is ********" in text
    assert "a text of 16 bytes or more" in text
    assert "hush-hush" not in text


def test_what_is_not_ours_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in (
        "DESTINATION__POSTGRES__CREDENTIALS",
        "RUNTIME__LOG_LEVEL",
        "LOAD__WORKERS",
        "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS",
        "SOURCES__SHOPIFY__PII",
        "SOURCES__OMNIUM2__BASE_URL",
        "SOURCES__OMNIUM2__PII",
        "SOURCES__OMNIUM__SCHEMA__NAMING",
        "SOURCES__OMNIUM__ORDERS__DATA_WRITER__BUFFER_MAX_ITEMS",
        "OMNIUM__DESTINATION__DUCKDB__CREDENTIALS",
        "OMNIUM_POSTGRES_HOST",
        "OMNIUM_SNOWFLAKE_ACCOUNT",
        "SOURCES__OMNIUM__WRITER__CLIENT_ID",
        "SOURCES__OMNIUM__WRITER__CLIENT_SECRET",
        "TRANSFORMERS_CACHE",
    ):
        monkeypatch.setenv(name, "anything")
    main(["status", "--home", str(tmp_path)])
    assert "is no setting" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("config.toml", '[sources.omnium]\npi = "include"', "sources.omnium.pi in config.toml is no setting"),
        ("config.toml", "[sources.omnium]\nwindow_row = 5", "Did you mean sources.omnium.window_rows?"),
        (
            "config.toml",
            "[sources.omnium]\nwindow_rows = 5",
            "sources.omnium.window_rows in config.toml is 5",
        ),
        ("config.toml", "[sources.omnium]\nwindow_rows = true", "a whole number from 100"),
        ("config.toml", "[sources.omnium]\ndeletion_limit = nan", "deletion_limit in config.toml is nan"),
        ("config.toml", "[sources.omnium]\ndeletion_limit = [0.1]", "a number from 0 to 1"),
        (
            "secrets.toml",
            '[sources.omnium]\nclient_secert = "x"',
            "Did you mean sources.omnium.client_secret?",
        ),
        (
            "secrets.toml",
            '[sources.omnium]\npii_key = "short"',
            "sources.omnium.pii_key in secrets.toml is ********",
        ),
        ("config.toml", "[transform]\nservice_level = 95", "a number between 0 and 1"),
        (
            "config.toml",
            '[transform]\nservice_level = "high"',
            "transform.service_level in config.toml is 'high'",
        ),
        ("config.toml", "[transform]\nservice_levl = 0.9", "Did you mean transform.service_level?"),
        ("config.toml", "[transforms]\nservice_level = 0.9", "Did you mean [transform]?"),
        ("config.toml", '[source.omnium]\npii = "include"', "Did you mean [sources]?"),
        ("config.toml", '[sources.onmium]\npii = "include"', "Did you mean [sources.omnium]?"),
        ("config.toml", '[sources.omnium_source]\npii = "include"', "Did you mean [sources.omnium]?"),
        ("config.toml", "window_row = 5", "Write window_rows below [sources.omnium]."),
        ("config.toml", "service_level = 0.9", "Write service_level below [transform]."),
        ("config.toml", "transform = 5", "Write [transform] above its settings."),
        ("config.toml", "sources = 5", "Write [sources] above its settings."),
        ("config.toml", "[sources]\nomnium = 5", "Write [sources.omnium] above its settings."),
        ("config.toml", '[sources]\npii = "exclude"', "Write pii below [sources.omnium]."),
        ("config.toml", "[transform]\nas_of_date = 20250131", "as_of_date in config.toml is 20250131"),
        (
            "config.toml",
            "[transform]\nas_of_date = 10:00:00",
            "a date such as 2025-01-31, from 1970 to 2199, or empty",
        ),
    ],
)
def test_files_are_held_to_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, told: str
) -> None:
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / file).write_text(text)
    context = Container()[PluggableRunContext]
    try:
        context.reload()
        assert main(["status"]) == 2
    finally:
        (tmp_path / ".dlt" / file).unlink()
        context.reload()
    assert told in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("service_level", "0.97", 0.97),
        ("review_days", "7", 7),
        ("early_tolerance_days", "", ""),
        ("reserved_includes_awaiting", "True", True),
        ("non_purchasable_assortment_codes", '["OUT", "OLD"]', ["OUT", "OLD"]),
        ("non_purchasable_assortment_codes", "OUT, OLD", ["OUT", "OLD"]),
        ("more_purchase_order_statuses", '{"Sent": "placed"}', {"Sent": "placed"}),
        ("more_order_types", '{"Quote": false}', {"Quote": False}),
        ("service_level_by_abc", '{"A": "0.99"}', {"A": 0.99}),
        ("supplier_review_days", '{"O\'Neill": "7"}', {"O'Neill": 7}),
        ("supplier_order_days", '{"S": ["monday", "friday"]}', {"S": ["monday", "friday"]}),
        ("backtest_added_days", "7, 7.0, 14", [7, 14]),
        ("replayed_as_of_days", "2026-01-31, 20260131", ["2026-01-31"]),
        ("as_of_date", "2026-01-31", "2026-01-31"),
    ],
)
def test_variables_are_read_as_they_are_meant(name: str, written: str, meant: Any) -> None:
    read = TRANSFORM[name].read(written)
    assert read == meant
    assert type(read) is type(meant)


def test_every_var_of_the_models_has_a_row_with_its_default() -> None:
    project = yaml.safe_load((ROOT / "transforms" / "dbt_project.yml").read_text(encoding="utf-8"))
    assert {name: row.default for name, row in TRANSFORM.items()} == project["vars"]
    for name, row in TRANSFORM.items():
        assert row.read(project["vars"][name]) == project["vars"][name]


def test_every_variable_of_the_environment_has_a_row() -> None:
    code = [
        path for folder in ("pipelines", "transforms", "notebooks") for path in (ROOT / folder).rglob("*.*")
    ]
    read = {
        name
        for path in code
        if path.suffix in (".py", ".yml", ".sql")
        for name in re.findall(
            r"""(?:environ\.get\(|environ\[|env_var\()['"](OMNIUM_\w+)""", path.read_text(encoding="utf-8")
        )
    }
    assert {name for name in read if not name.startswith(PROFILE_PREFIXES)} <= {*ENVIRONMENT, *OTHER_NAMES}
    assert {"OMNIUM_HOME", "OMNIUM_DBT_THREADS", "OMNIUM_DBT_MEMORY"} <= read


def test_defaults_are_within_their_own_ranges() -> None:
    for row in (*SOURCE.values(), *ENVIRONMENT.values()):
        if row.default is not None:
            assert row.read(row.default) == row.default, row.name


def test_a_problem_is_told_as_json_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRANSFORM__SERVICE_LEVL", "0.5")
    assert main(["run", "--json"]) == 2
    assert "TRANSFORM__SERVICE_LEVEL" in json.loads(capsys.readouterr().out)["error"]
    assert "TRANSFORM__SERVICE_LEVL" in os.environ


SECTION, HUSH = "[sources.omnium]\n", "hush-hush-hush"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            f"{SECTION}client_id = me\nclient_secret = {HUSH}\n",
            'secrets.toml is no valid TOML: Invalid value (at line 2, column 13)\nWrite name = "value" in each line',
        ),
        (
            f'{SECTION}client_id = "me"\nclient_secret: {HUSH}\n',
            "no valid TOML: Expected '=' after a key in a key/value pair (at line 3, column 14)\nWrite",
        ),
        (
            f'\ufeff{SECTION}client_id = "me"\nclient_secret = "{HUSH}"\n',
            "no valid TOML: it begins with a byte order mark\nSave it as UTF-8 without one.",
        ),
        (
            f'{SECTION}client_id = "me"\nclient_secret = "{HUSH}"\n'.encode("utf-16"),
            "no valid TOML: it is not UTF-8\nSave it as UTF-8.",
        ),
        (
            f'client_id = "me"\nclient_secret = "{HUSH}"\n',
            "SOURCES__OMNIUM__CLIENT_ID is missing\n"
            "client_id in secrets.toml stands outside any section: write [sources.omnium] above it.",
        ),
        (
            f'SOURCES__OMNIUM__CLIENT_ID = "me"\nSOURCES__OMNIUM__CLIENT_SECRET = "{HUSH}"\n',
            "SOURCES__OMNIUM__CLIENT_ID in secrets.toml is a name for the environment\n"
            "Write client_id below [sources.omnium].",
        ),
        (
            f'{SECTION}client_id = "me"\n',
            "SOURCES__OMNIUM__CLIENT_SECRET is missing\n"
            "Set it in the environment or in .dlt/secrets.toml; Omnium shows it under API users.",
        ),
        (
            None,
            "SOURCES__OMNIUM__CLIENT_ID is missing\n"
            "Set it in the environment or in {folder}/.dlt/secrets.toml (not there yet); "
            "Omnium shows it under API users.",
        ),
    ],
)
def test_a_file_of_secrets_that_says_nothing_is_told(
    tmp_path: Path, content: str | bytes | None, told: str
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(f'{SECTION}base_url = "https://api.example.com"\n')
    if content is not None:
        content = content.encode() if isinstance(content, str) else content
        (tmp_path / ".dlt" / "secrets.toml").write_bytes(content)
    ended = subprocess.run(
        [sys.executable, "-m", "omnium_elt", "load"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 2
    assert told.format(folder=tmp_path) in ended.stderr
    assert HUSH not in ended.stderr


def test_a_name_with_a_byte_order_mark_is_shown_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("\ufeffSOURCES__OMNIUM__BASE_URL", "https://api.example.com")
    assert main(["status"]) == 2
    assert r"'\ufeffSOURCES__OMNIUM__BASE_URL' is no setting" in capsys.readouterr().err


def test_check_tells_all_that_is_wrong(
    configured: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SOURCES__OMNIUM__DELETION_LIMIT", "nan")
    monkeypatch.setenv("TRANSFORM__SERVICE_LEVL", "0.5")
    assert main(["check", "--json", "--home", str(tmp_path / "home")]) == 2
    found = [one for one in json.loads(capsys.readouterr().out)["checks"] if one["name"] == "configuration"]
    assert [one["message"] for one in found] == [
        "SOURCES__OMNIUM__DELETION_LIMIT is 'nan'",
        "TRANSFORM__SERVICE_LEVL is no setting",
    ]
