{#
  Promotions: their effect on past sales, and what coming ones will add to the ordinary demand.
#}

{#
  One row per as-of day. promotion_factor is the ratio of sales on promotion days to those on other days over the last
  year, measured in the article's usual size so that no single article dominates; ten sales at a ratio of 1 are added.
  Between 1 and 10. Promotions in some stores only are ignored, and so are their sales.
#}
{% macro demand_promotion_effects(changes, as_of_days, promotion_days) -%}
{%- set k = demand_constants() -%}
with sold as (
    select
        days.as_of_day,
        changes.sku,
        sum({{ real('changes.demand_quantity') }}) as units,
        count(*) as sale_days,
        sum(case when promotions.sku is not null then {{ real('changes.demand_quantity') }} else 0e0 end) as promoted_units
    from {{ changes }} as changes
    inner join {{ as_of_days }} as days
        on changes.day <= days.as_of_day
        and changes.day > {{ add_days('days.as_of_day', -1 * k.season_shift_days) }}
    left join {{ promotion_days }} as promotions
        on promotions.sku = changes.sku
        and promotions.day = changes.day
        and promotions.warehouse_code in ('', changes.warehouse_code)
    where changes.demand_quantity > 0
        and changes.sku in (select sku from {{ promotion_days }})
        and coalesce(promotions.warehouse_code, '') = ''
    group by days.as_of_day, changes.sku
),

promoted as (
    select
        days.as_of_day,
        promotions.sku,
        count(*) as promoted_days
    from {{ promotion_days }} as promotions
    inner join {{ as_of_days }} as days
        on promotions.day <= days.as_of_day
        and promotions.day > {{ add_days('days.as_of_day', -1 * k.season_shift_days) }}
    where promotions.warehouse_code = ''
    group by days.as_of_day, promotions.sku
),

counted as (
    select
        sold.as_of_day,
        sold.promoted_units * sold.sale_days / sold.units as promoted_sales,
        (sold.units - sold.promoted_units) * sold.sale_days / sold.units * promoted.promoted_days
            / ({{ k.season_shift_days }} - promoted.promoted_days) as ordinary_sales
    from sold
    inner join promoted
        on promoted.as_of_day = sold.as_of_day
        and promoted.sku = sold.sku
        and promoted.promoted_days < {{ k.season_shift_days // 2 }}
)

select
    days.as_of_day,
    {{ demand_figure('greatest(1e0, least(' ~ k.most_promotion_factor ~ 'e0,
        (coalesce(sum(counted.promoted_sales), 0e0) + ' ~ k.promotion_prior_sales ~ 'e0)
        / (coalesce(sum(counted.ordinary_sales), 0e0) + ' ~ k.promotion_prior_sales ~ 'e0)
    ))') }} as promotion_factor
from {{ as_of_days }} as days
left join counted
    on counted.as_of_day = days.as_of_day
group by days.as_of_day
{%- endmacro %}


{#
  One row per as-of day, SKU, warehouse and day of a coming promotion. The day lasts from begins_after_days to
  ends_after_days (the beginning of the next such day) after the as-of day. day_quantity is the units added to the
  ordinary demand on that day, before_quantity those of the promotion days before it. A planned volume is distributed
  over the warehouses in proportion to their sales of the SKU, less the ordinary demand; without one, the effect of
  earlier promotions is assumed.
#}
{% macro demand_promotions(estimates, promotion_days, promotion_effects) -%}
{%- set k = demand_constants() -%}
with places as (
    select
        estimates.as_of_day,
        estimates.sku,
        estimates.warehouse_code,
        estimates.daily_demand
    from {{ estimates }} as estimates
    where estimates.sku in (select sku from {{ promotion_days }} where day > {{ add_days(as_of(), -400) }})
),

days as (
    select
        places.as_of_day,
        places.sku,
        places.warehouse_code,
        promotions.promotion_date,
        {{ real(days_between('places.as_of_day', 'promotions.day')) }} as ahead_days,
        case
            when promotions.planned_daily_quantity is null then places.daily_demand * (effects.promotion_factor - 1e0)
            when (sum(places.daily_demand) over sellers) > 0e0 then greatest(
                0e0,
                promotions.planned_daily_quantity * places.daily_demand / (sum(places.daily_demand) over sellers) - places.daily_demand
            )
            else promotions.planned_daily_quantity / (count(*) over sellers)
        end as day_quantity
    from places
    inner join {{ promotion_days }} as promotions
        on promotions.sku = places.sku
        and promotions.warehouse_code in ('', places.warehouse_code)
        and promotions.day > places.as_of_day
        and promotions.day < {{ add_days('places.as_of_day', k.ahead_days) }}
    inner join {{ promotion_effects }} as effects
        on effects.as_of_day = places.as_of_day
    -- The places in which the promotion is valid.
    window sellers as (partition by places.as_of_day, places.sku, promotions.day)
)

select
    as_of_day,
    sku,
    warehouse_code,
    promotion_date,
    ahead_days - 1e0 as begins_after_days,
    coalesce((lead(ahead_days) over promoted) - 1e0, 1e9) as ends_after_days,
    coalesce(sum(day_quantity) over (
        partition by as_of_day, sku, warehouse_code order by ahead_days rows between unbounded preceding and 1 preceding
    ), 0e0) as before_quantity,
    day_quantity
from days
window promoted as (partition by as_of_day, sku, warehouse_code order by ahead_days)
{%- endmacro %}
