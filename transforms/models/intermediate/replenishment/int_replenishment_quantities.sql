{{ config(materialized='view' if target.type == 'duckdb' else 'table') }}

-- One row per SKU and warehouse, with the quantity to order today by our formula and by Omnium's. For a warehouse that
-- supplies others, the plan that orders more is chosen, because its own customers must be served as well as the places
-- behind it. In DuckDB the wide rows are written only once, with the risks. On other engines a table separates the
-- formulas of both models, which those engines would otherwise nest.

{%- set planned -%}
select
        levels.*,
        -- Moving goods between places that are planned together adds nothing to their stock.
        coalesce(case when levels.is_echelon then transfers.units - transfers.returned_units else transfers.units end, 0e0)
            as transfer_in_quantity
    from {{ ref('int_replenishment_levels') }} as levels
    left join transfers
        on transfers.sku = levels.sku
        and transfers.to_warehouse_code = levels.warehouse_code
{%- endset %}

with transfers as (
    select
        sku,
        to_warehouse_code,
        sum(units) as units,
        sum(case when is_return then units else 0e0 end) as returned_units
    from {{ ref('int_transfer_proposals') }}
    group by sku, to_warehouse_code
),

-- Few rows have two plans, and choosing between them for all rows would sort all of them.
levels_of_one_plan as (
    {{ planned }}
    where not levels.has_two_plans
),

levels_of_two_plans as (
    {{ planned }}
    where levels.has_two_plans
),

of_one_plan as (
    {{ replenishment_quantities('levels_of_one_plan') }}
),

of_two_plans as (
    {{ replenishment_quantities('levels_of_two_plans') }}
),

chosen as (
    select
        *,
        -- The reorder point of its own customers.
        max(case when not is_echelon then reorder_point end) over (partition by sku, warehouse_code) as own_reorder_point,
        row_number() over (
            partition by sku, warehouse_code
            order by
                suggested_quantity desc, raw_quantity desc, transfer_in_quantity desc,
                case when is_echelon then 0 else 1 end
        ) as choice
    from of_two_plans
)

select
    *,
    reorder_point as own_reorder_point,
    1 as choice
from of_one_plan

union all

select *
from chosen
where choice = 1
