with last_sales as (
    select
        sku,
        warehouse_code,
        max(day) as last_sold_date
    from {{ ref('fct_stock_and_demand_change') }}
    where demand_quantity > 0
    group by sku, warehouse_code
),

excesses as (
    select
        sku,
        warehouse_code,
        excess_quantity,
        -- Only what has not arrived yet can be cancelled.
        least(excess_quantity, {{ real('on_order') }}) as excess_on_order,
        product_name,
        supplier_id,
        supplier_name,
        available,
        on_order,
        stock_position,
        order_up_to_level,
        daily_demand,
        unit_cost,
        currency,
        is_echelon,
        block_reason
    from {{ ref('int_replenishment_risks') }}
    where excess_quantity > 0e0
),

-- The newest open orders that together bring the excess.
open_lines as (
    select
        eta.sku,
        eta.warehouse_code,
        coalesce(eta.purchase_order_number, eta.purchase_order_id) as order_number,
        {{ real('eta.open_quantity') }} as open_quantity,
        sum({{ real('eta.open_quantity') }}) over (
            partition by eta.sku, eta.warehouse_code
            order by eta.order_date desc nulls last, eta.purchase_order_id desc, eta.promised_date desc nulls last
            rows between unbounded preceding and current row
        ) as until_unit,
        excesses.excess_on_order
    from {{ ref('open_purchase_eta') }} as eta
    inner join excesses
        on excesses.sku = eta.sku
        and excesses.warehouse_code = eta.warehouse_code
),

cancellable as (
    select
        sku,
        warehouse_code,
        {{ joined_in_order('order_number', ', ', 'order_number') }} as cancel_orders
    from (
        select distinct sku, warehouse_code, order_number
        from open_lines
        where until_unit - open_quantity < excess_on_order
    ) as orders
    group by sku, warehouse_code
),

sent as (
    select
        sku,
        from_warehouse_code as warehouse_code,
        sum(units) as units
    from {{ ref('int_transfer_proposals') }}
    group by sku, from_warehouse_code
)

select
    excesses.sku,
    excesses.warehouse_code,
    excesses.product_name,
    excesses.supplier_id,
    excesses.supplier_name,
    {{ quantity('excesses.available') }} as available,
    {{ quantity('excesses.on_order') }} as on_order,
    {{ quantity('excesses.stock_position') }} as position,
    {{ demand_figure('excesses.order_up_to_level') }} as order_up_to_level,
    {{ demand_figure('excesses.daily_demand') }} as daily_demand,
    {{ quantity('excesses.excess_quantity') }} as excess_quantity,
    {{ quantity('excesses.excess_on_order') }} as excess_on_order,
    {{ money('excesses.unit_cost') }} as unit_cost,
    excesses.currency,
    {{ estimated_money('excesses.excess_quantity * excesses.unit_cost') }} as excess_value,
    {{ demand_figure('case when excesses.daily_demand > 0e0 then excesses.stock_position / excesses.daily_demand end') }} as days_of_cover,
    last_sales.last_sold_date,
    {{ days_between('last_sales.last_sold_date', as_of()) }} as days_since_last_sale,
    {{ quantity('coalesce(sent.units, 0)') }} as transfer_quantity,
    cancellable.cancel_orders,
    case
        when sent.units > 0 then 'transfer'
        when excesses.excess_on_order >= 1e0 then 'cancel orders'
        when excesses.daily_demand <= 0e0 or excesses.block_reason is not null then 'sell off'
        else 'stop ordering'
    end as action
from excesses
left join last_sales
    on last_sales.sku = excesses.sku
    and last_sales.warehouse_code = excesses.warehouse_code
left join cancellable
    on cancellable.sku = excesses.sku
    and cancellable.warehouse_code = excesses.warehouse_code
left join sent
    on sent.sku = excesses.sku
    and sent.warehouse_code = excesses.warehouse_code
