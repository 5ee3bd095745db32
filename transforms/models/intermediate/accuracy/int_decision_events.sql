{#
  The program copies the decisions into the working database, beside the raw tables (omnium._omnium_decisions). The
  table does not exist if nothing was ever decided or if the models are built elsewhere. The meta entry tells
  build_state.sql that this model reads a raw table.
#}
{{ config(meta={'reads': 'all_raw_tables'}) }}
{%- set decisions = adapter.get_relation(target.database or none, var('raw_schema'), '_omnium_decisions') if execute else none %}

-- One row per decision on a proposal that a purchaser made, took back or carried out in the dashboard.
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
