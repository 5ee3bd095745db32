-- With the tenant's own service level and intervals, what-if answers what the proposal says.
{% if target.type != 'duckdb' %}{{ config(enabled=false) }}{% endif %}

-- depends_on: {{ ref('replenishment_input') }}
select
    proposed.sku,
    proposed.warehouse_code,
    proposed.suggested_quantity,
    what_if.suggested_quantity as what_if_quantity
from {{ ref('replenishment') }} as proposed
left join {{ ref('replenishment_input').schema }}.replenishment_what_if({{ var('service_level') }}, null) as what_if
    on what_if.sku = proposed.sku
    and what_if.warehouse_code = proposed.warehouse_code
where what_if.suggested_quantity is distinct from proposed.suggested_quantity
