{# Fails for rows in which `expression` is false; where it is null (a part is not known) it passes. #}
{% test holds(model, expression) %}
select *
from {{ model }}
where not ({{ expression }})
{% endtest %}
