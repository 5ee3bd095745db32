"""Settings and environment variables that point to a sandbox tenant, as a user has them."""

import copy
import os
import threading
from array import array
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from omnium_elt.infra.home import Home, Secret, Settings
from omnium_sandbox import Sandbox
from omnium_sandbox.tenant import Rows, Tenant

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


def remembered(generate: Callable[..., Tenant]) -> Callable[..., Tenant]:
    """`generate`, which makes a small tenant only once for the same arguments and gives a copy to each caller.

    Making it takes 0.09 s of CPU, and several hundred tests serve one.
    """
    made: dict[Any, Tenant] = {}

    def generated(size: str, *arguments: Any, **options: Any) -> Tenant:
        if size != "small":
            return generate(size, *arguments, **options)
        key = (*arguments, *sorted(options.items()))
        if key not in made:
            made[key] = generate(size, *arguments, **options)
        return _copied(made[key])

    return generated


def _copied(tenant: Tenant) -> Tenant:
    """A tenant with rows of its own; nobody changes the truth."""
    collections = {name: _copied_rows(rows) for name, rows in tenant.collections.items()}
    return replace(tenant, collections=collections, _random=copy.copy(tenant._random))


def _copied_rows(rows: Rows) -> Rows:
    copied = copy.copy(rows)
    copied.lock = threading.RLock()
    for name, value in vars(rows).items():
        if isinstance(value, list | dict | array | bytearray):
            setattr(copied, name, copy.copy(value))
    return copied
