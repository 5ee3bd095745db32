-- Every unit ordered is in the demand or has a reason not to be. Packages are compared before they are opened.
with order_lines as (
    -- The lines that are only in the form, and those of the shipments.
    select coalesce(sum(quantity), 0) as quantity
    from (
        select shipment_lines.quantity
        from {{ ref('stg_order_shipment_lines') }} as shipment_lines
        inner join {{ ref('stg_orders') }} as orders on orders.order_row_id = shipment_lines.order_row_id

        union all

        select form_lines.quantity
        from {{ ref('stg_order_lines') }} as form_lines
        inner join {{ ref('stg_orders') }} as orders on orders.order_row_id = form_lines.order_row_id
        left join (
            select distinct order_row_id, coalesce(line_item_id, sku) as line_key
            from {{ ref('stg_order_shipment_lines') }}
        ) as shipped
            on shipped.order_row_id = form_lines.order_row_id
            and shipped.line_key = coalesce(form_lines.line_item_id, form_lines.sku)
        where shipped.line_key is null
    ) as lines
    where quantity >= 0
),

accounted as (
    select
        coalesce(sum(ordered_quantity), 0) as ordered,
        coalesce(sum(case when left_out_reason is not null then ordered_quantity else 0 end), 0) as left_out,
        coalesce(sum(case when left_out_reason is null then least(canceled_quantity, ordered_quantity) else 0 end), 0)
            as canceled,
        coalesce(sum(demand_quantity), 0) as demand
    from {{ ref('int_customer_order_lines') }}
    where ordered_quantity >= 0
)

select *
from order_lines
cross join accounted
where abs(order_lines.quantity - accounted.ordered) > 0.0001
    or abs(accounted.ordered - accounted.left_out - accounted.canceled - accounted.demand) > 0.0001
