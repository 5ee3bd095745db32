{#
  The program brings decisions into the working database beside the raw tables (omnium._omnium_decisions); where nothing was
  ever decided, or the models are built elsewhere, there is no such table. build_state.sql has to know that it is read.
#}
{{ config(meta={'reads': 'all_raw_tables'}) }}
{%- set decisions = adapter.get_relation(target.database or none, var('raw_schema'), '_omnium_decisions') if execute else none %}

-- One row per thing that a purchaser decided of a proposal in the dashboard.
{%- if decisions %}
select
    number, what, sku, warehouse_code, proposal_date, proposed_quantity, quantity, is_ticked, snoozed_until, decided_at
from {{ decisions }}
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
