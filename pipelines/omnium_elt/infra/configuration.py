"""Configuration the dlt way: environment variables, `.dlt/config.toml`, `.dlt/secrets.toml`.

`SOURCES__OMNIUM__BASE_URL` in the environment is `base_url` under `[sources.omnium]` in a file.
"""

import codecs
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from omnium_source.http.slips import QUOTES
from omnium_source.setting import FIRST_DATE, LAST_DATE, Setting, is_url
from omnium_source.settings import SOURCE, WRITER

from omnium_elt.infra import settings as settings_table
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import DEFAULT_HOME, Home, Secret, Settings

QUIET_ENVIRONMENT = {
    # No telemetry: data go only to the tenant and the destination.
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
}

_NO_PLACE_FOR_A_DATABASE = re.compile(r"[?\\\x00-\x1f\x7f\ud800-\udfff]")


def disable_telemetry() -> None:
    """Turn off the telemetry of dlt and dbt, unless the environment sets it. Call before either is imported."""
    for name, value in QUIET_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set these environment variables within the `with` block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def home_of(path: str | None) -> Home:
    """The home: `path` from the command line, else OMNIUM_HOME, else `omnium-data` in the working directory.

    Raises UsageError for a URL, and for a path in which DuckDB cannot keep a database.
    """
    named = path or os.environ.get("OMNIUM_HOME") or DEFAULT_HOME
    option = "--home" if path else "OMNIUM_HOME"
    try:
        root = local_path(named, option).absolute()
    except FileNotFoundError:
        raise UsageError(
            f"{option}: there is no {named} here, as the working directory is gone",
            "Change to one that is there.",
        ) from None
    if named.startswith(QUOTES):
        # A container's environment file is not parsed by a shell: the quotation marks would be part of the name.
        raise UsageError(f"{option} begins with a quotation mark ({named})", "Write it without.")
    # DuckDB reads what follows a question mark as options, and would write its WAL to another path.
    if odd := _NO_PLACE_FOR_A_DATABASE.search(str(root)):
        raise UsageError(
            f"{option}: a database cannot lie in a folder whose path holds {odd.group()!a} ({str(root)!a})",
            "Choose a path without it.",
        )
    return Home(root)


def require_home(home: Home) -> None:
    """Raise UsageError if nothing was ever loaded there: the home may be misspelt, and is not made."""
    if not home.state.is_dir():
        raise UsageError(
            f"{home.root} is no home of omnium-elt: nothing was ever loaded there",
            "Name the right one with --home or OMNIUM_HOME, or load something: omnium-elt run, omnium-elt demo.",
        )


def local_path(path: str, option: str) -> Path:
    """A path on this machine, given by `option`. Raises UsageError for a URL, which would become a folder `s3:`."""
    if is_url(path):
        raise UsageError(
            f"{option} is a URL ({path}), and has to be a path on this machine",
            "To a bucket, copy what is published there (warehouse.duckdb, exports/) once a run has ended.",
        )
    return Path(path).expanduser()


def check_configuration() -> None:
    """Raise UsageError for the first setting that is unknown or out of range, wherever it is set."""
    disable_telemetry()
    try:
        found = settings_table.problems()
    except _unreadable() as error:
        raise _no_toml(error) from error
    for problem in found:
        raise UsageError(problem.message, problem.remedy)


