import marimo

app = marimo.App(width="medium", html_head_file="head.html", app_title="Replenishment")

with app.setup:
    import altair as alt
    import marimo as mo
    from omnium_elt.inspect import notebook
    from omnium_elt.inspect.notebook import AMBER, GREEN, PALE, RUST


@app.cell
def _():
    notebook.header("/replenishment")
    return


@app.cell
def _():
    query = notebook.published()
    return (query,)


@app.cell
def _(query):
    settings = query("""
        select max(configured_service_level) as service_level, count(*) as items
        from marts.replenishment_input
    """).iloc[0]
    mo.stop(not settings["items"], mo.callout("Nothing is stocked or sold yet.", "warn"))
    service_level = mo.ui.slider(
        start=50.0,
        stop=99.5,
        step=0.5,
        value=round(200 * settings.service_level) / 2,
        label="Service level, %",
        show_value=True,
        debounce=True,
        full_width=True,
    )
    order_interval = mo.ui.slider(
        start=0,
        stop=90,
        step=1,
        value=0,
        label="Days between orders (0: each supplier's own)",
        show_value=True,
        debounce=True,
        full_width=True,
    )
    mo.vstack(
        [
            mo.md(
                "# Replenishment\n\nWhat to order today, and how another service level or order interval "
                "would change it. The formulas are those of the proposal (`marts.replenishment_what_if`). "
                "Orders that wait for a supplier's minimum are left out, as everywhere; which orders wait, "
                "and what tops up others to their minimum, stays as it is today. To decide, use today's page."
            ),
            mo.hstack([service_level, order_interval], widths="equal", gap=3),
        ]
    )
    return order_interval, service_level


@app.cell
def _(query):
    # The same totals as in the report, the dashboard, the export and on the terminal.
    today = query("""
        select
            coalesce(currency, '') as currency,
            count(*) filter (where action <> 'defer') as lines,
            cast(coalesce(sum(line_value) filter (where action <> 'defer'), 0) as double) as value,
            count(*) filter (where action = 'defer') as waiting_lines,
            cast(coalesce(sum(line_value) filter (where action = 'defer'), 0) as double) as waiting_value
        from marts.purchase_proposal_line
        group by coalesce(currency, '')
        order by value desc, currency
    """)
    return (today,)


@app.cell
def _(order_interval, query, service_level):
    # Which orders wait for a supplier's minimum, and the packs that top up others, stay as they are today.
    compared = query(
        """
        with waiting as (
            select distinct supplier_id, warehouse_code, coalesce(currency, '') as currency
            from marts.purchase_proposal_line
            where action = 'defer'
        ),

        ordered as (
            select * from marts.purchase_proposal_line where action <> 'defer'
        ),

        items as (
            select
                proposed.sku, proposed.warehouse_code, proposed.supplier_id, proposed.supplier_name, proposed.currency,
                what_if.suggested_quantity,
                what_if.order_value - proposed.order_value as more_value,
                proposed.safety_stock * cast(proposed.unit_cost as double) as safety_value,
                what_if.safety_stock * cast(what_if.unit_cost as double) as what_if_safety_value
            from marts.replenishment as proposed
            inner join marts.replenishment_what_if($service_level, $order_interval_days) as what_if
                on what_if.sku = proposed.sku
                and what_if.warehouse_code = proposed.warehouse_code
            where proposed.block_reason is null
                and (proposed.supplier_id, proposed.warehouse_code, coalesce(proposed.currency, '')) not in (
                    select (supplier_id, warehouse_code, currency) from waiting
                )
        )

        select
            coalesce(ordered.supplier_id, items.supplier_id) as supplier_id,
            coalesce(
                min(ordered.supplier_name), min(items.supplier_name), min(ordered.supplier_id), min(items.supplier_id)
            ) as supplier,
            coalesce(ordered.currency, items.currency, '') as currency,
            count(ordered.sku) as lines,
            count(*) filter (where items.suggested_quantity > 0 or ordered.top_up_quantity > 0) as what_if_lines,
            cast(coalesce(sum(ordered.line_value), 0) as double) as value,
            cast(coalesce(sum(coalesce(ordered.line_value, 0) + coalesce(items.more_value, 0)), 0) as double)
                as what_if_value,
            coalesce(sum(items.safety_value), 0) as safety_value,
            coalesce(sum(items.what_if_safety_value), 0) as what_if_safety_value
        from ordered
        full join items
            on items.sku = ordered.sku
            and items.warehouse_code = ordered.warehouse_code
        group by coalesce(ordered.supplier_id, items.supplier_id), coalesce(ordered.currency, items.currency, '')
        order by value desc, supplier, currency
        """,
        service_level=service_level.value / 100,
        order_interval_days=order_interval.value or None,
    )
    mo.stop(compared.empty, mo.callout("Nothing can be ordered: every item is blocked.", "warn"))
    return (compared,)


