"""Configuration the dlt way: environment variables, `.dlt/config.toml`, `.dlt/secrets.toml`.

`SOURCES__OMNIUM__BASE_URL` in the environment is `base_url` under `[sources.omnium]` in a file.
"""

import json
import os
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, cast, get_args

from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import DEFAULT_HOME, Home, PersonalMode, Secret, Settings

QUIET_ENVIRONMENT = {
    # Nothing is sent to anybody but the tenant and the destination, unless somebody asks for it.
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
}


def be_quiet() -> None:
    """Switch off the telemetry of dlt and dbt; to be called before either is imported."""
    for name, value in QUIET_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def home_of(path: str | None) -> Home:
    """The home named on the command line, else by OMNIUM_HOME, else `omnium-data` here."""
    return Home(Path(path or os.environ.get("OMNIUM_HOME") or DEFAULT_HOME).expanduser().absolute())


def read_settings(home: Home, options: Mapping[str, Any], *, needs_tenant: bool) -> Settings:
    """Join the command line's `options` with the configuration.

    `needs_tenant`: whether base URL and credentials have to be there. Raises UsageError, or the source's
    ConfigurationError, for what is missing or makes no sense.
    """
    be_quiet()
    read = _Reader(home)
    base_url = (read.text("base_url") or "").rstrip("/")
    if needs_tenant:
        if not base_url:
            raise UsageError(
                "SOURCES__OMNIUM__BASE_URL is missing",
                "Set it in the environment or .dlt/config.toml, such as https://api.omnium.no; "
                "to try it without a tenant: omnium-elt demo.",
            )
        from omnium_source.http.client import check_base_url

        base_url = check_base_url(base_url)
    client_id, client_secret = read.secret("client_id") or "", read.secret("client_secret") or ""
    if needs_tenant and not (client_id and client_secret):
        missing = "CLIENT_ID" if not client_id else "CLIENT_SECRET"
        raise UsageError(
            f"SOURCES__OMNIUM__{missing} is missing",
            "Set it in the environment or in .dlt/secrets.toml; Omnium shows it under API users.",
        )
    personal = (read.text("pii") or "hash").lower()
    if personal not in get_args(PersonalMode):
        raise UsageError(
            f"SOURCES__OMNIUM__PII is {personal!r}",
            "It is one of include, hash, exclude; hash is the default.",
        )
    personal_key = read.secret("pii_key")
    defaults = Settings(home=home)
    return Settings(
        home=home,
        base_url=base_url,
        client_id=client_id,
        client_secret=Secret(client_secret),
        personal=cast(PersonalMode, personal),
        personal_key=Secret(personal_key) if personal_key else None,
        settling_lag_seconds=read.number("settling_lag_seconds", defaults.settling_lag_seconds, int, least=0),
        window_rows=read.number("window_rows", defaults.window_rows, int, least=100),
        max_concurrency=read.number("max_concurrency", defaults.max_concurrency, int, least=1),
        max_requests_per_second=read.number(
            "max_requests_per_second", defaults.max_requests_per_second, float, least=0.1
        ),
        full_pass_days=read.number("full_pass_days", defaults.full_pass_days, int, least=1),
        deletion_limit=read.number("deletion_limit", defaults.deletion_limit, float, least=0.0),
        variables=read.variables(),
        **options,
    )


def read_date(text: str) -> date:
    """A day as `2026-01-31`. Raises ValueError with words for a person."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write it as 2026-01-31") from None


class _Reader:
    """Reads `sources.omnium.*` from wherever dlt looks, and says clearly what is wrong with a value."""

    def __init__(self, home: Home) -> None:
        # dlt makes folders for itself as soon as it is imported; they belong to the home.
        import dlt
        from dlt.common.configuration.providers.toml import TomlProviderReadException

        self._dlt, self._unreadable = dlt, TomlProviderReadException

    def _get(self, accessor: Any, key: str) -> Any:
        try:
            return accessor.get(f"sources.omnium.{key}")
        except self._unreadable as error:
            raise UsageError(f"a configuration file is no valid TOML: {error}", "Correct it.") from error

    def text(self, key: str) -> str | None:
        value = self._get(self._dlt.config, key)
        return None if value is None else str(value).strip()

    def secret(self, key: str) -> str | None:
        value = self._get(self._dlt.secrets, key)
        return None if value is None else str(value).strip()

    def number(self, key: str, default: Any, kind: Callable[[str], Any], *, least: float) -> Any:
        text = self.text(key)
        if text is None:
            return default
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or value < least:
            words = "a whole number" if kind is int else "a number"
            raise UsageError(
                f"SOURCES__OMNIUM__{key.upper()} is {text!r}",
                f"It is {words} of {least:g} or more; {default} by default.",
            )
        return value

    def variables(self) -> dict[str, Any]:
        """The dbt variables under `[transform]`, or TRANSFORM__… in the environment."""
        section = self._dlt.config.get("transform")
        found = dict(section) if isinstance(section, Mapping) else {}
        for name, text in os.environ.items():
            if name.startswith("TRANSFORM__"):
                found[name.removeprefix("TRANSFORM__").lower()] = _typed(text)
        return found


def _typed(text: str) -> Any:
    """A number, list or boolean where the text is one in JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
