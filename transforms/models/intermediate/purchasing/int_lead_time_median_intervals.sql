{#
  One row per supplier, with an interval that contains the true median lead time with at least 95 % confidence. It comes
  from order statistics of its observations (the lines of one truck are one): of n observations, the k-th shortest and
  the k-th longest, where k is the largest number with P(B < k) ≤ 2.5 % for B binomial with n and ½. No distribution is
  assumed.

  If the supplier drifts, recent observations weigh more. n is then (Σw)² / Σw², and the k-th of n is the one at which
  the cumulative weight from below (or above) reaches k / n of the total.

  Lines ordered fewer days ago than the measured median are left out, received or not, because only the quick ones among
  them can have arrived. Open lines count as longer than all others.
#}
with observations as (

    select distinct
        observations.supplier_id,
        observations.order_date,
        case when observations.is_received then observations.duration_days end as duration_days,
        case
            when drifts.is_drifting then {{ lead_time_recency('observations.order_date') }}
            else 1e0
        end as weight
    from {{ ref('int_lead_time_observations') }} as observations
    inner join {{ ref('lead_time') }} as lead_time
        on lead_time.level = 'supplier'
        and observations.supplier_id = lead_time.supplier_id
    left join {{ ref('int_lead_time_drifts') }} as drifts
        on not drifts.is_transfer
        and observations.supplier_id = drifts.supplier_id
    where not observations.is_transfer
        and (observations.is_received or observations.is_open)
        and (
            lead_time.recent_p50_days is null
            or {{ days_between('observations.order_date', as_of()) }} >= lead_time.recent_p50_days
        )

),

ranked as (

    select
        supplier_id,
        duration_days,
        row_number() over suppliers as place,
        sum(weight) over suppliers as weight_through,
        sum(weight) over (partition by supplier_id) as total_weight,
        cast(floor(
            power(sum(weight) over (partition by supplier_id), 2)
                / sum(weight * weight) over (partition by supplier_id) + 1e-6
        ) as bigint) as observation_count
    from observations
    window suppliers as (
        partition by supplier_id
        order by duration_days nulls last, order_date
        rows between unbounded preceding and current row
    )

),

-- The logarithm of the binomial coefficient (n over place), as a running sum.
coefficients as (

    select
        supplier_id,
        place,
        observation_count,
        sum(ln({{ real('observation_count - place + 1') }} / place)) over (
            partition by supplier_id order by place
            rows between unbounded preceding and current row
        ) as log_coefficient
    from ranked
    where place <= observation_count

),

-- P(B < place): the term for 0, and those for 1 to place − 1.
tails as (

    select
        coefficients.*,
        exp(greatest(-observation_count * ln(2.0), -700)) + coalesce(
            sum(exp(greatest(log_coefficient - observation_count * ln(2.0), -700))) over (
                partition by supplier_id order by place
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as tail
    from coefficients

),

cut as (

    select
        supplier_id,
        min(observation_count) as observation_count,
        max(case when tail <= 0.025 then place end) as k
    from tails
    group by supplier_id

)

select
    cut.supplier_id,
    cut.observation_count,
    min(case
        when ranked.weight_through >= ranked.total_weight * cut.k / cut.observation_count - 1e-9 then ranked.duration_days
    end) as low_days,
    -- Null if the interval has no upper end, because too many orders have not arrived yet.
    min(case
        when ranked.weight_through
            >= ranked.total_weight * (cut.observation_count + 1 - cut.k) / cut.observation_count - 1e-9
        then ranked.duration_days
    end) as high_days
from cut
inner join ranked
    on cut.supplier_id = ranked.supplier_id
group by cut.supplier_id, cut.observation_count, cut.k
