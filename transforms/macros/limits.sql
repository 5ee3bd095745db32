{#
  The possible range of each kind of figure, defined in a single place. Staging replaces a value outside of it by null
  (a barcode typed as a quantity, 2147483647 days, the year 9999), and impossible_value counts it. No sum, product or
  date in a model can therefore exceed its type.

  kind             type             from … to
  quantity         decimal(38, 9)   0 … 100 million stock units
  signed_quantity  decimal(38, 9)   the same, positive and negative: stock, its changes, units returned at a till
  price            decimal(38, 9)   0 … 1,000 million per unit
  amount           decimal(38, 9)   0 … 10 million million per document
  signed_amount    decimal(38, 9)   the same, positive and negative
  days             bigint           0 … 3,650: no lead time and no interval is longer than ten years
  decimal          decimal(38, 9)   any other number, up to 1,000 million million, positive and negative
  bigint           bigint           the same for whole numbers
  timestamp        instant          1980 … 2199: the "no date" values of programs (0001, 1753, 1899, 1900, 1970) are earlier
  end              instant          the same; a later value means that there is no end
#}
{% macro value_limits(kind) -%}
    {%- set exact, whole = 'decimal(38, 9)', 'bigint' -%}
    {%- set instant = instant_type() | trim -%}
    {{ return({
        'quantity': {'type': exact, 'from': 0, 'to': 100000000, 'check': 'impossible_quantity'},
        'signed_quantity': {'type': exact, 'from': -100000000, 'to': 100000000, 'check': 'impossible_quantity'},
        'price': {'type': exact, 'from': 0, 'to': 1000000000, 'check': 'impossible_amount'},
        'amount': {'type': exact, 'from': 0, 'to': 10000000000000, 'check': 'impossible_amount'},
        'signed_amount': {'type': exact, 'from': -10000000000000, 'to': 10000000000000, 'check': 'impossible_amount'},
        'days': {'type': whole, 'from': 0, 'to': 3650, 'check': 'impossible_days'},
        'decimal': {'type': exact, 'from': -1000000000000000, 'to': 1000000000000000, 'check': 'impossible_number'},
        'bigint': {'type': whole, 'from': -1000000000000000, 'to': 1000000000000000, 'check': 'impossible_number'},
        'timestamp': {'type': instant, 'from': '1980-01-01', 'to': '2200-01-01', 'check': 'impossible_date'},
        'end': {'type': instant, 'from': '1980-01-01', 'to': '2200-01-01', 'check': 'impossible_date'},
        'boolean': {'type': 'boolean', 'check': 'impossible_choice'},
    }.get(kind)) }}
{%- endmacro %}


{#
  The value of a raw column as its kind; null if the column holds something else or something impossible. `type` is the
  column's type in the database.
#}
{% macro raw_value(column, kind, type) -%}
    {%- set family = raw_family(type) -%}
    {%- set limits = value_limits(kind) -%}
    {%- if kind == 'text' -%}
        {{ raw_text(column, family) }}
    {%- elif kind == 'json' -%}
        {{ raw_json(column, family) }}
    {%- elif kind == 'boolean' -%}
        {{ column if family == 'boolean' else raw_boolean(raw_text(column, family)) }}
    {%- elif limits is none -%}
        {{ unknown_kind(kind) }}
    {%- elif kind in ('timestamp', 'end') -%}
        {%- set instant = raw_instant(column, family) -%}
        case
            when {{ instant }} >= {{ instant_literal(limits['from'] ~ ' 00:00:00') }}
                and {{ instant }} < {{ instant_literal(limits['to'] ~ ' 00:00:00') }}
            then {{ instant }}
        end
    {%- else -%}
        {%- set number = raw_number(column, family) -%}
        case
            when {{ number }} between {{ limits['from'] }} and {{ limits['to'] }}
            then cast({{ number }} as {{ limits['type'] }})
        end
    {%- endif -%}
{%- endmacro %}


{# What a column of this type holds: number, instant (with time zone), moment (without), boolean, json or text. #}
{% macro raw_family(type) -%}
    {{ return(adapter.dispatch('raw_family', 'omnium')(type)) }}
{%- endmacro %}

{# In Spark, a timestamp type without mention of a time zone is an instant. #}
{% macro spark__raw_family(type) -%}
    {%- if '<' in type -%}{{ return('text') }}{%- endif -%}
    {{ return('instant' if type | lower == 'timestamp' else omnium.default__raw_family(type)) }}
{%- endmacro %}

{% macro default__raw_family(type) -%}
    {%- set name = type | lower -%}
    {%- if '[' in name or name.startswith('struct') or name.startswith('map') -%}{{ return('text') }}
    {%- elif name.startswith('json') -%}{{ return('json') }}
    {%- elif name.startswith('bool') -%}{{ return('boolean') }}
    {%- elif name.startswith('timestamp with time zone') or name.startswith('timestamptz') -%}{{ return('instant') }}
    {%- elif name.startswith('timestamp') or name == 'date' -%}{{ return('moment') }}
    {%- elif name.startswith('decimal') or name.startswith('numeric') or 'int' in name and 'interval' not in name
        or name.startswith('double') or name.startswith('float') or name.startswith('real') -%}
        {{ return('number') }}
    {%- endif -%}
    {{ return('text') }}
{%- endmacro %}


{# Any scalar as text; for a JSON string its content. #}
{% macro raw_text(column, family) -%}
    {%- if family == 'json' -%}
        {{ return(adapter.dispatch('json_scalar_text', 'omnium')(column)) }}
    {%- endif -%}
    {{ return('cast(' ~ column ~ ' as ' ~ raw_type('text') ~ ')') }}
{%- endmacro %}

{% macro default__json_scalar_text(column) -%}
    {{ return('(' ~ column ~ " #>> '{}')") }}
{%- endmacro %}

{% macro spark__json_scalar_text(column) -%}
    {{ return("case when startswith(ltrim(" ~ column ~ "), '\"') then get_json_object(concat('{\"value\":', " ~ column
        ~ ", '}'), '$.value') when " ~ column ~ " <> 'null' then " ~ column ~ ' end') }}
{%- endmacro %}

{% macro duckdb__json_scalar_text(column) -%}
    {{ return('json_extract_string(' ~ column ~ ", '$')") }}
{%- endmacro %}


{# An exact number; null if it is not one. #}
{% macro raw_number(column, family) -%}
    {{ return(adapter.dispatch('raw_number', 'omnium')(column, family)) }}
{%- endmacro %}

{% macro default__raw_number(column, family) -%}
    {{ return('try_cast(' ~ (column if family == 'number' else raw_text(column, family)) ~ ' as decimal(38, 9))') }}
{%- endmacro %}

{#
  PostgreSQL cannot try a cast, so only what looks like a number of up to 28 digits with an exponent of up to two is
  cast.
#}
{% macro postgres__raw_number(column, family) -%}
    {%- if family == 'number' -%}{{ return('cast(' ~ column ~ ' as numeric)') }}{%- endif -%}
    {%- set text = raw_text(column, family) -%}
    {{ return('case when ' ~ text ~ " ~ '^\\s*[+-]?(\\d{1,28}(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d{1,2})?\\s*$' then cast("
        ~ text ~ ' as numeric) end') }}
{%- endmacro %}


{# Other forms that Spark accepts as numbers, such as 1d or NaN, are excluded. #}
{% macro spark__raw_number(column, family) -%}
    {%- if family == 'number' -%}{{ return('try_cast(' ~ column ~ ' as decimal(38, 9))') }}{%- endif -%}
    {%- set text = raw_text(column, family) -%}
    {{ return('case when ' ~ text ~ " rlike '^ *[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)? *$' then try_cast("
        ~ text ~ ' as decimal(38, 9)) end') }}
{%- endmacro %}


{# An instant; a text or timestamp without time zone is in UTC. Null if it is not one. #}
{% macro raw_instant(column, family) -%}
    {%- if family == 'instant' -%}{{ return(column) }}{%- endif -%}
    {%- if family == 'moment' -%}{{ return(from_utc('cast(' ~ column ~ ' as timestamp)') | trim) }}{%- endif -%}
    {%- if family in ('number', 'boolean') -%}
        {{ return('cast(null as ' ~ instant_type() ~ ')') }}
    {%- endif -%}
    {{ return(adapter.dispatch('instant_of_text', 'omnium')(raw_text(column, family))) }}
{%- endmacro %}

{% macro default__instant_of_text(text) -%}
    {{ return('try_cast(' ~ text ~ ' as timestamp with time zone)') }}
{%- endmacro %}

{# Spark would accept a year alone, or a time of today. #}
{% macro spark__instant_of_text(text) -%}
    {{ return('case when ' ~ text ~ " rlike '^ *[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}' then try_cast(" ~ text ~ ' as timestamp) end') }}
{%- endmacro %}

{# PostgreSQL cannot try a cast, so the form of the text and the number of days in its month are checked first. #}
{% macro postgres__instant_of_text(text) -%}
    {%- set day = '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])' -%}
    {%- set time = '([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d+)?)?)?' -%}
    {%- set zone = '(Z|z|[+-](0\\d|1[0-4]):?[0-5]\\d)' -%}
    {{ return(
        'case when ' ~ text ~ " ~ '" ~ day ~ time ~ zone ~ "?$' and left(" ~ text ~ ", 4) > '0000'"
        ~ ' then case when cast(substring(' ~ text ~ ' from 9 for 2) as integer) <= extract(day from cast(left(' ~ text
        ~ ", 7) || '-01' as date) + interval '1 month' - interval '1 day')"
        ~ ' then cast(' ~ text ~ ' || case when ' ~ text ~ " ~ '^.{10,}" ~ zone ~ "$' then '' else '+00:00' end"
        ~ ' as timestamp with time zone) end end'
    ) }}
{%- endmacro %}


{# The words true and false; null for anything else. #}
{% macro raw_boolean(text) -%}
    {{ return("case lower(" ~ text ~ ") when 'true' then true when 'false' then false end") }}
{%- endmacro %}


{# A JSON document; null for a text that is not one. #}
{% macro raw_json(column, family) -%}
    {%- if family == 'json' -%}{{ return('cast(' ~ column ~ ' as ' ~ raw_type('json') ~ ')') }}{%- endif -%}
    {{ return(adapter.dispatch('json_of_text', 'omnium')(raw_text(column, family))) }}
{%- endmacro %}

{% macro default__json_of_text(text) -%}
    {{ return('try_cast(' ~ text ~ ' as json)') }}
{%- endmacro %}

{# PostgreSQL before 16 cannot tell whether a text is JSON, so it becomes a JSON string. #}
{% macro postgres__json_of_text(text) -%}
    {{ return('to_jsonb(' ~ text ~ ')') }}
{%- endmacro %}

{# Spark stores documents as text. #}
{% macro spark__json_of_text(text) -%}
    {{ return("case when get_json_object(concat('{\"value\":', " ~ text ~ ", '}'), '$.value') is not null then " ~ text ~ ' end') }}
{%- endmacro %}
