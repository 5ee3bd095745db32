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
            -- whole weeks only, counted back from the as-of date
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
        coalesce(weeks.squared_weeks, 0e0) as squared_weeks,
        totals.in_stock_days < {{ var('low_evidence_days', 14) }} as is_low_evidence
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

estimated as (
    select
        *,
        coalesce(
            -- Smoothing remembers about ten sales. Where fewer fit into the window it hangs on the first
            -- one, and is far too high on average: rare sales are counted plainly.
            case
                when average_demand_interval > {{ var('smoothing_longest_interval_days', 5) }} then rate_in_stock
                when demand_pattern = 'intermittent' then sba_daily_demand
                when demand_pattern = 'lumpy' then tsb_daily_demand
            end,
            rate_in_stock,
            rate_naive
        ) as own_daily_demand
    from classified
),

-- What the SKU sells where there is evidence: per warehouse, days in stock as weights.
elsewhere as (
    select
        sku,
        sum(demand) / sum(in_stock_days) as daily_demand,
        sqrt(sum(sd_in_stock * sd_in_stock * in_stock_days) / sum(in_stock_days)) as daily_demand_sd
    from estimated
    where not is_low_evidence
    group by sku
),

settled as (
    select
        items.sku,
        items.warehouse_code,
        items.unit_cost_in_default_currency,
        case
            when estimated.is_low_evidence then coalesce(elsewhere.daily_demand, estimated.own_daily_demand)
            else coalesce(estimated.own_daily_demand, 0e0)
        end as exact_daily_demand,
        coalesce(estimated.rate_naive, 0e0) as daily_demand_naive,
        case
            when estimated.is_low_evidence then coalesce(elsewhere.daily_demand_sd, estimated.sd_in_stock)
            else estimated.sd_in_stock
        end as daily_demand_sd,
        coalesce(estimated.in_stock_days, 0e0) as in_stock_days,
        estimated.average_demand_interval,
        estimated.cv_squared,
        coalesce(estimated.demand_pattern, 'none') as demand_pattern,
        estimated.week_demand,
        estimated.squared_weeks,
        estimated.whole_weeks,
        coalesce(estimated.is_low_evidence, true) as is_low_evidence,
        coalesce(estimated.transfer_out / estimated.days, 0e0) as daily_transfer_out,
        coalesce(
            sqrt(greatest(
                0e0,
                (estimated.transfer_out_squared - estimated.transfer_out * estimated.transfer_out / estimated.days)
                / nullif(estimated.days - 1, 0)
            )),
            0e0
        ) as daily_transfer_out_sd
    from {{ ref('int_stocked_items') }} as items
    left join estimated
        on estimated.sku = items.sku
        and estimated.warehouse_code = items.warehouse_code
    left join elsewhere
        on elsewhere.sku = items.sku
),

valued as (
    select
        *,
        {{ demand_figure('exact_daily_demand') }} as daily_demand,
        case
            when {{ demand_figure('exact_daily_demand') }} = 0e0 then cast(0 as decimal(18, 2))
            else {{ estimated_money('365e0 * exact_daily_demand * unit_cost_in_default_currency') }}
        end as annual_value,
        case
            when whole_weeks >= 2 and week_demand > 0e0 then
                sqrt(greatest(0e0, (squared_weeks - week_demand * week_demand / whole_weeks) / (whole_weeks - 1)))
                / (week_demand / whole_weeks)
        end as weekly_cv
    from settled
),

ranked as (
    select
        *,
        sum(annual_value) over (
            order by annual_value desc nulls last, sku, warehouse_code
            rows between unbounded preceding and current row
        ) - annual_value as value_before,
        sum(annual_value) over () as total_value
    from valued
)

select
    sku,
    warehouse_code,
    daily_demand,
    {{ demand_figure('daily_demand_naive') }} as daily_demand_naive,
    -- without two full days in stock: as if customers came one by one
    {{ demand_figure('coalesce(daily_demand_sd, sqrt(daily_demand))') }} as daily_demand_sd,
    {{ demand_figure('in_stock_days') }} as in_stock_days,
    {{ demand_figure('average_demand_interval') }} as average_demand_interval,
    {{ demand_figure('cv_squared') }} as cv_squared,
    demand_pattern,
    case
        when daily_demand = 0e0 then 'N'
        when annual_value is null then null
        when annual_value = 0 then 'C'
        when value_before < 0.80 * total_value then 'A'
        when value_before < 0.95 * total_value then 'B'
        else 'C'
    end as abc_class,
    case
        when weekly_cv <= 0.5e0 then 'X'
        when weekly_cv <= 1e0 then 'Y'
        when weekly_cv > 1e0 then 'Z'
    end as xyz_class,
    annual_value,
    is_low_evidence,
    {{ demand_figure('daily_transfer_out') }} as daily_transfer_out,
    {{ demand_figure('daily_transfer_out_sd') }} as daily_transfer_out_sd
from ranked
