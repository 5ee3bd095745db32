{#
  The contents of package lines, with a row per line_row_id and SKU and the units of it in one package. `lines` has
  line_row_id, sku and form_line_row_id; `chosen` has line_row_id (that of the form), sku, product_id and quantity. The
  components on the line have priority over those of the product. A package inside a package is opened in turn.
  is_virtual marks components without stock, such as a service.
#}
{% macro opened_packages(lines, chosen) -%}
with chosen_components as (
    select
        lines.line_row_id,
        {{ component_sku('components.sku') }} as sku,
        components.quantity
    from {{ lines }} as lines
    inner join {{ chosen }} as components
        on components.line_row_id = lines.form_line_row_id
    {{ component_sku_joins('components.sku', 'components.product_id') }}
    where components.quantity > 0
        and {{ component_sku('components.sku') }} is not null
),

contents as (
    select
        chosen_components.line_row_id,
        coalesce(nested.component_sku, chosen_components.sku) as sku,
        -- A wide type, because a product in DuckDB is no wider than its wider factor.
        cast(chosen_components.quantity as decimal(38, 4)) * coalesce(nested.quantity, 1) as quantity
    from chosen_components
    left join {{ ref('int_package_components') }} as nested
        on nested.sku = chosen_components.sku
        and nested.is_package

    union all

    select
        lines.line_row_id,
        components.component_sku as sku,
        components.quantity
    from {{ lines }} as lines
    inner join {{ ref('int_package_components') }} as components
        on components.sku = lines.sku
    where not exists (
        select 1 from chosen_components where chosen_components.line_row_id = lines.line_row_id
    )
)

select
    contents.line_row_id,
    contents.sku,
    coalesce(products.is_virtual and not {{ is_package_product('products') }}, false) as is_virtual,
    {{ exact('sum(contents.quantity)', 'decimal(38, 4)') }} as quantity
from contents
left join {{ ref('dim_product') }} as products
    on products.sku = contents.sku
group by contents.line_row_id, contents.sku, coalesce(products.is_virtual and not {{ is_package_product('products') }}, false)
-- More than any package can contain: components within components, each with an impossible figure.
having {{ exact('sum(contents.quantity)', 'decimal(38, 4)') }} is not null
{%- endmacro %}


{# The SKU of a component. It may be spelled differently, or be missing if the component's product has a single SKU. #}
{% macro component_sku(sku) -%} coalesce(spellings.sku, {{ sku }}, single_skus.sku) {%- endmacro %}


{# The joins that `component_sku` needs. #}
{% macro component_sku_joins(sku, product_id) -%}
    left join {{ ref('int_sku_spellings') }} as spellings
        on spellings.spelling = {{ sku }}
    left join {{ ref('int_single_sku_products') }} as single_skus
        on single_skus.product_id = {{ product_id }}
        and {{ sku }} is null
{%- endmacro %}


{# Whether a row of dim_product is a package, so that its components are sold and stocked instead of it. #}
{% macro is_package_product(products) -%} ({{ products }}.is_package or {{ products }}.is_bundle or {{ products }}.is_kit) {%- endmacro %}
