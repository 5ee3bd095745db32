{#
  One row per purchase order, with its supplier, whether it is an internal transfer, when it was placed and cancelled,
  the stage of its status, and when it should arrive according to the configured lead time.
#}
{{ config(materialized='table') }}

with orders as (

    select
        stg_purchase_orders.*,
        {{ local_date('created_at') }} as order_date,
        {{ local_date('modified_at') }} as modified_date,
        {{ named_day('requested_delivery_at') }} as requested_delivery_date
    from {{ ref('stg_purchase_orders') }} as stg_purchase_orders

),

suppliers as (

    select supplier_id, omnium_store_id
    from {{ ref('stg_suppliers') }}
    where omnium_store_id is not null

),

-- A store that was deleted as a supplier remains one according to its last version.
supplier_versions as (

    select supplier_id, omnium_store_id
    from {{ ref('int_supplier_versions') }}
    where omnium_store_id is not null
        and first_day <= {{ as_of() }}
        and (next_version_day > {{ as_of() }} or next_version_day is null)

),

stages as (

    select status, stage
    from {{ seed_with(ref('purchase_order_statuses'), 'status', 'stage') }} as seeded

),

status_events as (

    select
        stg_event_log.object_id as purchase_order_id,
        stg_event_log.status,
        stages.stage,
        stg_event_log.happened_at,
        {{ local_date('stg_event_log.happened_at') }} as happened_on,
        row_number() over (
            partition by stg_event_log.object_id
            order by stg_event_log.happened_at desc, stg_event_log.event_id desc
        ) as recency
    from {{ ref('stg_event_log') }} as stg_event_log
    left join stages
        on lower(stg_event_log.status) = stages.status
    where stg_event_log.object_id in (select orders.purchase_order_id from orders)
        and lower(coalesce(stg_event_log.object_type, 'purchaseorder')) like '%purchase%order%'
        and stg_event_log.status is not null
        and {{ local_date('stg_event_log.happened_at') }} <= {{ as_of() }}

),

events as (

    select
        purchase_order_id,
        min(case when stage = 'cancelled' then happened_on end) as cancelled_on,
        max(case when recency = 1 then status end) as last_status
    from status_events
    group by purchase_order_id

),

virtual_locations as (

    select * from {{ ref('int_virtual_locations') }}

),

joined as (

    select
        orders.*,
        coalesce(
            virtual_locations.physical_warehouse_code,
            orders.supplier_warehouse_code,
            suppliers.omnium_store_id,
            supplier_versions.omnium_store_id
        ) as supplying_warehouse_code,
        events.cancelled_on,
        events.last_status,
        ({{ as_of_is_current() }} or orders.modified_date <= {{ as_of() }}) as is_current_state
    from orders
    left join suppliers
        on orders.supplier_id = suppliers.supplier_id
    left join supplier_versions
        on orders.supplier_id = supplier_versions.supplier_id
    left join events
        on orders.purchase_order_id = events.purchase_order_id
    left join virtual_locations
        on coalesce(
            orders.supplier_warehouse_code, suppliers.omnium_store_id, supplier_versions.omnium_store_id
        ) = virtual_locations.warehouse_code
    -- An order without a creation date has no place in time; it is kept, and counted in data_quality.
    where orders.order_date is null or orders.order_date <= {{ as_of() }}

)

select
    joined.purchase_order_key,
    joined.purchase_order_id,
    joined.purchase_order_number,
    joined.supplier_id,
    joined.supplier_name,
    joined.store_id,
    joined.supplying_warehouse_code,
    joined.supplying_warehouse_code is not null as is_transfer,
    joined.delivery_id,
    joined.currency,
    joined.order_date,
    joined.modified_date,
    joined.modified_at,
    joined.created_at,
    joined.requested_delivery_at,
    joined.requested_delivery_date,
    joined.status,
    stages.stage as seeded_stage,
    -- A status that the seed does not list counts as placed.
    coalesce(stages.stage, 'placed') as stage,
    joined.is_current_state,
    joined.last_status as last_logged_status,
    logged_stages.stage as last_logged_stage,
    coalesce(joined.cancelled_on, joined.modified_date) as cancelled_date,
    {{ add_days(
        'joined.order_date',
        'case when configured.lead_time_days > 0 then configured.lead_time_days else '
        ~ var('default_average_lead_time_days') ~ ' end'
    ) }} as configured_arrival_date
from joined
left join stages
    on lower(joined.status) = stages.status
left join stages as logged_stages
    on lower(joined.last_status) = logged_stages.status
left join {{ ref('int_supplier_versions') }} as configured
    on joined.supplier_id = configured.supplier_id
    and joined.order_date >= configured.first_day
    and (joined.order_date < configured.next_version_day or configured.next_version_day is null)
    and (configured.first_day < configured.next_version_day or configured.next_version_day is null)
