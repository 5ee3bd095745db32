"""The report's section on lead times: configured and measured, by supplier."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from omnium_elt.report import svg
from omnium_elt.report.rendering import counted, render
from omnium_elt.warehouse.queries import Row, rows

MOST_SUPPLIERS = 60
"""Most suppliers shown, those with a wrong lead time first."""


def section(connection: Any) -> Markup:
    """The section as HTML: lead times by supplier, punctuality by month, and likely arrivals by week."""
    found = rows(
        connection,
        """
        select
            coalesce(policy.supplier_name, policy.supplier_id) as supplier, policy.*,
            card.on_time_share, card.lines_due, card.otif_net_share,
        from marts.lead_time_policy as policy
        left join marts.supplier_scorecard as card
            on card.supplier_id = policy.supplier_id
            and card.period = 'all'
        where policy.completed_lines > 0
        order by
            policy.is_actionable desc,
            abs(policy.measured_p50_days - policy.configured_days) desc nulls last,
            policy.supplier_id
        limit ?
        """,
        MOST_SUPPLIERS,
    )
    return render(
        "lead_times.html",
        policies=found,
        measured=_configured_against_measured(found),
        punctuality=_punctuality(connection),
        arrivals=_arrivals(connection),
    )


def _configured_against_measured(policies: Sequence[Row]) -> Markup:
    ranges = [
        svg.Range(
            str(row["supplier"]),
            float(row["measured_p50_days"]),
            float(row["measured_p90_days"] or row["measured_p50_days"]),
            float(row["configured_days"]),
            f"{row['supplier']}: configured {row['configured_days']} days, half arrive within "
            f"{row['measured_p50_days']}, nine of ten within {row['measured_p90_days'] or '?'}",
        )
        for row in policies[:16]
        if row["measured_p50_days"] is not None
    ]
    return svg.ranges(ranges, "Measured against configured lead times")


def _punctuality(connection: Any) -> Markup:
    found = rows(
        connection,
        """
        select
            month,
            sum(on_time_share * lines_due) / nullif(sum(lines_due), 0) as on_time
        from marts.supplier_scorecard
        where period = 'month' and lines_due > 0
        group by month
        order by month desc
        limit 18
        """,
    )[::-1]
    return svg.line(
        [f"{row['month']:%b %y}" for row in found],
        [row["on_time"] for row in found],
        "Share of lines on time per month",
    )


def _arrivals(connection: Any) -> Markup:
    found = rows(
        connection,
        """
        with arrivals as (
            select
                (p50_arrival_date - min(p50_arrival_date) over ()) // 7 as week,
                min(p50_arrival_date) over () as first_day,
                is_overdue
            from marts.open_purchase_eta
            where p50_arrival_date is not null and not is_transfer
        )
        select
            weeks.week,
            count(*) filter (where not arrivals.is_overdue) as in_time,
            count(*) filter (where arrivals.is_overdue) as overdue,
            (select min(first_day) from arrivals) + cast(7 * weeks.week as integer) as first_day
        from range(10) as weeks (week)
        left join arrivals on arrivals.week = weeks.week
        group by weeks.week
        order by weeks.week
        """,
    )
    columns = [
        svg.Column(
            f"{row['first_day']:%d %b}" if row["first_day"] else "",
            (float(row["in_time"]), float(row["overdue"])),
            f"Week of {row['first_day']}: {counted(row['in_time'], 'line')}, {row['overdue']} overdue",
        )
        for row in found
    ]
    return svg.columns(columns, "Open purchase order lines by week of likely arrival")
