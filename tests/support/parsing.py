"""Lets dbt parse the project once for all tests, not once for every folder in which they build.

dbt keeps the result of parsing in the target folder, and trusts it only for the same database file and the same
variables. A test has its own database, so every build would parse 140 models again: six seconds of CPU. The result
depends on neither the database's path nor the day nor most variables, so it is shared, between pytest's workers too.
"""

import contextlib
import functools
import hashlib
import os
import pprint
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omnium_elt.steps import dbt_commands

ONLY_IN_SQL = {
    "average_daily_usage_days", "backtest_added_days", "backtest_days", "backtest_items", "backtest_refresh_days",
    "backtest_service_levels", "backtest_warm_up_days", "build_only_changed", "default_average_lead_time_days",
    "default_currency", "early_tolerance_days", "is_as_of_day_over", "late_tolerance_days", "lead_time_half_life_days",
    "lead_time_safety_margin_days", "low_evidence_days", "most_drawn_out_rows", "non_purchasable_assortment_codes",
    "order_days_from_history", "projected_items", "proposal_follow_days", "replayed_as_of_days", "review_days",
    "rows_at_once", "season_weight", "service_level", "shrinkage_strength",
    "storage_cost_percent", "supplier_order_days", "supplier_review_days", "time_zone", "transfers_between_places",
}  # fmt: skip
"""Variables that are rendered when a model is compiled, and change nothing of what is parsed (test_package.py).

`service_level_by_abc` is none of them: parsing refuses classes that do not exist."""
FOLDER = "PARSED_DBT_PROJECTS"
"""Environment variable: the folder that keeps what was parsed; if it is unset, nothing is shared."""


@functools.cache
def share_parsing() -> None:
    """From now on let dbt in this process start from what any test has parsed, while `FOLDER` is set."""
    from dbt.parser.manifest import ManifestLoader

    read, write = (
        ManifestLoader.read_manifest_for_partial_parse,
        ManifestLoader.write_manifest_for_partial_parse,
    )

    def read_shared(loader: Any) -> Any:
        return read(loader) or (_shared(loader) if os.environ.get(FOLDER) else None)

    def write_shared(loader: Any) -> None:
        write(loader)
        if not os.environ.get(FOLDER):
            return
        target, shared = Path(loader.root_project.project_target_path, "partial_parse.msgpack"), _path(loader)
        if not shared.exists():
            part = shared.with_suffix(f".{secrets.token_hex(4)}")
            part.write_bytes(target.read_bytes())
            part.replace(shared)

    ManifestLoader.read_manifest_for_partial_parse = read_shared  # type: ignore[method-assign]
    ManifestLoader.write_manifest_for_partial_parse = write_shared  # type: ignore[method-assign]


def share_parsing_of_transforms() -> None:
    """The same for the step `transform`; dbt is imported only when there is something to build."""
    build = dbt_commands.build

    def built(*arguments: Any) -> Any:
        share_parsing()
        return build(*arguments)

    dbt_commands.build = built


def _shared(loader: Any) -> Any:
    """What another test has parsed, None if there is none. dbt itself parses changed files again."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder
    from dbt_common.invocation import get_invocation_id

    with contextlib.suppress(FileNotFoundError):
        manifest: Any = Manifest.from_msgpack(_path(loader).read_bytes(), decoder=extended_mashumuro_decoder)
        manifest.metadata.generated_at = datetime.now(UTC).replace(tzinfo=None)
        manifest.metadata.invocation_id = get_invocation_id()
        manifest.state_check = loader.manifest.state_check
        return manifest
    return None


def _path(loader: Any) -> Path:
    """The file for everything that the result of parsing depends on: the place of relations, and variables.

    `as_of_date` is rendered when a model is compiled; parsing only asks whether it is set. The same holds for
    `lake_path`.
    """
    project = loader.root_project
    credentials = project.credentials
    variables = {
        name: bool(value) if name in ("as_of_date", "lake_path") else value
        for name, value in project.cli_vars.items()
        if name not in ONLY_IN_SQL
    }
    where = (project.project_root, credentials.type, credentials.database, credentials.schema)
    key = pprint.pformat((where, variables))
    return Path(os.environ[FOLDER], f"{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.msgpack")
