{#
  One row per purchase order row that says something about a lead time: it was received after `duration_days`
  (`is_received`), is still open (`is_open`), or was cancelled before anything was received (`is_cancelled`).

  Left out are rows whose goods arrived before the order was created, rows with net quantity 0, rows of done orders
  without a receipt, and rows that the order calls delivered although no receipt shows when. The supplier of an internal
  transfer is the supplying warehouse.
#}
with order_rows as (

    select * from {{ ref('fct_purchase_order_line') }}

),

classified as (

    select
        purchase_order_id,
        promised_date,
        first_promised_date,
        order_date,
        case when is_transfer then supplying_warehouse_code else supplier_id end as supplier_id,
        warehouse_code,
        sku,
        is_transfer,
        -- Arrivals of one supplier with the same order date and the same duration came on one truck.
        coalesce(case when is_transfer then supplying_warehouse_code else supplier_id end, '') || ' / '
            || cast(order_date as {{ raw_type('text') }}) as observation_key,
        cast(duration_days as bigint) as duration_days,
        is_complete or is_closed_short as is_received,
        not (is_complete or is_closed_short) and open_quantity > 0 as is_open,
        stage = 'cancelled' and received_quantity = 0 as is_cancelled
    from order_rows
    where not is_retroactive
        and net_quantity > 0
        and duration_days >= 0

)

select * from classified
where is_received or is_open or is_cancelled