@app.cell
def _(compared, today):
    def _stat(label, now, then, unit=""):
        change = then - now
        return mo.stat(
            # Round to cents first: a sum of floats that should end in .50 may be slightly below it.
            f"{round(then, 2):,.0f}{unit}",
            label=label,
            caption=f"{change:+,.0f}{unit} against the proposal" if round(change) else "as proposed",
            bordered=True,
        )

    def _told(row):
        of_it = compared[compared.currency == row.currency]
        waits = (
            f"{row.waiting_lines:,} lines, {row.waiting_value:,.0f}, wait for a supplier's minimum"
            if row.waiting_lines
            else "nothing waits for a supplier's minimum"
        )
        return mo.hstack(
            [
                mo.stat(
                    f"{round(row.value, 2):,.0f} {row.currency}",
                    label=f"to order today, {row.lines:,} lines",
                    caption=waits,
                    bordered=True,
                ),
                _stat("what-if order value", row.value, of_it.what_if_value.sum(), f" {row.currency}"),
                _stat("what-if lines", row.lines, of_it.what_if_lines.sum()),
                _stat(
                    "safety stock at cost",
                    of_it.safety_value.sum(),
                    of_it.what_if_safety_value.sum(),
                    f" {row.currency}",
                ),
            ],
            widths="equal",
        )

    mo.vstack([_told(row) for row in today.itertuples()])
    return


