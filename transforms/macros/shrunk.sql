{#
  The rows of one level of `measured` with planning figures: measured ones pulled towards those of the
  parent level, as if the parent had been seen in var('shrinkage_strength') further lines.
  With nothing completed they are the parent's; a single line says nothing of the spread.
#}
{% macro shrunk(level, parent, on_parent) -%}
    {%- set strength = real(var('shrinkage_strength')) -%}
    select
        measured.*,
        coalesce(
            (measured.completed_lines * coalesce(measured.mean_days, 0) + {{ strength }} * parents.planning_mean)
                / nullif(measured.completed_lines + {{ strength }}, 0),
            -- no line, and no weight for the parent: it is all there is
            parents.planning_mean
        ) as planning_mean,
        case
            when measured.completed_lines >= 2
            then ((measured.completed_lines - 1) * measured.variance + {{ strength }} * parents.planning_variance)
                / (measured.completed_lines - 1 + {{ strength }})
            else parents.planning_variance
        end as planning_variance
    from measured
    inner join {{ parent }} as parents
        on {{ on_parent }}
    where measured.level = '{{ level }}'
{%- endmacro %}
