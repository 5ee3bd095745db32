{#
  What is built anew, and what is left as it is (DuckDB, where the program sets var('build_only_changed')).

  The program says in `build_state.node_version` which version of each raw table there is. Every node adds its own row:
  `inputs`, a digest of its compiled SQL and of its parents' versions, and `version`, what its dependants rest on: of a
  table a digest of its rows, so that a table built anew with the same rows has nothing built after it; of a view its
  inputs; of a test its result. `shape` stands for the columns alone: a view lasts until they, or its SQL, change.
  A row is written in the transaction that makes the relation, into the same file: neither outlives the other.
#}

{# Whether this build keeps what it builds from: none where the table for it does not exist. #}
{% macro build_state_table() -%}
    {%- if not execute or target.type != 'duckdb' or project_name != 'omnium' -%}{{ return(none) }}{%- endif -%}
    {{ return(adapter.get_relation(target.database, 'build_state', 'node_version')) }}
{%- endmacro %}


{#
  What the node at hand is made from: {inputs, shape, known}, `known` being what is written of its last build.
  None: it has to be built. `inputs` is none where the version of a parent is not known.
#}
{% macro build_inputs(sql) -%}
    {%- set kept = build_state_table() -%}
    {%- if kept is none or not var('build_only_changed', false) -%}{{ return(none) }}{%- endif -%}
    {%- set parents = model.depends_on.nodes | unique | sort -%}
    {%- set reads_all = model.config.get('meta', {}).get('reads') == 'all_raw_tables' -%}
    {%- set found = {} -%}
    {%- for node, inputs, version, shape in run_query(
        "select node, arg_max_null(inputs, rowid), arg_max_null(version, rowid), arg_max_null(shape, rowid) from "
        ~ kept ~ " where node in ('" ~ (parents + [model.unique_id]) | join("', '") ~ "')"
        ~ (" or starts_with(node, 'source.')" if reads_all else '') ~ " group by node"
    ).rows -%}
        {%- do found.update({node: {'inputs': inputs, 'version': version, 'shape': shape}}) -%}
    {%- endfor -%}
    {%- set known = found.pop(model.unique_id, none) -%}
    {%- set versions, shapes, unknown = [sql], [sql], [] -%}
    {%- for node in (parents + found.keys() | list) | unique | sort -%}
        {%- if node.startswith('seed.') -%}
            {%- set checksum = graph.nodes[node].checksum.checksum -%}
            {%- set parent = {'version': checksum, 'shape': checksum} -%}
        {%- else -%}
            {# A raw table that the tenant has not filled yet has no version. #}
            {%- set absent = 'absent' if node.startswith('source.') else none -%}
            {%- set parent = found.get(node, {'version': absent, 'shape': absent}) -%}
        {%- endif -%}
        {%- if parent.version is none or parent.shape is none -%}{%- do unknown.append(node) -%}{%- endif -%}
        {%- do versions.append(node ~ ' ' ~ parent.version) -%}
        {%- do shapes.append(node ~ ' ' ~ parent.shape) -%}
    {%- endfor -%}
    {{ return({
        'inputs': none if unknown else local_md5(versions | join('\n')),
        'shape': none if unknown else local_md5(shapes | join('\n')),
        'known': known,
    }) }}
{%- endmacro %}


{# Whether the relation of the node at hand can stay: a table with the same inputs, a view on the same columns. #}
{% macro is_built(state, kind) -%}
    {%- if state is none or state.known is none or state.inputs is none -%}{{ return(false) }}{%- endif -%}
    {{ return(state.known.inputs == state.inputs if kind == 'table' else state.known.shape == state.shape) }}
{%- endmacro %}


{# Write down what the node at hand was built from; `state` none: it is not known, and what rests on it is built. #}
{% macro record_build(state, kind, relation) -%}
    {%- set kept = build_state_table() -%}
    {%- if kept is none -%}{{ return('') }}{%- endif -%}
    {%- set inputs = "'" ~ state.inputs ~ "'" if state and state.inputs else 'null' -%}
    {%- if kind == 'table' -%}
        {%- set version -%}
            (select concat(count(*), ' ', sum(hash(_row))) from {{ relation }} as _row)
        {%- endset -%}
        {%- set shape -%}
            (
                select md5(string_agg(concat(column_name, ' ', data_type), ', ' order by column_index))
                from duckdb_columns()
                where database_name = '{{ relation.database }}' and schema_name = '{{ relation.schema }}'
                    and table_name = '{{ relation.identifier }}'
            )
        {%- endset -%}
    {%- else -%}
        {%- set version = inputs -%}
        {%- set shape = "'" ~ state.shape ~ "'" if state and state.shape else 'null' -%}
    {%- endif -%}
    {% call statement('record_build') %}
        insert into {{ kept }} (node, inputs, version, shape)
        select '{{ model.unique_id }}', {{ inputs }}, {{ version }}, {{ shape }}
    {% endcall %}
{%- endmacro %}


{# What a model that dbt builds in its own way (incremental, snapshot) calls after it: always built, its rows digested. #}
{% macro record_rows() -%}
    {%- if execute -%}{%- do record_build(none, 'table', this) -%}{%- endif -%}
{%- endmacro %}


{# A test of what has not changed has the result that it had; who asks for tests alone gets them run. #}
{% materialization test, adapter='duckdb' %}
    {%- set state = build_inputs(sql) if flags.WHICH == 'build' and not should_store_failures() else none -%}
    {%- if is_built(state, 'table') -%}
        {%- set failures, should_warn, should_error = state.known.version.split(' ') -%}
        {% call statement('main', fetch_result=True) -%}
            select {{ failures }} as failures, {{ should_warn }} as should_warn, {{ should_error }} as should_error
        {%- endcall %}
        {{ return({'relations': []}) }}
    {%- endif -%}
    {%- set relations = context['materialization_test_default']() -%}
    {%- if state is not none and state.inputs is not none -%}
        {%- set failures, should_warn, should_error = load_result('main').table.rows[0].values() -%}
        {% do run_query(
            "insert into " ~ build_state_table() ~ " (node, inputs, version) values ('" ~ model.unique_id ~ "', '"
            ~ state.inputs ~ "', '" ~ failures ~ ' ' ~ should_warn ~ ' ' ~ should_error ~ "')"
        ) %}
        {{ adapter.commit() }}
    {%- endif -%}
    {{ return(relations) }}
{% endmaterialization %}
