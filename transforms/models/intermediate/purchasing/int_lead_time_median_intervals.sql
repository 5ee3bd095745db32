{#
  One row per supplier: an interval that holds the true median lead time with at least 95 % confidence,
  from order statistics: with n lines, the k-th shortest and the k-th longest, where k is the largest
  number with P(B < k) ≤ 2.5 % for B binomial with n and ½. No distribution is assumed.

  Lines ordered fewer days ago than the measured median are left out, received or not: of them only the
  quick ones can have come. Lines that are still open count as longer than all others.
#}
with lines as (

    select
        observations.supplier_id,
        case when observations.is_received then observations.duration_days end as duration_days
    from {{ ref('int_lead_time_observations') }} as observations
    inner join {{ ref('lead_time') }} as lead_time
        on lead_time.level = 'supplier'
        and observations.supplier_id = lead_time.supplier_id
    where not observations.is_transfer
        and (observations.is_received or observations.is_open)
        and (
            lead_time.p50_days is null
            or {{ days_between('observations.order_date', as_of()) }} >= lead_time.p50_days
        )

),

ranked as (

    select
        supplier_id,
        duration_days,
        row_number() over (partition by supplier_id order by duration_days nulls last) as place,
        count(*) over (partition by supplier_id) as line_count
    from lines

),

-- The logarithm of the binomial coefficient (n over place), as a running sum.
coefficients as (

    select
        ranked.*,
        sum(ln({{ real('line_count - place + 1') }} / place)) over (
            partition by supplier_id order by place
            rows between unbounded preceding and current row
        ) as log_coefficient
    from ranked

),

-- P(B < place): the term for 0, and those for 1 to place − 1.
tails as (

    select
        coefficients.*,
        exp(greatest(-line_count * ln(2.0), -700)) + coalesce(
            sum(exp(greatest(log_coefficient - line_count * ln(2.0), -700))) over (
                partition by supplier_id order by place
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as tail
    from coefficients

),

cut as (

    select
        supplier_id,
        min(line_count) as line_count,
        max(case when tail <= 0.025 then place end) as k
    from tails
    group by supplier_id

)

select
    cut.supplier_id,
    cut.line_count,
    max(case when ranked.place = cut.k then ranked.duration_days end) as low_days,
    -- Null where the interval is open above: too many lines have not arrived yet.
    max(case when ranked.place = cut.line_count + 1 - cut.k then ranked.duration_days end) as high_days
from cut
inner join ranked
    on cut.supplier_id = ranked.supplier_id
group by cut.supplier_id, cut.line_count
