-- A table of all articles would have 26 times the rows of demand_profile, and a view could not be read from files
-- without the models below it. So this is a table of the articles that matter most.
{% set weeks = 26 -%}
with promoted as (
    select distinct
        sku,
        warehouse_code
    from {{ ref('int_demand_promotions') }}
    where as_of_day = {{ as_of() }}
        and begins_after_days < {{ 7 * weeks }}e0
        and day_quantity > 0e0
),

-- Articles that sell, or are expected to sell in a promotion only.
items as (
    select
        profile.sku,
        profile.warehouse_code
    from {{ ref('demand_profile') }} as profile
    left join promoted
        on promoted.sku = profile.sku
        and promoted.warehouse_code = profile.warehouse_code
    where profile.daily_demand > 0
        or promoted.sku is not null
    order by profile.annual_value desc nulls last, profile.daily_demand desc, profile.sku, profile.warehouse_code
    limit {{ var('projected_items', 50000) }}
),

weeks as (
    {%- for week in range(1, weeks + 1) %}
    select {{ week }} as week
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

asked as (
    select
        items.sku,
        items.warehouse_code,
        weeks.week,
        7e0 * weeks.week as until_days,
        7e0 * (weeks.week - 1) as from_days
    from items
    cross join weeks
),

forecast as (
    {{ demand_forecast_over('asked', {'before': 'from_days', 'running': 'until_days'}) | indent(4) }}
),

spread as (
    select
        sku,
        warehouse_code,
        week,
        before_mean,
        running_mean,
        {{ demand_countable_variance('running_mean', 'running_variance') }} as countable_variance
    from forecast
),

quantiles as (
    {{ demand_with_quantiles(
        'spread', 'running_mean', 'countable_variance',
        {'running_p50': '0.5e0', 'running_p90': '0.9e0', 'running_p95': '0.95e0', 'running_p98': '0.98e0'},
    ) | indent(4) }}
)

select
    sku,
    warehouse_code,
    week,
    {{ add_days(as_of(), '7 * (week - 1) + 1') }} as week_start_date,
    {{ demand_figure('running_mean - before_mean') }} as week_demand,
    {{ demand_figure('running_mean') }} as running_demand,
    {{ demand_figure('sqrt(countable_variance)') }} as running_sd,
    -- A running total never falls, even if its standard deviation grows faster than its mean.
    {% for name in ['running_p50', 'running_p90', 'running_p95', 'running_p98'] -%}
    max({{ name }}) over (
        partition by sku, warehouse_code order by week rows between unbounded preceding and current row
    ) as {{ name }}{{ ',' if not loop.last }}
    {% endfor -%}
from quantiles
