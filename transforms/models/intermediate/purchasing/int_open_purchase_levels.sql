{#
  One row per open row of fct_purchase_order_line, with the curve that predicts its arrival, which is that of the most
  specific level with enough lines. `prospect_key` is the same for rows with the same curve and age.
#}
{{ config(materialized='table') }}

with open_rows as (

    select
        fct_purchase_order_line.*,
        case when is_transfer then supplying_warehouse_code else supplier_id end as source_id,
        {{ days_between('order_date', as_of()) }} as age_days
    from {{ ref('fct_purchase_order_line') }} as fct_purchase_order_line
    where open_quantity > 0

),

enough as (

    select level, supplier_id, warehouse_code, sku
    from {{ ref('lead_time') }}
    where completed_lines >= {{ enough_lines_for_a_curve() }}

),

-- The most specific level with enough lines.
levels as (

    select
        open_rows.*,
        case
            when by_sku.level is not null then by_sku.level
            when by_warehouse.level is not null then by_warehouse.level
            when by_supplier.level is not null then by_supplier.level
            when open_rows.is_transfer then 'transfer'
            else 'global'
        end as lead_time_level
    from open_rows
    left join enough as by_sku
        on by_sku.level = 'supplier_warehouse_sku'
        and not open_rows.is_transfer
        and by_sku.supplier_id = open_rows.source_id
        and by_sku.warehouse_code = open_rows.warehouse_code
        and by_sku.sku = open_rows.sku
    left join enough as by_warehouse
        on by_warehouse.level = case when open_rows.is_transfer then 'transfer_route' else 'supplier_warehouse' end
        and by_warehouse.supplier_id = open_rows.source_id
        and by_warehouse.warehouse_code = open_rows.warehouse_code
    left join enough as by_supplier
        on by_supplier.level = 'supplier'
        and not open_rows.is_transfer
        and by_supplier.supplier_id = open_rows.source_id

),

candidates as (

    select
        levels.*,
        case when lead_time_level not in ('global', 'transfer') then source_id end as level_supplier_id,
        case
            when lead_time_level not in ('global', 'transfer', 'supplier') then warehouse_code
        end as level_warehouse_code,
        case when lead_time_level = 'supplier_warehouse_sku' then sku end as level_sku
    from levels

)

select
    candidates.*,
    -- Each name is preceded by its length, so that no two keys can be the same text.
    lead_time_level
        || coalesce(' ' || length(level_supplier_id) || ' ' || level_supplier_id, '')
        || coalesce(' ' || length(level_warehouse_code) || ' ' || level_warehouse_code, '')
        || coalesce(' ' || level_sku, '')
        || ' / ' || age_days as prospect_key
from candidates
