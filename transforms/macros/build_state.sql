{#
  Decides which nodes are rebuilt and which stay as they are (on DuckDB, if the program sets var('build_only_changed')).

  The program records the current version of each raw table in `build_state.node_version`. Every node adds a row of its
  own. `inputs` is a digest of its compiled SQL and of its parents' versions. `version` is what its dependants depend
  on. For a table it is a digest of its rows, so that nothing is rebuilt after a table that was rebuilt with the same
  rows; for a view its inputs; for a test its result. `shape` represents the columns alone: a view stays until its
  columns or its SQL change. The row is written in the transaction that creates the relation, into the same file, so
  that neither exists without the other.
#}

{# The table of build states; none if this build does not use one. #}
{% macro build_state_table() -%}
    {%- if not execute or target.type != 'duckdb' or project_name != 'omnium' -%}{{ return(none) }}{%- endif -%}
    {{ return(adapter.get_relation(target.database, 'build_state', 'node_version')) }}
{%- endmacro %}


{#
  What the current node is built from: {inputs, shape, known}, where `known` is the record of its last build. None means
  that it must be built. `inputs` is none if the version of a parent is unknown.
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


{# Whether the relation of the current node can stay: a table with the same inputs, or a view on the same columns. #}
{% macro is_built(state, kind) -%}
    {%- if state is none or state.known is none or state.inputs is none -%}{{ return(false) }}{%- endif -%}
    {{ return(state.known.inputs == state.inputs if kind == 'table' else state.known.shape == state.shape) }}
{%- endmacro %}


{# Records what the current node was built from. If `state` is none, that is unknown, and its dependants are rebuilt. #}
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


{#
  Called after a model that dbt builds in its own way (incremental, snapshot). It is always built, and its rows are
  digested.
#}
{% macro record_rows() -%}
    {%- if execute -%}{%- do record_build(none, 'table', this) -%}{%- endif -%}
{%- endmacro %}


{# A test whose inputs have not changed keeps its result. `dbt test` runs all tests. #}
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
