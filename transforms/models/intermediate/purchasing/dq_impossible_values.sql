{# One row per check of impossible values, which staging replaced by null. impossible_value lists them by field. #}
{%- set null_then = ' The value counts as missing; the model impossible_value names the field.' -%}
{%- set lines = 'purchase_orders__purchase_order_form__line_items' -%}
{%- set checks = [
    (
        'impossible_quantity',
        'A quantity is not a number, impossibly negative, or above a hundred million (a barcode in the wrong field).'
        ~ null_then,
        "check_name = 'impossible_quantity'",
    ),
    (
        'impossible_amount',
        'A price or an amount is not a number, impossibly negative, or larger than any amount of money.' ~ null_then,
        "check_name = 'impossible_amount'",
    ),
    (
        'impossible_days',
        'A number of days is not a number, negative, or more than ten years.' ~ null_then,
        "check_name = 'impossible_days'",
    ),
    (
        'impossible_number',
        'Another figure is not a number, or has more than fifteen digits before the point.' ~ null_then,
        "check_name = 'impossible_number'",
    ),
    (
        'impossible_date',
        'A date is not a date, or is before 1980 or after 2199.' ~ null_then,
        "check_name = 'impossible_date'",
    ),
    (
        'impossible_choice',
        'A field that is true or false contains something else.' ~ null_then,
        "check_name = 'impossible_choice'",
    ),
    (
        'line_with_no_date_promise',
        'The line promises 0001-01-01, which means no date; the next best source of a promise is used.',
        "check_name = 'no_date' and field = 'estimated_time_of_arrival' and resource = '" ~ lines ~ "'",
    ),
    (
        'order_with_no_date_request',
        'The order asks for delivery on 0001-01-01, which means no date; the next best source of a promise is used.',
        "check_name = 'no_date' and field = 'requested_delivery_date' and resource = 'purchase_orders'",
    ),
    (
        'delivery_with_no_date_promise',
        'The delivery expects to arrive on 0001-01-01, which means no date; the next best source of a promise is used.',
        "check_name = 'no_date' and field = 'estimated_time_of_arrival' and resource = 'deliveries'",
    ),
] -%}
{%- for name, meaning, condition in checks %}
select
    '{{ name }}' as check_name,
    {{ whole('coalesce(sum(' ~ adapter.quote('rows') ~ '), 0)') }} as {{ adapter.quote('rows') }},
    {{ joined_in_order(
        "case when place <= 5 then resource || '.' || field || ': ' || example_keys end", '; ', 'place'
    ) }} as example_keys,
    '{{ meaning }}' as meaning
from (
    select found.*, row_number() over (order by resource, field) as place
    from {{ ref('impossible_value') }} as found
    where {{ condition }}
) as numbered
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
