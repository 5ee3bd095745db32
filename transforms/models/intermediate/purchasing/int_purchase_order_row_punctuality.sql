{#
  One row per purchase order row of a supplier, with the quantity received within the tolerance around its first
  promise. Moving a promise does not make a late receipt punctual.
#}
with order_rows as (

    select
        fct_purchase_order_line.*,
        {{ add_days('first_promised_date', var('late_tolerance_days')) }} as last_punctual_date,
        {% if var('early_tolerance_days') | string != '' -%}
        {{ add_days('first_promised_date', '-(' ~ var('early_tolerance_days') ~ ')') }}
        {%- else -%}
        cast('0001-01-01' as date)
        {%- endif %} as first_punctual_date
    from {{ ref('fct_purchase_order_line') }} as fct_purchase_order_line
    where not is_transfer
        and supplier_id is not null

),

receipts as (

    select
        order_rows.purchase_order_id,
        order_rows.sku,
        order_rows.warehouse_code,
        order_rows.promised_date,
        sum(case
            when parts.received_date between order_rows.first_punctual_date and order_rows.last_punctual_date
            then parts.quantity
        end) as on_time_quantity,
        -- Known even for an order without a date, of which full_receipt_days is unknown.
        min(case when parts.running_quantity >= order_rows.net_quantity then parts.received_date end) as full_receipt_date
    from order_rows
    inner join {{ ref('int_purchase_receipt_parts') }} as parts
        on {{ same_order_row('order_rows', 'parts') }}
    group by order_rows.purchase_order_id, order_rows.sku, order_rows.warehouse_code, order_rows.promised_date

),

joined as (

    select
        order_rows.*,
        receipts.full_receipt_date,
        {{ quantity('coalesce(receipts.on_time_quantity, 0)') }} as on_time_quantity,
        -- A row with net quantity 0 can be neither late nor short.
        coalesce(order_rows.last_punctual_date < {{ as_of() }}, false) and order_rows.net_quantity > 0 as is_due
    from order_rows
    left join receipts
        on {{ same_order_row('order_rows', 'receipts') }}

)

select
    purchase_order_id,
    supplier_id,
    sku,
    warehouse_code,
    promised_date,
    first_promised_date,
    cast({{ dbt.date_trunc('month', 'first_promised_date') }} as date) as promise_month,
    order_date,
    ordered_quantity,
    canceled_quantity,
    net_quantity,
    received_quantity,
    on_time_quantity,
    open_quantity,
    over_received_quantity,
    promise_slips,
    unit_cost,
    currency,
    is_due,
    case
        when is_due
        then received_quantity > 0 and on_time_quantity >= least(received_quantity, net_quantity)
    end as is_on_time,
    case when is_due then received_quantity >= net_quantity end as is_in_full,
    case when is_due then on_time_quantity >= net_quantity end as is_otif_net,
    case when is_due then on_time_quantity >= ordered_quantity end as is_otif_gross,
    case
        when not is_due then null
        when is_complete then {{ days_between('first_promised_date', 'full_receipt_date') }}
        when is_closed_short then {{ days_between('first_promised_date', 'last_receipt_date') }}
        -- Lateness so far; what is missing is at least this late. What will no longer come is not late but missing.
        when open_quantity > 0 then {{ days_between('first_promised_date', as_of()) }}
    end as days_late
from joined
