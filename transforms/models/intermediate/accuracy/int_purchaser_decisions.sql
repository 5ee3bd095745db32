-- One row per SKU, warehouse and day of a kept proposal, with the purchaser's last decision on it in the dashboard.
with events as (
    select *
    from {{ ref('int_decision_events') }}
    where {{ local_date('decided_at') }} <= {{ as_of() }}
),

-- An unchanged proposal is not kept again, so the purchaser saw the newest one kept up to that day.
seen as (
    select
        events.number,
        max(proposals.proposal_date) as kept_date
    from events
    inner join {{ ref('proposal_history') }} as proposals
        on proposals.sku = events.sku
        and proposals.warehouse_code = events.warehouse_code
        and proposals.proposal_date <= events.proposal_date
    group by events.number
),

ranked as (
    select
        events.*,
        seen.kept_date,
        row_number() over (
            partition by events.sku, events.warehouse_code, seen.kept_date order by events.number desc
        ) as place
    from events
    inner join seen
        on seen.number = events.number
)

select
    sku,
    warehouse_code,
    kept_date as proposal_date,
    case
        when what = 'ordered' and coalesce(quantity, proposed_quantity) = proposed_quantity then 'ordered as proposed'
        when what = 'ordered' then 'ordered otherwise'
        when snoozed_until is not null then 'put off'
        when quantity <> proposed_quantity then 'another quantity'
        when is_ticked then 'chosen'
        else 'noted'
    end as purchaser_decision,
    case when what = 'ordered' or (snoozed_until is null and (is_ticked or quantity is not null))
        then coalesce(quantity, proposed_quantity)
    end as decided_quantity,
    decided_at
from ranked
where place = 1
    and what <> 'cleared'
