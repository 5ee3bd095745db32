{#
  A table in which only the rows of changed keys are rebuilt.

  Each key has a version, a digest of what its rows depend on. Versions are stored in a table beside the model's
  (`build_state.<model>`, written in the same transaction). A key is rebuilt if its version differs from that of the
  last build, removed if it no longer has a version, and otherwise left alone. That works for every cause: a new,
  changed, late or deleted row, one that moved to another key, another as-of date, a build that was killed.
  macros/versions.sql defines the versions of each model.

  The full table is built in all other cases: the first time, after a change of models or settings, after a change of
  something that all keys depend on, if more than a quarter of many keys changed, and on all databases other than
  DuckDB. No column of a key is ever null.

  A full build of many rows is made in parts, each with a share of the keys, so that the joins and sorts of a part fit
  into memory. Otherwise DuckDB writes several times the size of the table to disk.
#}
{% materialization table_by_key, default %}
    {%- set own = 'materialization_table_' ~ adapter.type() -%}
    {%- set build = context[own] if own in context else context['materialization_table_default'] -%}
    {{ return(build()) }}
{% endmaterialization %}


{% materialization table_by_key, adapter='duckdb' %}
    {{ return(replaced('table', context['versions_of_' ~ model.name]())) }}
{% endmaterialization %}


{# In the SQL of such a model: whether the key of a row must be built. True for all rows in a full build. #}
{% macro of_changed_keys() -%}
    1 = 1 /* of changed keys: {{ varargs | join(' ; ') }} */
{%- endmacro %}


{#
  Builds only the changed keys and returns true. Returns false if the full table must be built; the versions are then
  kept for it.
#}
{% macro renewed_by_key(by_key, made, state, is_there) -%}
    {%- set kept = build_state_table() -%}
    {%- if kept is none -%}{{ return(false) }}{%- endif -%}
    {%- set rule_node = model.unique_id ~ ' by key' -%}
    {%- if state is none or state.inputs is none or none in by_key.by_key -%}
        {# It is unknown what the rows will depend on. #}
        {% do record_rule(kept, rule_node, none) %}
        {{ return(false) }}
    {%- endif -%}
    {%- set names = {
        'kept': 'build_state.' ~ adapter.quote(model.name),
        'now': adapter.quote('versions_of_' ~ model.name),
        'changed': adapter.quote('changed_keys_of_' ~ model.name),
    } -%}
    {%- set keys = by_key.key | join(', ') -%}
    {% call statement('versions_now') -%}
        create or replace temp table {{ names.now }} as
        select {{ keys }}, cast(sum(hash(part, place)) as varchar) as version
        from (
            {%- for part in by_key.by_key %}
            select {{ keys }}, part, {{ loop.index }} as place from ({{ part }})
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        )
        group by {{ keys }}
    {%- endcall %}

    {%- set rule = rule_of(by_key, kept) -%}
    {%- set before = run_query(
        "select arg_max_null(version, rowid), arg_max_null(shape, rowid) from " ~ kept
        ~ " where node = '" ~ rule_node ~ "'"
    ).rows[0] -%}
    {%- set is_renewed = is_there and before[0] == rule and few_keys_changed(keys, names) -%}
    {%- if is_renewed -%}
        {%- set same_key -%}
            {%- for column in by_key.key %}changed.{{ column }} = old.{{ column }}{{ ' and ' if not loop.last }}{% endfor -%}
        {%- endset -%}
        {% call statement('old_rows') -%}
            delete from {{ made }} as old using {{ names.changed }} as changed where {{ same_key }}
        {%- endcall %}
        {%- if by_key.of_another_day and before[1] != as_of() | trim %}
        {% call statement('another_day') -%}
            {{ by_key.of_another_day | replace(':before', before[1]) }}
        {%- endcall %}
        {%- endif %}
        {% call statement('main') -%}
            insert into {{ made }} by name
            {{ with_changed_keys(sql, names.changed, by_key.key) }}
        {%- endcall %}
        {% call statement('old_versions') -%}
            delete from {{ names.kept }} as old using {{ names.changed }} as changed where {{ same_key }}
        {%- endcall %}
        {% call statement('new_versions') -%}
            insert into {{ names.kept }} from {{ names.now }} semi join {{ names.changed }} using ({{ keys }})
        {%- endcall %}
    {%- else -%}
        {% call statement('all_versions') -%}
            create or replace table {{ names.kept }} as from {{ names.now }}
        {%- endcall %}
    {%- endif -%}
    {% do record_rule(kept, rule_node, rule) %}
    {{ return(is_renewed) }}
{%- endmacro %}


{#
  Builds the full table, one share of the keys at a time if `size` (see versions.sql) has more than `rows_at_once` rows.
#}
{% macro build_whole(by_key, made, sql) -%}
    {%- set rows = run_query('select count(*) from ' ~ by_key.size).rows[0][0] -%}
    {%- set parts = 1 + rows // var('rows_at_once') -%}
    {%- for part in range(parts) %}
    {% call statement('main') -%}
        {{ 'create or replace table ' ~ made ~ ' as' if part == 0 else 'insert into ' ~ made ~ ' by name' }} (
            {{ sql if parts == 1 else with_keys_where(sql, 'hash(:columns) % ' ~ parts ~ ' = ' ~ part) }}
        )
    {%- endcall %}
    {%- endfor %}
{%- endmacro %}


{# The model's SQL with its marks (`of_changed_keys`) replaced by this condition on their `:columns`. #}
{% macro with_keys_where(sql, condition) -%}
    {%- set found = namespace(sql=sql) -%}
    {%- for mark in modules.re.findall('1 = 1 /[*] of changed keys: (.*?) [*]/', sql) | unique -%}
        {%- set found.sql = found.sql | replace(
            '1 = 1 /* of changed keys: ' ~ mark ~ ' */', condition | replace(':columns', mark | replace(' ; ', ', '))
        ) -%}
    {%- endfor -%}
    {{ return(found.sql) }}
{%- endmacro %}


{# Finds the keys whose version changed, and whether they are so few that a build by key is cheaper than a full one. #}
{% macro few_keys_changed(keys, names) -%}
    {% call statement('changed_keys') -%}
        create or replace temp table {{ names.changed }} as
        select {{ keys }}
        from {{ names.now }} as now
        full join {{ names.kept }} as old using ({{ keys }})
        where now.version is distinct from old.version
    {%- endcall %}
    {%- set counted = run_query(
        "select (select count(*) from " ~ names.changed ~ "), (select count(*) from " ~ names.now ~ ")"
    ).rows[0] -%}
    {{ return(counted[0] <= 10000 or counted[0] * 4 <= counted[1]) }}
{%- endmacro %}


{#
  A digest of everything that every key depends on: the model's source, settings, and `whole` in macros/versions.sql.
#}
{% macro rule_of(by_key, kept) -%}
    {%- set today = as_of() | trim -%}
    {%- set found = [sql | replace(today, ':today')] -%}
    {%- for part in by_key.by_key + [by_key.of_another_day or ''] -%}{%- do found.append(part | replace(today, ':today')) -%}{%- endfor -%}
    {%- do found.append(
        run_query("select arg_max_null(version, rowid) from " ~ kept ~ " where node = 'settings'").rows[0][0] | string
    ) -%}
    {%- for part in by_key.whole -%}
        {%- do found.append(run_query("select cast(sum(hash(part)) as varchar) from (" ~ part ~ ")").rows[0][0] | string) -%}
    {%- endfor -%}
    {{ return(local_md5(found | join('\n'))) }}
{%- endmacro %}


{% macro record_rule(kept, node, rule) -%}
    {% call statement('record_rule') %}
        insert into {{ kept }} (node, version, shape)
        values ('{{ node }}', {{ "'" ~ rule ~ "'" if rule else 'null' }}, '{{ as_of() | trim | replace("'", "''") }}')
    {% endcall %}
{%- endmacro %}


{# The model's SQL with its marks (`of_changed_keys`) replaced by conditions. #}
{% macro with_changed_keys(sql, changed, key) -%}
    {%- set found = namespace(sql=sql) -%}
    {%- for mark in modules.re.findall('1 = 1 /[*] of changed keys: (.*?) [*]/', sql) | unique -%}
        {%- set columns = mark.split(' ; ') -%}
        {%- set conditions = [] -%}
        {%- for column in columns -%}
            {%- do conditions.append(column ~ ' in (select ' ~ key[loop.index0] ~ ' from ' ~ changed ~ ')') -%}
        {%- endfor -%}
        {%- if columns | length > 1 -%}
            {%- do conditions.append('(' ~ columns | join(', ') ~ ') in (select (' ~ key | join(', ') ~ ') from ' ~ changed ~ ')') -%}
        {%- endif -%}
        {%- set found.sql = found.sql | replace('1 = 1 /* of changed keys: ' ~ mark ~ ' */', conditions | join(' and ')) -%}
    {%- endfor -%}
    {{ return(found.sql) }}
{%- endmacro %}
