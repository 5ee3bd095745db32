{# One row per supplier and month of first promise, with the quantiles of its lead times; open rows are censored. #}
with counts as (

    select
        supplier_id,
        cast({{ dbt.date_trunc('month', 'first_promised_date') }} as date) as promise_month,
        duration_days as day,
        count(*) as ended,
        count(case when is_received then 1 end) as received
    from {{ ref('int_lead_time_observations') }}
    where not is_transfer
        and supplier_id is not null
        and first_promised_date is not null
    group by supplier_id, cast({{ dbt.date_trunc('month', 'first_promised_date') }} as date), duration_days

),

curve as (

    {{ survival_curve('counts', ['supplier_id', 'promise_month']) }}

)

select
    supplier_id,
    promise_month,
    {{ survival_quantile(0.5) }} as p50_days,
    {{ survival_quantile(0.9) }} as p90_days
from curve
group by supplier_id, promise_month
