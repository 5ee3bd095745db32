select
    cast({{ dbt.date_trunc('month', 'proposal_date') }} as date) as month,
    cast(count(*) as bigint) as proposals,
    cast(count(case when is_judged then 1 end) as bigint) as judged,
    cast(count(has_reorder_point_held) as bigint) as reorder_points_judged,
    {{ demand_figure('avg(case when has_reorder_point_held then 1e0 when not has_reorder_point_held then 0e0 end)') }}
        as reorder_point_held_share,
    {{ demand_figure('avg(case when has_reorder_point_held is not null then service_level end)') }} as service_level,
    {{ demand_figure('sum(case when wanted_quantity is not null then forecast_demand end)') }} as forecast_demand,
    {{ demand_figure('sum(wanted_quantity)') }} as wanted_quantity,
    {{ demand_figure('sum(forecast_error) / nullif(sum(wanted_quantity), 0e0)') }} as forecast_bias,
    {{ demand_figure('sum(abs(forecast_error)) / nullif(sum(wanted_quantity), 0e0)') }} as forecast_error_share,
    cast(count(case when decision in ('followed', 'changed', 'ignored') then 1 end) as bigint) as decided,
    {{ demand_figure("avg(case when decision = 'followed' then 1e0 when decision in ('changed', 'ignored') then 0e0 end)") }}
        as followed_share,
    {{ demand_figure("avg(case when decision = 'changed' then 1e0 when decision in ('followed', 'ignored') then 0e0 end)") }}
        as changed_share,
    {{ demand_figure("avg(case when decision = 'ignored' then 1e0 when decision in ('followed', 'changed') then 0e0 end)") }}
        as ignored_share,
    cast(count(case when decision = 'unasked' then 1 end) as bigint) as unasked,
    cast(count(has_arrived_in_time) as bigint) as arrivals_judged,
    {{ demand_figure('avg(case when has_arrived_in_time then 1e0 when not has_arrived_in_time then 0e0 end)') }}
        as arrived_in_time_share,
    {{ demand_figure('avg(' ~ real('days_late') ~ ')') }} as mean_days_late
from {{ ref('proposal_accuracy') }}
group by cast({{ dbt.date_trunc('month', 'proposal_date') }} as date)
