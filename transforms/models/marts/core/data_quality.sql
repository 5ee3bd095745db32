select * from {{ ref('dq_purchasing') }}
union all
select * from {{ ref('dq_demand') }}
union all
select * from {{ ref('dq_impossible_values') }}
union all
select * from {{ ref('dq_reading') }}
