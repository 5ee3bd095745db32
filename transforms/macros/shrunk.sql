{#
  The rows of one level of `measured` with planning figures: measured ones, recent orders weighing more where the
  supplier drifts, pulled towards those of the parent level as if the parent had been seen in
  var('shrinkage_strength') further observations. Evidence is counted in observations (distinct order and receipt
  dates): eight lines of one truck say no more than one. With nothing observed they are the parent's; a single
  observation says nothing of the spread.
#}
{% macro shrunk(level, parent, on_parent) -%}
    {%- set strength = real(var('shrinkage_strength')) -%}
    select
        measured.*,
        coalesce(
            (measured.observations * coalesce(measured.recent_mean_days, 0) + {{ strength }} * parents.planning_mean)
                / nullif(measured.observations + {{ strength }}, 0),
            -- no observation, and no weight for the parent: it is all there is
            parents.planning_mean
        ) as planning_mean,
        case
            when measured.observations >= 2
            then ((measured.observations - 1) * measured.recent_variance + {{ strength }} * parents.planning_variance)
                / (measured.observations - 1 + {{ strength }})
            else parents.planning_variance
        end as planning_variance
    from measured
    inner join {{ parent }} as parents
        on {{ on_parent }}
    where measured.level = '{{ level }}'
{%- endmacro %}
