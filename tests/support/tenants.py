"""Settings and environment variables that point to a sandbox tenant, as a user has them."""

import os
from datetime import UTC, date, datetime
from typing import Any

from omnium_elt.infra.home import Home, Secret, Settings
from omnium_sandbox import Sandbox

WITHOUT_DATA_TESTS = {"DBT_RESOURCE_TYPES": "model seed snapshot"}
"""Environment of a build whose data tests would show nothing new: they take a quarter of the time of all models."""

DAY = date.fromisoformat(os.environ.setdefault("TEST_DAY", f"{datetime.now(UTC):%Y-%m-%d}"))
"""The day of the tenant that the shared fixtures serve, the same in all processes of a run that goes on past
midnight."""

MEDIUM: dict[str, Any] = {"size": "medium", "seed": 7, "today": date(2024, 4, 1)}
"""The tenant of `medium_load`."""


def sandbox_settings(home: Home, sandbox: Sandbox, **more: Any) -> Settings:
    """Settings of a run against a sandbox, without a settling lag."""
    values: dict[str, Any] = {
        "home": home,
        "base_url": sandbox.base_url,
        "client_id": sandbox.client_id,
        "client_secret": Secret(sandbox.client_secret),
        "settling_lag_seconds": 0,
        **more,
    }
    return Settings(**values)


def environment_of(sandbox: Sandbox) -> dict[str, str]:
    """The environment variables that a user of this tenant sets."""
    return {
        "SOURCES__OMNIUM__BASE_URL": sandbox.base_url,
        "SOURCES__OMNIUM__CLIENT_ID": sandbox.client_id,
        "SOURCES__OMNIUM__CLIENT_SECRET": sandbox.client_secret,
        "SOURCES__OMNIUM__SETTLING_LAG_SECONDS": "0",
    }
