with source as (

    {{ raw('deliveries', {
        'id': 'text', 'delivery_status': 'text', 'warehouse_code': 'text', 'order_type': 'text',
        'supplier_warehouse_code': 'text', 'supplier_ids': 'json',
        'estimated_time_of_arrival': 'timestamp', 'estimated_time_of_departure': 'timestamp',
        'created': 'timestamp', 'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as delivery_id,
        nullif(warehouse_code, '') as warehouse_code,
        nullif(supplier_warehouse_code, '') as supplier_warehouse_code,
        supplier_ids,

        -- text
        delivery_status as status,
        order_type,

        -- timestamps
        estimated_time_of_arrival as estimated_arrival_at,
        estimated_time_of_departure as estimated_departure_at,
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
