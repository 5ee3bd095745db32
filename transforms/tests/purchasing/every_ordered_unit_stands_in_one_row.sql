{#
  Reconciles the marts with staging: per purchase order, the units on its lines equal those in its rows. Left out, as in
  the definition, are orders after the as-of date, lines without SKU, and drafts. For an earlier as-of date, staging no
  longer has the lines of that day.
#}
with staged as (

    select
        orders.purchase_order_id,
        sum(lines.ordered_quantity) as ordered_quantity
    from {{ ref('stg_purchase_order_lines') }} as lines
    inner join {{ ref('int_purchase_orders') }} as orders
        on lines.purchase_order_key = orders.purchase_order_key
    where lines.sku is not null
        and orders.stage <> 'draft'
        and orders.is_current_state
    group by orders.purchase_order_id

),

order_rows as (

    select purchase_order_id, sum(ordered_quantity) as ordered_quantity
    from {{ ref('fct_purchase_order_line') }}
    group by purchase_order_id

)

select staged.purchase_order_id, staged.ordered_quantity as staged_quantity, order_rows.ordered_quantity
from staged
left join order_rows
    on staged.purchase_order_id = order_rows.purchase_order_id
where coalesce(order_rows.ordered_quantity, -1) <> staged.ordered_quantity
