{#
  The rows of one level of `measured` with planning figures. These are the measured figures (with more weight on recent
  orders if the supplier drifts), pulled towards those of the parent level as if the parent had been seen in
  var('shrinkage_strength') further observations. Evidence is counted in observations (distinct pairs of order and
  receipt dates), because eight lines of one truck say no more than one. Without observations the planning figures are
  the parent's. A single observation says nothing about the standard deviation.
#}
{% macro shrunk(level, parent, on_parent) -%}
    {%- set strength = real(var('shrinkage_strength')) -%}
    select
        measured.*,
        coalesce(
            (measured.observations * coalesce(measured.recent_mean_days, 0) + {{ strength }} * parents.planning_mean)
                / nullif(measured.observations + {{ strength }}, 0),
            -- Without observations and without weight for the parent, the parent's figure is all there is.
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