def read_settings(home: Home, options: Mapping[str, Any], *, needs_tenant: bool) -> Settings:
    """Combine the command line's `options` with the configuration.

    `needs_tenant`: whether base URL and credentials are required. Raises UsageError, or the source's
    ConfigurationError, for settings that are missing, unknown or invalid.
    """
    check_configuration()
    base_url = (_source("base_url") or "").rstrip("/")
    if needs_tenant:
        if not base_url:
            more = ", such as https://api.omnium.no; to try it without a tenant: omnium-elt demo"
            raise _missing("base_url", "config.toml", more)
        from omnium_source.http.client import check_base_url

        base_url = check_base_url(base_url)
    client_id, client_secret = _source("client_id") or "", _source("client_secret") or ""
    if needs_tenant and not (client_id and client_secret):
        name = "client_secret" if client_id else "client_id"
        raise _missing(name, "secrets.toml", "; Omnium shows it under API users")
    personal_key = _source("pii_key")
    # `since` comes from the command line.
    alike = Settings.__dataclass_fields__.keys() & SOURCE.keys() - {
        "base_url",
        "client_id",
        "client_secret",
        "since",
    }
    return Settings(
        home=home,
        base_url=base_url,
        client_id=client_id,
        client_secret=Secret(client_secret),
        writer_id=_writer("client_id"),
        writer_secret=Secret(_writer("client_secret")),
        personal=_source("pii"),
        personal_key=Secret(personal_key) if personal_key else None,
        **{name: _source(name) for name in alike},
        fields=settings_table.choices(),
        variables=_variables(),
        **options,
    )


def read_date(text: str) -> date:
    """Parse a day written as `2026-01-31`. Raises ValueError with a message for the user."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write it as 2026-01-31") from None
    if not FIRST_DATE <= day <= LAST_DATE:
        raise ValueError(f"{text!r} is no date between {FIRST_DATE} and {LAST_DATE}")
    return day


def _source(name: str) -> Any:
    """A setting below `sources.omnium`."""
    return _found(SOURCE[name], "sources.omnium")


def _writer(name: str) -> str:
    """A setting of the API user that writes; empty if it is not set."""
    return str(_found(WRITER[name], "sources.omnium.writer") or "")


def _found(setting: Setting, section: str) -> Any:
    """A setting's value from dlt's configuration, or its default."""
    import dlt

    accessor = dlt.secrets if setting.kind == "secret" else dlt.config
    value = accessor.get(f"{section}.{setting.name}")
    return setting.default if value is None else setting.read(value)


def _variables() -> dict[str, Any]:
    """The dbt variables under `[transform]`, or TRANSFORM__… in the environment."""
    import dlt

    known = settings_table.TRANSFORM
    found = {name: dlt.config.get(f"transform.{name}") for name in known}
    return {name: known[name].read(value) for name, value in found.items() if value is not None}


def _missing(name: str, file: str, more: str) -> UsageError:
    """The error for a missing setting. It names the file's full path, as the working directory is often wrong."""
    message = f"SOURCES__OMNIUM__{name.upper()} is missing"
    if where := settings_table.outside_sections(name):
        remedy = f"{name} in {where} stands outside any section: write [sources.omnium] above it."
        return UsageError(message, remedy)
    path = settings_table.project_folder() / file
    shown = path if path.exists() else f"{path.absolute()} (not there yet)"
    return UsageError(message, f"Set it in the environment or in {shown}{more}.")


def _no_toml(error: Exception) -> UsageError:
    """Say which file is not valid TOML, where, and what to do; dlt's error names every file that it reads."""
    for path in map(Path, getattr(error, "full_paths", ())):
        try:
            if path.is_file():
                tomllib.loads(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            return UsageError(f"{path.absolute()} is no valid TOML: it is not UTF-8", "Save it as UTF-8.")
        except tomllib.TOMLDecodeError as wrong:
            said, remedy = str(wrong), 'Write name = "value" in each line, below a line [sources.omnium].'
            if path.read_bytes().startswith(codecs.BOM_UTF8):
                said, remedy = "it begins with a byte order mark", "Save it as UTF-8 without one."
            return UsageError(f"{path.absolute()} is no valid TOML: {said}", remedy)
    return UsageError(f"a configuration file is no valid TOML: {' '.join(str(error).split())}", "Correct it.")


def _unreadable() -> type[Exception]:
    """The exception that dlt raises if a file is not valid TOML."""
    from dlt.common.configuration.providers.toml import TomlProviderReadException

    return TomlProviderReadException
