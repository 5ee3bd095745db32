select * from {{ ref('dq_purchasing') }}
