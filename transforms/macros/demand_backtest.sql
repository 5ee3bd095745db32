{#
  The open orders of a replayed policy, a list of (day of arrival, quantity), and the recursion that carries it from day
  to day.
#}

{# Aggregates the arrivals of a group of rows into a list. #}
{% macro backtest_orders_gather(arrives, quantity) -%}
    {{ adapter.dispatch('backtest_orders_gather', 'omnium')(arrives, quantity) }}
{%- endmacro %}

{% macro duckdb__backtest_orders_gather(arrives, quantity) -%}
    list({'arrives': cast({{ arrives }} as bigint), 'quantity': cast({{ quantity }} as double)})
{%- endmacro %}

{% macro spark__backtest_orders_gather(arrives, quantity) -%}
    collect_list(named_struct('arrives', cast({{ arrives }} as bigint), 'quantity', {{ real(quantity) }}))
{%- endmacro %}

{% macro default__backtest_orders_gather(arrives, quantity) -%}
    jsonb_agg(jsonb_build_object('arrives', {{ arrives }}, 'quantity', {{ quantity }}))
{%- endmacro %}


{# The empty list. #}
{% macro backtest_orders_none() -%}
    {{ adapter.dispatch('backtest_orders_none', 'omnium')() }}
{%- endmacro %}

{% macro duckdb__backtest_orders_none() -%}
    cast([] as struct(arrives bigint, quantity double)[])
{%- endmacro %}

{% macro spark__backtest_orders_none() -%}
    cast(array() as array<struct<arrives: bigint, quantity: double>>)
{%- endmacro %}

{% macro default__backtest_orders_none() -%}
    cast('[]' as jsonb)
{%- endmacro %}


{# The quantity that arrives on a day. #}
{% macro backtest_orders_due(orders, day) -%}
    {{ adapter.dispatch('backtest_orders_due', 'omnium')(orders, day) }}
{%- endmacro %}

{% macro duckdb__backtest_orders_due(orders, day) -%}
    coalesce(list_sum(list_transform(
        list_filter({{ orders }}, lambda one_order: one_order.arrives = {{ day }}),
        lambda one_order: one_order.quantity
    )), 0e0)
{%- endmacro %}

{% macro spark__backtest_orders_due(orders, day) -%}
    aggregate({{ orders }}, 0e0, (total, one_order) -> total + if(one_order.arrives = {{ day }}, one_order.quantity, 0e0))
{%- endmacro %}

{% macro default__backtest_orders_due(orders, day) -%}
    coalesce((
        select sum(cast(one_order ->> 'quantity' as {{ real_type() }}))
        from jsonb_array_elements({{ orders }}) as one_order
        where cast(one_order ->> 'arrives' as bigint) = {{ day }}
    ), 0e0)
{%- endmacro %}


{# The orders that arrive after a day, and a new one if its quantity is above 0. #}
{% macro backtest_orders_after(orders, day, arrives, quantity) -%}
    {{ adapter.dispatch('backtest_orders_after', 'omnium')(orders, day, arrives, quantity) }}
{%- endmacro %}

{% macro duckdb__backtest_orders_after(orders, day, arrives, quantity) -%}
    case
        when {{ quantity }} > 0e0 then list_append(
            list_filter({{ orders }}, lambda one_order: one_order.arrives > {{ day }}),
            {'arrives': cast({{ arrives }} as bigint), 'quantity': cast({{ quantity }} as double)}
        )
        else list_filter({{ orders }}, lambda one_order: one_order.arrives > {{ day }})
    end
{%- endmacro %}

{% macro spark__backtest_orders_after(orders, day, arrives, quantity) -%}
    concat(
        filter({{ orders }}, one_order -> one_order.arrives > {{ day }}),
        case
            when {{ quantity }} > 0e0
                then array(named_struct('arrives', cast({{ arrives }} as bigint), 'quantity', {{ real(quantity) }}))
            else {{ backtest_orders_none() }}
        end
    )
{%- endmacro %}

{% macro default__backtest_orders_after(orders, day, arrives, quantity) -%}
    coalesce((
        select jsonb_agg(one_order)
        from jsonb_array_elements({{ orders }}) as one_order
        where cast(one_order ->> 'arrives' as bigint) > {{ day }}
    ), '[]') || case
        when {{ quantity }} > 0e0
            then jsonb_build_array(jsonb_build_object('arrives', {{ arrives }}, 'quantity', {{ quantity }}))
        else '[]'
    end
{%- endmacro %}


{# If the database supports it, keeps only the newest row of each key while recursing. #}
{% macro backtest_using_key(keys) -%}
    {{ adapter.dispatch('backtest_using_key', 'omnium')(keys) }}
{%- endmacro %}

{% macro duckdb__backtest_using_key(keys) -%}
    using key ({{ keys }})
{%- endmacro %}

{% macro default__backtest_using_key(keys) -%}
{%- endmacro %}


{# The policies that are replayed: ours at several service levels, and Omnium's with days added to its margin. #}
{% macro backtest_policies() -%}
    {%- set levels = [var('service_level')] -%}
    {%- for level in var('backtest_service_levels', [0.5, 0.7, 0.8, 0.9, 0.98]) if level not in levels -%}
        {%- do levels.append(level) -%}
    {%- endfor -%}
    {%- for level in levels %}
    select 'ours{{ '' if loop.first else ' ' ~ level }}' as policy, 'ours' as kind,
        {{ real(level) }} as service_level, 0 as added_days
    union all
    {%- endfor %}
    {%- for days in [0] + var('backtest_added_days', [7, 14, 28, 42, 70]) %}
    select 'omnium{{ '' if loop.first else ' +' ~ days ~ ' days' }}' as policy, 'omnium' as kind,
        {{ real('null') }} as service_level, {{ days }} as added_days
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

