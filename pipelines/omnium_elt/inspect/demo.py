"""demo: runs the program against a sandbox tenant in this process, and reads the results."""

import dataclasses
from dataclasses import dataclass
from datetime import date
from typing import Any

from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.run_report import Progress, RunReport
from omnium_elt.inspect.examples import examples
from omnium_elt.report.summary import to_order
from omnium_elt.steps.run import run
from omnium_elt.warehouse import database
from omnium_elt.warehouse.manifest import version_of
from omnium_elt.warehouse.queries import Row, rows

BINS = 12


@dataclass(frozen=True)
class Findings:
    """Results from the published warehouse, to be shown on the terminal."""

    as_of: date | None
    lead_times: list[Row]
    """Lead times per supplier in days, configured and measured; `share_of_arrivals`: shares in `BINS` equal steps from
    day 0 to the longest lead time of all suppliers."""
    proposals: list[Row]
    """What to order, by supplier, warehouse and currency; `defer_days`: days until the minimum order is reached."""
    to_order: list[Row]
    """Lines, value and money at risk of what is to be ordered, by currency."""
    examples: list[Row]
    """One article of each kind that is worth a look."""


def demo(home: Home, size: str, seed: int, options: dict[str, Any], progress: Progress) -> RunReport:
    """Start a sandbox on loopback and run everything against it."""
    progress.note(f"Making a tenant of size {size} …")
    from omnium_sandbox import Sandbox

    with Sandbox(size=size, seed=seed) as sandbox:  # type: ignore[arg-type]
        progress.note(f"Sandbox tenant at {sandbox.base_url}")
        settings = Settings(
            home=home,
            base_url=sandbox.base_url,
            client_id=sandbox.client_id,
            client_secret=Secret(sandbox.client_secret),
            **options,
        )
        # Nothing else changes the sandbox's rows during a run, so no settling lag is needed.
        return run(dataclasses.replace(settings, settling_lag_seconds=0), progress)


def findings(home: Home) -> Findings:
    """Read lead times, proposals and examples from the published warehouse."""
    with database.published(home.warehouse) as connection:
        version = version_of(connection, home)
        return Findings(
            as_of=version.as_of if version else None,
            lead_times=_lead_times(connection),
            proposals=_proposals(connection),
            to_order=to_order(connection),
            examples=examples(connection),
        )


def _lead_times(connection: Any) -> list[Row]:
    found = rows(
        connection,
        """
        with arrivals as (
            select
                supplier_id,
                least(duration_days * ? // (1 + max(duration_days) over ()), ? - 1) as bin,
            from marts.fct_purchase_order_line
            where is_complete and not is_transfer and not is_retroactive
        ),
        counted as (
            select supplier_id, bin, count(*) / sum(count(*)) over (partition by supplier_id) as share
            from arrivals
            group by supplier_id, bin
        ),
        shapes as (
            select supplier_id, map_from_entries(list((cast(bin as integer), share))) as shape
            from counted
            group by supplier_id
        )
        select
            coalesce(policy.supplier_name, policy.supplier_id) as supplier,
            policy.configured_days,
            lead_time.mean_days,
            lead_time.p50_days,
            lead_time.p90_days,
            lead_time.completed_lines as lines,
            shapes.shape,
        from marts.lead_time as lead_time
        inner join marts.lead_time_policy as policy using (supplier_id)
        left join shapes using (supplier_id)
        where lead_time.level = 'supplier' and lead_time.completed_lines > 0
        order by lead_time.completed_lines desc, lead_time.supplier_id
        """,
        BINS,
        BINS,
    )
    for row in found:
        shape, days = row.pop("shape") or {}, row["configured_days"]
        row["share_of_arrivals"] = tuple(shape.get(number, 0.0) for number in range(BINS))
        row["configured_days"] = None if days is None else round(days)
    return found


def _proposals(connection: Any) -> list[Row]:
    return rows(
        connection,
        """
        with gravest as (
            select
                supplier_id,
                warehouse_code,
                currency,
                arg_min(product_name, line_number) as product_name,
                arg_min(explanation, line_number) as explanation,
            from marts.purchase_proposal_line
            group by supplier_id, warehouse_code, currency
        )
        select
            coalesce(proposal.supplier_name, proposal.supplier_id) as supplier,
            proposal.warehouse_code as warehouse,
            proposal.action,
            proposal.lines,
            proposal.units,
            proposal.value,
            proposal.currency,
            proposal.urgency,
            proposal.money_at_risk,
            proposal.defer_days,
            proposal.order_by_date as order_by,
            concat(
                case when proposal.lines > 1 then 'above all ' end,
                gravest.product_name, '. ', gravest.explanation
            ) as why,
        from marts.purchase_proposal as proposal
        left join gravest
            on gravest.supplier_id = proposal.supplier_id
            and gravest.warehouse_code = proposal.warehouse_code
            and gravest.currency is not distinct from proposal.currency
        where proposal.lines > 0
        order by proposal.urgency_rank, proposal.money_at_risk desc, proposal.value desc, supplier, warehouse
        """,
    )
