{#
  The program brings decisions into the working database beside the raw tables (omnium._omnium_decisions); where nothing was
  ever decided, or the models are built elsewhere, there is no such table. build_state.sql has to know that it is read.
#}
{{ config(meta={'reads': 'all_raw_tables'}) }}
{%- set decisions = adapter.get_relation(target.database or none, var('raw_schema'), '_omnium_decisions') if execute else none %}

-- One row per SKU, warehouse and day of a kept proposal: what the purchaser decided last of it in the dashboard.
with events as (
    {%- if decisions %}
    select
        number, what, sku, warehouse_code, proposal_date, proposed_quantity, quantity, is_ticked, snoozed_until, decided_at
    from {{ decisions }}
    where {{ local_date('decided_at') }} <= {{ as_of() }}
    {%- else %}
    select
        0 as number,
        cast(null as {{ raw_type('text') }}) as what,
        cast(null as {{ raw_type('text') }}) as sku,
        cast(null as {{ raw_type('text') }}) as warehouse_code,
        cast(null as date) as proposal_date,
        cast(null as decimal(18, 4)) as proposed_quantity,
        cast(null as decimal(18, 4)) as quantity,
        false as is_ticked,
        cast(null as date) as snoozed_until,
        cast(null as {{ instant_type() }}) as decided_at
    where 1 = 0
    {%- endif %}
),

-- A proposal that is the same as before is not kept anew: the newest until then is the one that was seen.
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
