{%- set annual_value -%}
case
            when {{ demand_figure('exact_daily_demand') }} = 0e0 then cast(0 as decimal(18, 2))
            else {{ estimated_money('365e0 * exact_daily_demand * unit_cost_in_default_currency') }}
        end
{%- endset -%}
with totals as (
    select
        sku,
        warehouse_code,
        sum(days) as days,
        sum(demand) as demand,
        sum(transfer_out) as transfer_out,
        sum(transfer_out * transfer_out) as transfer_out_squared,
        sum(in_stock_days) as in_stock_days,
        sum(full_stock_days) as full_stock_days,
        sum(case when first_share >= 1e0 then demand else 0e0 end) as full_stock_demand,
        sum(case when first_share >= 1e0 then demand * demand else 0e0 end) as full_stock_demand_squared
    from {{ ref('int_demand_window') }}
    group by sku, warehouse_code
),

weeks as (
    select
        sku,
        warehouse_code,
        sum(week_demand * week_demand) as squared_weeks,
        sum(week_demand) as week_demand
    from (
        select
            window_days.sku,
            window_days.warehouse_code,
            sum(window_days.demand) as week_demand
        from {{ ref('int_demand_window') }} as window_days
        inner join totals
            on totals.sku = window_days.sku
            and totals.warehouse_code = window_days.warehouse_code
        where window_days.demand > 0
            -- Only full weeks, counted back from the as-of date.
            and {{ days_between('window_days.first_day', as_of()) }} < floor(totals.days / 7e0) * 7e0
        group by
            window_days.sku, window_days.warehouse_code,
            floor({{ days_between('window_days.first_day', as_of()) }} / 7e0)
    ) as by_week
    group by sku, warehouse_code
),

measured as (
    select
        totals.*,
        totals.demand / nullif(totals.in_stock_days, 0e0) as rate_in_stock,
        totals.demand / totals.days as rate_naive,
        case
            when totals.full_stock_days >= 2 then sqrt(greatest(
                0e0,
                (
                    totals.full_stock_demand_squared
                    - totals.full_stock_demand * totals.full_stock_demand / totals.full_stock_days
                ) / (totals.full_stock_days - 1)
            ))
        end as sd_in_stock,
        intermittent.cv_squared,
        intermittent.sba_daily_demand,
        intermittent.tsb_daily_demand,
        totals.in_stock_days / nullif(intermittent.sales_days, 0) as average_demand_interval,
        floor(totals.days / 7e0) as whole_weeks,
        coalesce(weeks.week_demand, 0e0) as week_demand,
        coalesce(weeks.squared_weeks, 0e0) as squared_weeks
    from totals
    left join {{ ref('int_intermittent_demand') }} as intermittent
        on intermittent.sku = totals.sku
        and intermittent.warehouse_code = totals.warehouse_code
    left join weeks
        on weeks.sku = totals.sku
        and weeks.warehouse_code = totals.warehouse_code
),

classified as (
    select
        *,
        case
            when demand <= 0e0 then 'none'
            when average_demand_interval < 1.32e0 and cv_squared < 0.49e0 then 'smooth'
            when average_demand_interval < 1.32e0 then 'erratic'
            when cv_squared < 0.49e0 then 'intermittent'
            else 'lumpy'
        end as demand_pattern
    from measured
),

suppliers as (
    select supplier_id, planning_mean_days
    from {{ ref('lead_time') }}
    where level = 'supplier'
),

tenant_lead_time as (
    select planning_mean_days
    from {{ ref('lead_time') }}
    where level = 'global'
),

items as (
    select
        items.sku,
        items.warehouse_code,
        items.unit_cost_in_default_currency,
        coalesce(suppliers.planning_mean_days, tenant_lead_time.planning_mean_days)
            + {{ real(var('review_days')) }} as protection_days
    from {{ ref('int_stocked_items') }} as items
    cross join tenant_lead_time
    left join {{ ref('dim_product') }} as products
        on products.sku = items.sku
    left join suppliers
        on suppliers.supplier_id = products.supplier_id
),

forecast as (
    {{ demand_forecast_over('items', {'forecast': 'asked.protection_days'}) | indent(4) }}
),

settled as (
    select
        forecast.sku,
        forecast.warehouse_code,
        forecast.unit_cost_in_default_currency,
        forecast.protection_days,
        forecast.forecast_mean,
        forecast.forecast_promotion,
        {{ demand_countable_variance('forecast.forecast_mean', 'forecast.forecast_variance') }} as forecast_variance,
        coalesce(estimates.daily_demand, 0e0) as exact_daily_demand,
        coalesce(classified.rate_naive, 0e0) as daily_demand_naive,
        classified.rate_in_stock,
        classified.sba_daily_demand,
        classified.tsb_daily_demand,
        classified.sd_in_stock as daily_demand_sd,
        coalesce(classified.in_stock_days, 0e0) as in_stock_days,
        classified.average_demand_interval,
        classified.cv_squared,
        coalesce(classified.demand_pattern, 'none') as demand_pattern,
        classified.week_demand,
        classified.squared_weeks,
        classified.whole_weeks,
        coalesce(estimates.memory_days, 0e0) as memory_days,
        greatest(coalesce(classified.in_stock_days, 0e0), coalesce(estimates.long_days, 0e0))
            < {{ var('low_evidence_days', 14) }} as is_low_evidence,
        estimates.scaled_daily_demand,
        coalesce(estimates.one_off_quantity, 0e0) as one_off_quantity,
        estimates.last_one_off_day as last_one_off_date,
        coalesce(classified.transfer_out / classified.days, 0e0) as daily_transfer_out,
        coalesce(
            sqrt(greatest(
                0e0,
                (classified.transfer_out_squared - classified.transfer_out * classified.transfer_out / classified.days)
                / nullif(classified.days - 1, 0)
            )),
            0e0
        ) as daily_transfer_out_sd
    from forecast
    left join classified
        on classified.sku = forecast.sku
        and classified.warehouse_code = forecast.warehouse_code
    left join {{ ref('int_demand_estimates') }} as estimates
        on estimates.sku = forecast.sku
        and estimates.warehouse_code = forecast.warehouse_code
        and estimates.as_of_day = {{ as_of() }}
),

