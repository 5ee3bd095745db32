-- Assortment codes of products and of their variants, which are the second list level of the same resource.
with product_codes as (
    {{ raw('products__assortment_codes', {
        'assortment_code_id': 'text', 'valid_from': 'timestamp', 'valid_to': 'end',
    }) }}
),

variant_codes as (
    {{ raw('products__variants__assortment_codes', {
        'assortment_code_id': 'text', 'valid_from': 'timestamp', 'valid_to': 'end',
    }) }}
),

renamed as (
    select
        -- ids: the row of the product or variant that has the code
        _dlt_parent_id as owner_key,
        assortment_code_id as assortment_code,

        -- timestamps
        {{ named_day('valid_from') }} as valid_from,
        {{ named_day('valid_to') }} as valid_to
    from product_codes

    union all

    select
        _dlt_parent_id as owner_key,
        assortment_code_id as assortment_code,
        {{ named_day('valid_from') }} as valid_from,
        {{ named_day('valid_to') }} as valid_to
    from variant_codes
)

select * from renamed
