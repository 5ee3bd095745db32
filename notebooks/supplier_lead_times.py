import marimo

app = marimo.App(width="medium", html_head_file="head.html", app_title="Supplier lead times")

with app.setup:
    import altair as alt
    import marimo as mo
    from omnium_elt.inspect import notebook
    from omnium_elt.inspect.notebook import AMBER, GREEN, PALE, RUST


@app.cell
def _():
    notebook.header("/supplier-lead-times")
    return


@app.cell
def _():
    query = notebook.published()
    return (query,)


@app.cell
def _(query):
    headline = query("""
        select
            count(*) filter (where completed_lines > 0) as suppliers,
            count(*) filter (where is_actionable) as wrong,
            coalesce(sum(completed_lines), 0) as lines
        from marts.lead_time_policy
    """).iloc[0]
    punctual = query("""
        select sum(on_time_share * lines_due) / nullif(sum(lines_due), 0) as share
        from marts.supplier_scorecard
        where period = 'all'
    """).iloc[0]
    overdue = query("""
        select count(*) as lines, count(*) filter (where is_overdue) as overdue
        from marts.open_purchase_eta
        where not is_transfer
    """).iloc[0]
    mo.vstack(
        [
            mo.md(
                "# Supplier lead times\n\nDays from order to the last unit received. Orders that are still "
                "open count as not arrived yet (Kaplan–Meier), so slow suppliers do not look fast."
            ),
            notebook.figures(
                {
                    "suppliers": f"{headline.suppliers:,.0f}",
                    "lines that arrived": f"{headline.lines:,.0f}",
                    "came on time": f"{punctual.share:.0%}"
                    if punctual.share == punctual.share
                    else "nothing due yet",
                    "with a wrong setting": f"{headline.wrong:,.0f}",
                    "open lines overdue": f"{overdue.overdue:,.0f}",
                }
            ),
        ]
    )
    return


@app.cell
def _(query):
    policies = query("""
        select
            coalesce(supplier_name, supplier_id) as supplier,
            supplier_id,
            cast(configured_days as double) as configured,
            cast(configured_margin_days as double) as margin,
            cast(measured_p50_days as double) as median,
            cast(measured_p90_days as double) as nine_of_ten,
            coverage_share,
            cast(completed_lines as double) as lines,
            is_actionable
        from marts.lead_time_policy
        where completed_lines > 0
        order by is_actionable desc, abs(measured_p50_days - configured_days) desc nulls last, supplier_id
    """)
    _base = alt.Chart(policies.head(20)).encode(
        y=alt.Y("supplier:N", sort=None, title=None),
        tooltip=["supplier", "configured", "margin", "median", "nine_of_ten", "lines"],
    )
    _chart = (
        _base.mark_bar(height=7, cornerRadius=3, color=PALE).encode(
            x=alt.X("median:Q", title="days"), x2="nine_of_ten:Q"
        )
        + _base.mark_circle(size=90, color=GREEN, opacity=1).encode(x="median:Q")
        + _base.mark_tick(color=RUST, thickness=3, size=17, opacity=1).encode(x="configured:Q")
    ).properties(width="container", height={"step": 24})
    mo.vstack(
        [
            mo.md(
                "## Configured against measured\n\nThe twenty suppliers furthest off. Dot: half of all lines have "
                "arrived by then; band: up to nine of ten; vertical mark: the configured lead time."
            ),
            _chart,
        ]
    )
    return (policies,)


@app.cell
def _(policies):
    mo.stop(policies.empty, mo.callout("No purchase order line has arrived yet.", "warn"))
    supplier = mo.ui.dropdown(
        options=dict(
            zip(policies.supplier + " · " + policies.supplier_id, policies.supplier_id, strict=True)
        ),
        value=f"{policies.supplier[0]} · {policies.supplier_id[0]}",
        label="Supplier",
        searchable=True,
    )
    mo.vstack([mo.md("## One supplier"), supplier])
    return (supplier,)


