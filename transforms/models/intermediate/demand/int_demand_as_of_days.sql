-- One row per day as of which demand is estimated: the as-of date, and the days that a replay of history asks for.

select {{ as_of() }} as as_of_day
{%- for day in var('replayed_as_of_days', []) %}
union
select cast('{{ day }}' as date)
{%- endfor %}
