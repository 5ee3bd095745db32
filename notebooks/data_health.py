import marimo

app = marimo.App(width="medium", html_head_file="head.html", app_title="Data health")

with app.setup:
    import altair as alt
    import marimo as mo
    from omnium_elt.inspect import notebook
    from omnium_elt.inspect.notebook import AMBER, GREEN, RUST


@app.cell
def _():
    notebook.header("/data-health")
    return


@app.cell
def _():
    query = notebook.published()
    return (query,)


@app.cell
def _(query):
    receipts = query("""
        select
            resource,
            max(window_to) filter (where complete and window_to <= current_timestamp) as read_until,
            count(*) as windows,
            count(*) filter (where not complete) as incomplete,
            cast(sum(total_hits) filter (where complete) as double) as announced,
            cast(sum(distinct_keys) filter (where complete) as double) as received,
            cast(sum(requests) as double) as requests,
            date_diff('second', read_until, current_timestamp) / 3600.0 as hours_old
        from omnium._omnium_windows
        group by resource
        order by resource
    """)
    odd = query("""
        select check_name, rows, meaning, example_keys
        from marts.data_quality
        order by rows desc, check_name
    """)
    mo.vstack(
        [
            mo.md(
                "# Data health\n\nAre the data complete and fresh, what is odd, and what has the vendor changed?"
            ),
            notebook.figures(
                {
                    "resources read": f"{len(receipts):,}",
                    "rows proved complete": f"{receipts.received.sum():,.0f}",
                    "windows not complete": f"{receipts.incomplete.sum():,.0f}",
                    "since the oldest reading": f"{receipts.hours_old.max():,.1f} h"
                    if receipts.hours_old.notna().any()
                    else "none yet",
                    "checks found something": f"{(odd['rows'] > 0).sum()} of {len(odd)}",
                }
            ),
        ]
    )
    return odd, receipts


@app.cell
def _(receipts):
    _fresh = (
        alt.Chart(receipts)
        .mark_bar(cornerRadius=2, color=GREEN)
        .encode(
            y=alt.Y("resource:N", sort="-x", title=None, axis=alt.Axis(labelLimit=200)),
            x=alt.X("hours_old:Q", title="hours since the resource was read completely"),
            color=alt.condition("datum.hours_old > 26", alt.value(RUST), alt.value(GREEN)),
            tooltip=["resource", alt.Tooltip("hours_old:Q", format=".1f"), "read_until:T"],
        )
        .properties(width="container", height={"step": 17})
    )
    _receipts = receipts.assign(
        read_until=["–" if moment != moment else str(moment)[:16] for moment in receipts.read_until],
        announced=["–" if number != number else f"{number:,.0f}" for number in receipts.announced],
        complete=[
            "yes" if not missing else f"{missing:.0f} windows read again" for missing in receipts.incomplete
        ],
    )[
        [
            "resource",
            "read_until",
            "windows",
            "announced",
            "received",
            "requests",
            "complete",
        ]
    ]
    mo.vstack(
        [
            mo.md("## Freshness\n\nResources read more than 26 hours ago are red."),
            _fresh,
            mo.md(
                "## Completeness\n\nA window is complete if as many distinct rows arrived as the tenant "
                "announced. If the endpoint announces no number (–), its pages were read to the end."
            ),
            notebook.table(
                _receipts,
            ),
        ]
    )
    return


@app.cell
def _(odd):
    _found = odd[odd["rows"] > 0]
    _picture = (
        alt.Chart(_found)
        .mark_bar(cornerRadius=2, color=AMBER)
        .encode(
            y=alt.Y("check_name:N", sort="-x", title=None, axis=alt.Axis(labelLimit=260)),
            x=alt.X("rows:Q", title="keys"),
            tooltip=["check_name", "rows", "meaning"],
        )
        .properties(width="container", height={"step": 26})
    )
    mo.vstack(
        [
            mo.md(
                "## Odd data\n\nOdd rows are counted, not dropped; the meaning says how the figures treat them."
            ),
            _picture if len(_found) else mo.callout("No check found anything.", "success"),
            notebook.table(
                _found,
                wrapped_columns=["meaning", "example_keys"],
            ),
        ]
    )
    return


@app.cell
def _(query):
    versions = query("""
        select
            version,
            inserted_at,
            count(distinct tables.key) as tables,
            count(*) as columns
        from omnium._dlt_version
        cross join json_each(schema, '$.tables') as tables
        cross join json_each(tables.value, '$.columns') as columns
        where schema_name = 'omnium' and tables.key not like '\\_%' escape '\\'
        group by version, inserted_at
        order by version
    """)
    drift = query("""
        with seen as (
            select tables.key as table_name, columns.key as column_name,
                columns.value ->> 'data_type' as type, min(version.inserted_at) as since
            from omnium._dlt_version as version
            cross join json_each(version.schema, '$.tables') as tables
            cross join json_each(tables.value, '$.columns') as columns
            where version.schema_name = 'omnium' and tables.key not like '\\_%' escape '\\'
            group by all
        ),
        tables as (
            select table_name, min(since) as table_since from seen group by table_name
        )
        select cast(seen.since as varchar)[:16] as since, table_name, column_name, type
        from seen
        inner join tables using (table_name)
        where seen.since > tables.table_since and not starts_with(column_name, '_')
        order by seen.since desc, table_name, column_name
    """)
    _picture = (
        alt.Chart(versions)
        .mark_line(point=True, color=GREEN, interpolate="step-after")
        .encode(
            x=alt.X("version:O", title="version of the schema", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("columns:Q", title="columns"),
            tooltip=["version", "inserted_at:T", "tables", "columns"],
        )
        .properties(width="container", height=200)
    )
    mo.vstack(
        [
            mo.md(
                "## Drift of the schema\n\nKnown columns by version of the schema. A first load adds one "
                "table after the other."
            ),
            _picture,
            mo.md(f"**{len(drift):,} columns appeared after their table was first read.**"),
            notebook.table(
                drift,
            )
            if len(drift)
            else mo.callout("No table has changed since it was first read.", "success"),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
