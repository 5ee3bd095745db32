{#
  The history of proposals. Only the newest load is ever recorded, and each load once.
#}

{# The instant of the newest finished load, as a literal. #}
{% macro newest_load_instant() -%}
    {%- if not execute -%}
        current_timestamp
    {%- else -%}
        {%- for table, column in [('_dlt_loads', 'inserted_at'), ('_omnium_runs', 'finished_at')] -%}
            {%- if column in raw_columns(table) -%}
                {%- set newest = run_query(
                    "select cast(max(" ~ column ~ ") as " ~ raw_type('text') ~ ") from " ~ raw_relation(table)
                    ~ ' ' ~ where_newest_load(table)
                ).rows[0][0] -%}
                {%- if newest -%}{{ return("cast('" ~ newest ~ "' as " ~ instant_type() ~ ")") }}{%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        {{ return("cast('" ~ run_started_at.isoformat() ~ "' as " ~ instant_type() ~ ")") }}
    {%- endif -%}
{%- endmacro %}


{#
  Whether this build answers as of the day of the newest load. Its proposals are then those that the purchaser sees,
  unlike those of a replay of the past or a look ahead.
#}
{% macro is_proposal_of_today() -%}
    {%- if not var('as_of_date') or not execute -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(var('as_of_date') | string == newest_load_date()) }}
{%- endmacro %}


{# Deletes what an earlier build of the same load recorded, in the transaction that records it again. #}
{% macro forget_proposals_of_this_load(history) -%}
    {%- if is_incremental() and is_proposal_of_today() -%}
        {{ adapter.dispatch('forget_proposals', 'omnium')(history, newest_load_instant()) }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}

{% macro default__forget_proposals(history, recorded_at) -%}
    delete from {{ history }} where recorded_at = {{ recorded_at }}
{%- endmacro %}

{% macro databricks__forget_proposals(history, recorded_at) -%}
    {{ omnium.default__forget_proposals(history, recorded_at) }}
{%- endmacro %}

{% macro spark__forget_proposals(history, recorded_at) -%}
    {%- if execute -%}
        {%- do spark_rewrite(history, 'select * from ' ~ history ~ ' where recorded_at <> ' ~ recorded_at) -%}
    {%- endif -%}
    select 1
{%- endmacro %}
