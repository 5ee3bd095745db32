{#
  DuckDB replaces a table or view in a single statement. dbt's default, which must suit every database, creates a second
  one, renames both and drops the old one, which takes a sixth of the build of a small tenant. A relation whose inputs
  have not changed stays as it is (see build_state.sql). With `by_key`, the model's entry in versions.sql, only the rows
  of keys whose inputs have changed are built.
#}
{% macro replaced(kind, by_key=none) %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set made = this.incorporate(type=kind) -%}
    {%- set state = build_inputs(sql) -%}
    {%- set is_there = existing is not none and existing.type == kind -%}

    {%- if is_there and is_built(state, kind) -%}
        {% if state.known.inputs != state.inputs %}
            {% do record_build(state, kind, made) %}
            {{ adapter.commit() }}
        {% endif %}
        {% call noop_statement('main', 'UNCHANGED', 'UNCHANGED') -%}
            -- Nothing that it depends on has changed.
        {%- endcall %}
        {{ return({'relations': [made]}) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if by_key is none or not renewed_by_key(by_key, made, state, is_there) %}
    {% if existing is not none and existing.type != kind %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% if by_key is not none %}
        {% do build_whole(by_key, made, sql) %}
    {% else %}
    {% call statement('main') -%}
        create or replace {{ kind }} {{ made }} as (
            {{ sql }}
        )
    {%- endcall %}
    {% endif %}
    {% do persist_docs(made, model) %}
    {%- endif %}
    {% do record_build(state, kind, made) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [made]}) }}
{% endmacro %}


{% materialization table, adapter='duckdb' %}
    {{ return(replaced('table')) }}
{% endmaterialization %}


{% materialization view, adapter='duckdb' %}
    {{ return(replaced('view')) }}
{% endmaterialization %}
