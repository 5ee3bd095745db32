-- With the service level and interval of each row, what-if returns the proposal. It recomputes all rows, so for large
-- tenants a sample of about 50,000 is used, with the query of replenishment_what_if, because the macro itself computes
-- all rows.
{% if target.type != 'duckdb' %}{{ config(enabled=false) }}{% endif %}

{%- set share = 1 %}
{%- if execute and target.type == 'duckdb' and load_relation(ref('replenishment')) %}
    {%- set share = [1, run_query('select count(*) // 50000 from ' ~ ref('replenishment')).columns[0].values()[0] | int] | max %}
{%- endif %}
with proposed as (
    select * from {{ ref('replenishment') }} where hash(sku) % {{ share }} = 0
),

asked as (
    select * from {{ ref('replenishment_input') }} where hash(sku) % {{ share }} = 0
),

what_if as (
    {{ replenishment_what_if('asked', 'null', 'null') | indent(4) }}
)

select
    proposed.sku,
    proposed.warehouse_code,
    proposed.suggested_quantity,
    what_if.suggested_quantity as what_if_quantity
from proposed
left join what_if
    on what_if.sku = proposed.sku
    and what_if.warehouse_code = proposed.warehouse_code
where what_if.suggested_quantity is distinct from proposed.suggested_quantity
