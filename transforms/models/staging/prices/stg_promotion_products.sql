-- Products that promotions name as a condition or for the discount, from the second list level of the same resource.
with looked_for as (

    {{ raw('promotions__promotion_data__category_and_brand_filter__products', {
        'product_id': 'text', 'is_sku': 'boolean',
    }) }}

),

discounted as (

    {{ raw('promotions__promotion_data__discounted_products', {
        'product_id': 'text', 'is_sku': 'boolean',
    }) }}

),

source as (

    select * from looked_for

    union all

    select * from discounted

),

renamed as (

    select
        -- ids: the row of the promotion, and a SKU or a product
        _dlt_root_id as promotion_key,
        product_id,

        -- booleans
        coalesce(is_sku, false) as is_sku
    from source
    where product_id is not null

)

select * from renamed