valued as (
    select
        *,
        {{ demand_figure('exact_daily_demand') }} as daily_demand,
        {{ annual_value }} as annual_value,
        case
            when whole_weeks >= 2 and week_demand > 0e0 then
                sqrt(greatest(0e0, (squared_weeks - week_demand * week_demand / whole_weeks) / (whole_weeks - 1)))
                / (week_demand / whole_weeks)
        end as weekly_cv
    from settled
),

-- Ranked separately, because most articles of a large tenant have no value and need not be sorted with all of their
-- columns.
worth as (
    select
        items.sku,
        items.warehouse_code,
        estimates.daily_demand as exact_daily_demand,
        items.unit_cost_in_default_currency
    from {{ ref('int_stocked_items') }} as items
    inner join {{ ref('int_demand_estimates') }} as estimates
        on estimates.sku = items.sku
        and estimates.warehouse_code = items.warehouse_code
        and estimates.as_of_day = {{ as_of() }}
    where estimates.daily_demand > 0e0
),

ranked as (
    select
        sku,
        warehouse_code,
        sum(annual_value) over (
            order by annual_value desc, sku, warehouse_code
            rows between unbounded preceding and current row
        ) - annual_value as value_before,
        sum(annual_value) over () as total_value
    from (
        select
            sku,
            warehouse_code,
            {{ annual_value }} as annual_value
        from worth
    ) as annually
    where annual_value <> 0
)

select
    valued.sku,
    valued.warehouse_code,
    daily_demand,
    -- With fewer than two full days in stock, demand is assumed to be a Poisson process.
    {{ demand_figure('coalesce(daily_demand_sd, sqrt(daily_demand))') }} as daily_demand_sd,
    {{ demand_figure('case
        when daily_demand > 0e0 and protection_days > 0e0 then (forecast_mean - forecast_promotion) / (exact_daily_demand * protection_days)
        else 1e0
    end') }} as season_factor,
    {{ demand_figure('protection_days') }} as protection_days,
    {{ demand_figure('forecast_mean') }} as forecast_demand,
    {{ demand_figure('forecast_promotion') }} as promotion_demand,
    {{ demand_figure('sqrt(forecast_variance)') }} as forecast_sd,
    {{ demand_figure('case when forecast_mean > 0e0 then forecast_variance / forecast_mean end') }} as dispersion,
    {{ demand_figure('memory_days') }} as memory_days,
    is_low_evidence,
    case
        when daily_demand = 0e0 then 'none'
        when not is_low_evidence then 'own history'
        when scaled_daily_demand > 0e0 then 'scaled from other warehouses'
        else 'scaled from category'
    end as evidence,
    {{ quantity('one_off_quantity') }} as one_off_quantity,
    last_one_off_date,
    {{ demand_figure('daily_demand_naive') }} as daily_demand_naive,
    {{ demand_figure('rate_in_stock') }} as daily_demand_in_stock,
    {{ demand_figure('sba_daily_demand') }} as daily_demand_sba,
    {{ demand_figure('tsb_daily_demand') }} as daily_demand_tsb,
    {{ demand_figure('in_stock_days') }} as in_stock_days,
    {{ demand_figure('average_demand_interval') }} as average_demand_interval,
    {{ demand_figure('cv_squared') }} as cv_squared,
    demand_pattern,
    case
        when daily_demand = 0e0 then 'N'
        when annual_value is null then null
        when annual_value = 0 then 'C'
        -- Reduced by a millionth, because amounts are rounded to cents and a row exactly at the limit must not fall
        -- below it.
        when ranked.value_before < 0.7999992 * ranked.total_value then 'A'
        when ranked.value_before < 0.94999905 * ranked.total_value then 'B'
        else 'C'
    end as abc_class,
    case
        when weekly_cv <= 0.5e0 then 'X'
        when weekly_cv <= 1e0 then 'Y'
        when weekly_cv > 1e0 then 'Z'
    end as xyz_class,
    annual_value,
    {{ demand_figure('daily_transfer_out') }} as daily_transfer_out,
    {{ demand_figure('daily_transfer_out_sd') }} as daily_transfer_out_sd
from valued
left join ranked
    on ranked.sku = valued.sku
    and ranked.warehouse_code = valued.warehouse_code
