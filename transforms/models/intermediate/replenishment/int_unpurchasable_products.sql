-- One row per SKU in an assortment that must not be purchased (var non_purchasable_assortment_codes).

select distinct products.sku
from {{ ref('dim_product') }} as products
inner join {{ ref('stg_product_assortment_codes') }} as codes
    on codes.owner_key in (products.product_key, products.variant_key)
where coalesce(codes.valid_from, {{ as_of() }}) <= {{ as_of() }}
    and coalesce(codes.valid_to, {{ as_of() }}) >= {{ as_of() }}
    and lower(codes.assortment_code) in (
        {%- for code in var('non_purchasable_assortment_codes') -%}
        '{{ code | lower | replace("'", "''") }}',
        {%- endfor -%}
        null
    )
