{#
  One row per supplier (for internal transfers, per supplying warehouse) with enough observations to tell whether its
  lead times drift.

  The lines of one truck (one order date and one receipt date) are one observation. Its recency is 0.5^(age /
  half-life), where age is the days since the order. The supplier drifts if two conditions hold. The ranks of the
  durations, weighted by recency, differ from their plain mean by more than chance: z = Σ(v − 1/n)·rank / (sd of the
  ranks · √Σ(v − 1/n)²) with v the recency as a share of its sum. Ranks are used so that a single very late truck is not
  a drift. And the difference matters: recent and plain mean differ by at least 1 day and 10 %.

  Orders younger than the median are left out, received or not, because only the quick ones among them can have arrived.
  An open order counts with its age so far.
#}
{{ config(materialized='table') }}

with arrivals as (

    select
        supplier_id,
        is_transfer,
        {{ median('duration_days') }} as median_days
    from {{ ref('int_lead_time_observations') }}
    where is_received
        and supplier_id is not null
    group by supplier_id, is_transfer

),

observations as (

    select distinct
        observations.supplier_id,
        observations.is_transfer,
        observations.order_date,
        observations.duration_days,
        {{ lead_time_recency('observations.order_date') }} as recency
    from {{ ref('int_lead_time_observations') }} as observations
    inner join arrivals
        on observations.supplier_id = arrivals.supplier_id
        and observations.is_transfer = arrivals.is_transfer
    where (observations.is_received or observations.is_open)
        and {{ days_between('observations.order_date', as_of()) }} >= arrivals.median_days

),

ranked as (

    select
        observations.*,
        -- Equal durations share the mean of their ranks.
        rank() over (partition by supplier_id, is_transfer order by duration_days)
            + (count(*) over (partition by supplier_id, is_transfer, duration_days) - 1) / 2e0 as duration_rank,
        count(*) over (partition by supplier_id, is_transfer) as observation_count,
        -- If all observations are so old that their weight is 0, all weigh the same.
        coalesce(
            recency / nullif(sum(recency) over (partition by supplier_id, is_transfer), 0),
            1e0 / count(*) over (partition by supplier_id, is_transfer)
        ) as share_of_recency,
        (1 - recency) / nullif(sum(1 - recency) over (partition by supplier_id, is_transfer), 0) as share_of_earlier
    from observations

),

figures as (

    select
        supplier_id,
        is_transfer,
        min(observation_count) as observation_count,
        {{ real('avg(duration_days)') }} as mean_days,
        sum(share_of_recency * duration_days) as recent_mean_days,
        sum(share_of_earlier * duration_days) as earlier_mean_days,
        sum((share_of_recency - 1e0 / observation_count) * duration_rank) as contrast,
        coalesce(stddev_pop(duration_rank), 0) as rank_sd,
        sqrt(sum(power(share_of_recency - 1e0 / observation_count, 2))) as unevenness
    from ranked
    group by supplier_id, is_transfer

)

select
    supplier_id,
    is_transfer,
    observation_count,
    {{ rounded('recent_mean_days') }} as recent_mean_days,
    {{ rounded('earlier_mean_days') }} as earlier_mean_days,
    {{ rounded('recent_mean_days - earlier_mean_days') }} as drift_days,
    -- Chance exceeds 2.58 standard errors in one case of a hundred.
    abs(contrast) > 2.58 * rank_sd * unevenness + 1e-9
        and abs(recent_mean_days - mean_days) >= greatest(1, 0.1 * mean_days) as is_drifting
from figures
where observation_count >= {{ enough_observations_for_a_drift() }}
