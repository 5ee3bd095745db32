-- One row per SKU, with its average sales price of the last year without tax, in the tenant's default currency. Lines
-- in a currency without a rate are left out.

select
    lines.sku,
    sum({{ real('lines.line_amount') }} * coalesce(rates.rate, 1e0)) / sum({{ real('lines.quantity') }}) as unit_price
from {{ ref('stg_order_lines') }} as lines
inner join {{ ref('stg_orders') }} as orders
    on orders.order_row_id = lines.order_row_id
left join {{ ref('int_currency_rates') }} as rates
    on rates.currency = orders.currency
where lines.quantity > 0
    and lines.line_amount > 0
    and orders.created_date > {{ add_days(as_of(), -365) }}
    and orders.created_date <= {{ as_of() }}
    and (orders.currency is null or rates.rate is not null)
group by lines.sku