@app.cell
def _(policies, query, supplier):
    _policy = policies[policies.supplier_id == supplier.value].iloc[0]
    arrivals = query(
        """
        select cast(duration_days as double) as days
        from marts.fct_purchase_order_line
        where supplier_id = $supplier_id
            and not is_transfer
            and not is_retroactive
            and (is_complete or is_closed_short)
        order by order_date desc
        limit 4000
        """,
        supplier_id=supplier.value,
    )
    curve = query(
        """
        select cast(day as double) as day, 1 - survival as arrived
        from marts.lead_time_survival
        where level = 'supplier' and supplier_id = $supplier_id
        order by day
        """,
        supplier_id=supplier.value,
    )
    _bars = (
        alt.Chart(arrivals)
        .mark_bar(color=GREEN)
        .encode(
            x=alt.X("days:Q", bin=alt.Bin(maxbins=40), title="days from order to arrival"),
            y=alt.Y("count()", title="lines"),
            tooltip=[alt.Tooltip("count()", title="lines")],
        )
    )
    _marks = alt.Chart(
        alt.Data(
            values=[
                {"days": float(_policy.configured), "what": "configured"},
                {"days": float(_policy.configured + _policy.margin), "what": "configured + margin"},
            ]
        )
    )
    _rules = _marks.mark_rule(strokeWidth=2).encode(
        x="days:Q",
        color=alt.Color(
            "what:N", title=None, scale=alt.Scale(range=[RUST, AMBER]), legend=alt.Legend(orient="top")
        ),
        tooltip=[alt.Tooltip("what:N"), alt.Tooltip("days:Q")],
    )
    _curve = (
        alt.Chart(curve)
        .mark_line(color=GREEN, interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("day:Q", title="days since the order"),
            y=alt.Y("arrived:Q", title="arrived", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            tooltip=["day", alt.Tooltip("arrived:Q", format=".1%")],
        )
    )
    if _policy.configured == _policy.configured and _policy.coverage_share == _policy.coverage_share:
        _advice = (
            f"{_policy.configured:.0f} + {_policy.margin:.0f} days are configured, and "
            f"{_policy.coverage_share:.0%} of {_policy.lines:,.0f} lines arrive within that."
        )
    else:
        _advice = f"No lead time is configured; {_policy.lines:,.0f} lines have arrived."
    if _policy.is_actionable and _policy.nine_of_ten > 0:
        _rest = _policy.nine_of_ten - _policy["median"]
        _advice += f" It should be **{_policy['median']:.0f} + {_rest:.0f} days**."
    mo.vstack(
        [
            mo.md(_advice),
            mo.hstack(
                [
                    (_bars + _rules).properties(width="container", height=240, title="How long it takes"),
                    (_curve + _rules).properties(width="container", height=240, title="Arrived by day"),
                ],
                widths="equal",
            ),
        ]
    )
    return


@app.cell
def _(query, supplier):
    months = query(
        """
        select
            month,
            cast(p50_days as double) as median,
            cast(p90_days as double) as "nine of ten",
            on_time_share as "lines on time",
            otif_quantity_share as "units on time",
            cast(lines_due as double) as lines
        from marts.supplier_scorecard
        where supplier_id = $supplier_id and period = 'month' and lines_due > 0
        order by month
        """,
        supplier_id=supplier.value,
    )
    _x = alt.X("month:T", title=None)
    _trend = (
        alt.Chart(months)
        .transform_fold(["median", "nine of ten"], as_=["figure", "days"])
        .mark_line(point=True)
        .encode(
            x=_x,
            y=alt.Y("days:Q", title="days"),
            color=alt.Color(
                "figure:N", title=None, scale=alt.Scale(range=[GREEN, AMBER]), legend=alt.Legend(orient="top")
            ),
            tooltip=[alt.Tooltip("month:T", format="%b %Y"), "figure:N", "days:Q", "lines:Q"],
        )
    )
    _shares = (
        alt.Chart(months)
        .transform_fold(["lines on time", "units on time"], as_=["figure", "share"])
        .mark_line(point=True)
        .encode(
            x=_x,
            y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "figure:N", title=None, scale=alt.Scale(range=[GREEN, AMBER]), legend=alt.Legend(orient="top")
            ),
            tooltip=[
                alt.Tooltip("month:T", format="%b %Y"),
                "figure:N",
                alt.Tooltip("share:Q", format=".0%"),
                "lines:Q",
            ],
        )
    )
    mo.hstack(
        [
            _trend.properties(width="container", height=220, title="Lead time by month of promise"),
            _shares.properties(
                width="container", height=220, title="On time and in full by month of promise"
            ),
        ],
        widths="equal",
    )
    return


@app.cell
def _():
    only_overdue = mo.ui.switch(label="only overdue")
    everyone = mo.ui.switch(label="all suppliers")
    mo.vstack(
        [
            mo.md(
                "## On its way\n\nLikely arrival of open lines, given how long they have been open already: "
                "half arrive by the first date, nine of ten by the second."
            ),
            mo.hstack([everyone, only_overdue], justify="start", gap=2),
        ]
    )
    return everyone, only_overdue


@app.cell
def _(everyone, only_overdue, query, supplier):
    open_lines = query(
        """
        select
            purchase_order_number as "order",
            supplier_id as supplier,
            sku,
            warehouse_code as warehouse,
            cast(open_quantity as double) as open,
            coalesce(cast(order_date as varchar), '–') as ordered,
            coalesce(cast(promised_date as varchar), '–') as promised,
            coalesce(cast(p50_arrival_date as varchar), '–') as "half by",
            coalesce(cast(p90_arrival_date as varchar), '–') as "nine of ten by",
            coalesce(format('{:.0f}', 100 * probability_within_7_days), '–') as "% within a week",
            is_overdue as overdue
        from marts.open_purchase_eta
        where not is_transfer
            and ($everyone or supplier_id = $supplier_id)
            and (is_overdue or not $only_overdue)
        order by is_overdue desc, promised_date, purchase_order_number, sku
        """,
        everyone=everyone.value,
        only_overdue=only_overdue.value,
        supplier_id=supplier.value,
    )
    notebook.table(
        open_lines,
        page_size=12,
    )
    return


if __name__ == "__main__":
    app.run()
