{#
  What was proposed, kept: only the newest load is ever written down, and each load once.
#}

{# The instant of the newest finished load, as a literal. #}
{% macro newest_load_instant() -%}
    {%- if not execute -%}
        current_timestamp
    {%- else -%}
        {%- for table, column in [('_dlt_loads', 'inserted_at'), ('_omnium_runs', 'finished_at')] -%}
            {%- if column in raw_columns(table) -%}
                {%- set newest = run_query(
                    "select cast(max(" ~ column ~ ") as varchar) from " ~ raw_relation(table)
                ).rows[0][0] -%}
                {%- if newest -%}{{ return("cast('" ~ newest ~ "' as timestamp with time zone)") }}{%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        {{ return("cast('" ~ run_started_at.isoformat() ~ "' as timestamp with time zone)") }}
    {%- endif -%}
{%- endmacro %}


{# Whether this build answers as of the day of the newest load: then what it proposes is what the purchaser sees. A
   replay of the past, or a look ahead, is not. #}
{% macro is_proposal_of_today() -%}
    {%- if not var('as_of_date') or not execute -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(var('as_of_date') | string == newest_load_date()) }}
{%- endmacro %}


{# Takes back what an earlier build of the same load wrote down, within the transaction that writes it anew. #}
{% macro forget_proposals_of_this_load(history) -%}
    {%- if is_incremental() and is_proposal_of_today() -%}
        delete from {{ history }} where recorded_at = {{ newest_load_instant() }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}