@app.cell
def _(compared):
    _long = compared.head(15).melt(
        id_vars=["supplier", "currency"],
        value_vars=["value", "what_if_value"],
        var_name="which",
        value_name="amount",
    )
    _long["which"] = _long.which.map({"value": "proposal", "what_if_value": "what-if"})
    _chart = (
        alt.Chart(_long)
        .mark_bar(cornerRadius=2)
        .encode(
            y=alt.Y("supplier:N", sort=None, title=None),
            yOffset=alt.YOffset("which:N", sort=["proposal", "what-if"]),
            x=alt.X("amount:Q", title="order value", axis=alt.Axis(format="~s")),
            color=alt.Color(
                "which:N",
                title=None,
                sort=["proposal", "what-if"],
                scale=alt.Scale(domain=["proposal", "what-if"], range=[GREEN, AMBER]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["supplier", "which", alt.Tooltip("amount:Q", format=",.0f"), "currency"],
        )
        .properties(width="container", height=420)
    )
    mo.vstack([mo.md("## By supplier\n\nThe fifteen largest proposals."), _chart])
    return


@app.cell
def _(query):
    orders = query("""
        select
            coalesce(supplier_name, supplier_id) as supplier,
            supplier_id,
            warehouse_code as warehouse,
            action,
            lines,
            cast(units as double) as units,
            cast(value as double) as value,
            coalesce(currency, '') as currency,
            coalesce(cast(order_by_date as varchar), '–') as "order by"
        from marts.purchase_proposal
        where lines > 0
        order by value desc, supplier_id, warehouse_code
    """)
    chosen = notebook.table(
        orders,
        selection="single",
        page_size=8,
        initial_selection=[0] if len(orders) else None,
    )
    mo.vstack([mo.md("## The proposal\n\nChoose an order to see its lines."), chosen])
    return (chosen,)


@app.cell
def _(chosen, query):
    mo.stop(not len(chosen.value))
    _order = chosen.value.iloc[0]
    notebook.table(
        query(
            """
            select
                sku,
                coalesce(product_name, '–') as article,
                cast(quantity as double) as quantity,
                cast(line_value as double) as value,
                coalesce(cast(order_by_date as varchar), '–') as "order by",
                coalesce(cast(projected_stock_out_date as varchar), '–') as "runs out",
                coalesce(format('{:.0f}', 100 * stock_out_risk), '–') as "risk, %",
                explanation as why
            from marts.purchase_proposal_line
            where supplier_id = $supplier_id and warehouse_code = $warehouse_code
                and coalesce(currency, '') = $currency
            order by line_number
            """,
            supplier_id=_order.supplier_id,
            warehouse_code=_order.warehouse,
            currency=_order.currency,
        ),
        page_size=8,
        wrapped_columns=["why"],
        column_widths={
            "sku": 90,
            "article": 150,
            "quantity": 80,
            "value": 90,
            "order by": 95,
            "runs out": 95,
            "risk, %": 65,
            "why": 300,
        },
    )
    return


@app.cell
def _(query):
    _items = query("""
        select sku, warehouse_code, coalesce(product_name, sku) as name
        from marts.replenishment
        where daily_demand > 0
        order by order_value desc nulls last, daily_demand desc, sku, warehouse_code
        limit 500
    """)
    mo.stop(_items.empty, mo.callout("Nothing sells yet.", "warn"))
    _labels = _items.name + " · " + _items.warehouse_code + " · " + _items.sku
    article = mo.ui.dropdown(
        options=dict(zip(_labels, zip(_items.sku, _items.warehouse_code, strict=True), strict=True)),
        value=_labels[0],
        label="Article",
        searchable=True,
    )
    mo.vstack([mo.md("## One article"), article])
    return (article,)


@app.cell
def _(article, query):
    _sku, _warehouse = article.value
    history = query(
        """
        with days as (
            select stock.day, stock.closing_quantity, stock.in_stock_share, demand.demand_quantity
            from marts.fct_stock_daily as stock
            left join marts.fct_demand_daily as demand
                on demand.sku = stock.sku
                and demand.warehouse_code = stock.warehouse_code
                and demand.day = stock.day
            where stock.sku = $sku and stock.warehouse_code = $warehouse
        )
        select
            day,
            cast(closing_quantity as double) as stock,
            cast(coalesce(demand_quantity, 0) as double) as demand
        from days
        where day > (select max(day) - 365 from days)
        order by day
        """,
        sku=_sku,
        warehouse=_warehouse,
    )
    levels = query(
        """
        select reorder_point, order_up_to_level, explanation
        from marts.replenishment
        where sku = $sku and warehouse_code = $warehouse
        """,
        sku=_sku,
        warehouse=_warehouse,
    ).iloc[0]
    _stock = (
        alt.Chart(history)
        .mark_area(color=PALE, line={"color": GREEN}, interpolate="step-after", opacity=0.6)
        .encode(
            x=alt.X("day:T", title=None),
            y=alt.Y("stock:Q", title="stock at the end of the day"),
            tooltip=["day:T", "stock:Q"],
        )
    )
    _rules = (
        alt.Chart(
            alt.Data(
                values=[
                    {"level": float(levels.reorder_point), "what": "reorder point"},
                    {"level": float(levels.order_up_to_level), "what": "order up to"},
                ]
            )
        )
        .mark_rule(strokeDash=[5, 3], strokeWidth=1.5)
        .encode(
            y="level:Q",
            color=alt.Color(
                "what:N", title=None, scale=alt.Scale(range=[AMBER, RUST]), legend=alt.Legend(orient="top")
            ),
        )
    )
    _demand = (
        alt.Chart(history)
        .mark_bar(color=GREEN)
        .encode(
            x=alt.X("yearweek(day):T", title=None),
            y=alt.Y("sum(demand):Q", title="sold per week"),
            tooltip=[
                alt.Tooltip("yearweek(day):T", title="week"),
                alt.Tooltip("sum(demand):Q", title="units"),
            ],
        )
    )
    mo.vstack(
        [
            mo.as_html(str(levels.explanation)),
            (_stock + _rules).properties(width="container", height=240, title="Stock, with today's levels"),
            _demand.properties(width="container", height=150, title="Demand"),
        ]
    )
    return


@app.cell
def _(query):
    replayed = query("""
        select
            policy,
            case
                when starts_with(policy, 'ours') then 'this proposal'
                when starts_with(policy, 'omnium') then 'Omnium, more or fewer days'
                else policy
            end as kind,
            cast(average_stock_value as double) as stock,
            value_fill_rate as served,
            cast(stock_out_days as double) as stock_out_days,
            cast(orders as double) as orders
        from marts.policy_backtest
        where level = 'total' and average_stock_value is not null and value_fill_rate is not null
        order by kind, stock
    """)
    _base = alt.Chart(replayed).encode(
        x=alt.X("stock:Q", title="average stock at cost", axis=alt.Axis(format="~s")),
        y=alt.Y(
            "served:Q", title="share of demand served", axis=alt.Axis(format="%"), scale=alt.Scale(zero=False)
        ),
        color=alt.Color(
            "kind:N",
            title=None,
            scale=alt.Scale(
                domain=["this proposal", "Omnium, more or fewer days", "what happened"],
                range=[GREEN, AMBER, RUST],
            ),
            legend=alt.Legend(orient="top", labelLimit=260),
        ),
        tooltip=[
            "policy",
            alt.Tooltip("served:Q", format=".1%"),
            alt.Tooltip("stock:Q", format=",.0f"),
            "stock_out_days",
            "orders",
        ],
    )
    _chart = (_base.mark_line() + _base.mark_circle(size=80, opacity=1)).properties(
        width="container", height=300
    )
    mo.vstack(
        [
            mo.md(
                "## What it is worth\n\nHistory replayed with each policy: how much of the demand would have been "
                "served, and how much money would have been tied up in stock. Up and to the left is better."
            ),
            _chart if len(replayed) else mo.callout("There is too little history to replay.", "info"),
        ]
    )
    return


@app.cell
def _(query):
    classes = query("""
        select
            coalesce(abc_class, 'not valued') as abc,
            coalesce(xyz_class, '–') as xyz,
            count(*) as items,
            cast(coalesce(sum(annual_value), 0) as double) as annual_value
        from marts.demand_profile
        where coalesce(abc_class, '') <> 'N'
        group by all
        order by abc, xyz
    """)
    _base = alt.Chart(classes).encode(
        x=alt.X("xyz:N", title="how steady: X steady … Z erratic", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("abc:N", title="how much value"),
        tooltip=["abc", "xyz", "items", alt.Tooltip("annual_value:Q", format=",.0f")],
    )
    _picture = (
        _base.mark_rect(cornerRadius=4, stroke="white").encode(
            color=alt.Color("items:Q", scale=alt.Scale(range=["#dcebe6", GREEN]), legend=None)
        )
        + _base.mark_text(fontSize=15, color="#10211c").encode(text=alt.Text("items:Q", format=","))
    ).properties(width="container", height=220)
    mo.vstack(
        [
            mo.md("## Which articles matter\n\nItems that sell: annual value (ABC), weekly variation (XYZ)."),
            _picture,
        ]
    )
    return


if __name__ == "__main__":
    app.run()
