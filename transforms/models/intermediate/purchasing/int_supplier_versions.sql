{# One row per supplier and version, with the time during which it was in force. #}
with versions as (

    select
        supplier_id,
        version_id,
        created_at,
        created_by,
        supplier_name,
        omnium_store_id,
        currency,
        lead_time_days,
        safety_margin_days,
        order_interval_days,
        minimum_order_amount,
        maximum_order_amount,
        shipment_cost,
        false as is_today
    from {{ ref('stg_supplier_versions') }}

),

today as (

    select
        supplier_id,
        version_id,
        coalesce(modified_at, created_at) as created_at,
        cast(null as {{ raw_type('text') }}) as created_by,
        supplier_name,
        omnium_store_id,
        currency,
        lead_time_days,
        safety_margin_days,
        order_interval_days,
        minimum_order_amount,
        maximum_order_amount,
        shipment_cost,
        true as is_today
    from {{ ref('stg_suppliers') }}

),

-- The supplier as it stands today is a version too, where its version was not read.
known as (

    select * from versions

    union all

    select today.*
    from today
    left join versions
        on today.supplier_id = versions.supplier_id
        and today.version_id = versions.version_id
    where versions.supplier_id is null

),

dated as (

    select
        known.*,
        {{ local_date('created_at') }} as valid_from_date,
        row_number() over (partition by supplier_id order by created_at, is_today, version_id) as version_number,
        lead(created_at) over (partition by supplier_id order by created_at, is_today, version_id) as valid_to
    from known
    where supplier_id is not null

)

select
    supplier_id,
    -- A tenant that makes no versions has suppliers without version ids.
    coalesce(version_id, 'today') as version_id,
    version_number,
    created_at as valid_from,
    valid_to,
    -- The first version is taken to hold for the time before it, too: nothing else is known of it.
    case when version_number = 1 then cast('0001-01-01' as date) else valid_from_date end as first_day,
    {{ local_date('valid_to') }} as next_version_day,
    created_by,
    supplier_name,
    omnium_store_id,
    currency,
    lead_time_days,
    safety_margin_days,
    order_interval_days,
    minimum_order_amount,
    maximum_order_amount,
    shipment_cost
from dated
