-- Units and value of a proposal equal those of its lines. Every suggestion is in exactly one line.
with line_sums as (
    select
        supplier_id, warehouse_code, currency,
        count(*) as lines, sum(quantity) as units, sum(line_value) as value, sum(top_up_quantity) as top_up_units
    from {{ ref('purchase_proposal_line') }}
    group by supplier_id, warehouse_code, currency
),

totals as (
    select
        (select coalesce(sum(suggested_quantity), 0) from {{ ref('replenishment') }}) as suggested,
        (select coalesce(sum(suggested_quantity), 0) from {{ ref('purchase_proposal_line') }}) as in_lines
)

select proposals.supplier_id, proposals.warehouse_code, proposals.currency
from {{ ref('purchase_proposal') }} as proposals
left join line_sums
    on line_sums.supplier_id = proposals.supplier_id
    and line_sums.warehouse_code = proposals.warehouse_code
    and {{ is_same('line_sums.currency', 'proposals.currency') }}
where proposals.lines <> coalesce(line_sums.lines, 0)
    or proposals.units <> coalesce(line_sums.units, 0)
    or proposals.value <> coalesce(line_sums.value, 0)
    or proposals.top_up_units <> coalesce(line_sums.top_up_units, 0)

union all

select 'all suppliers', 'suggested', cast(suggested - in_lines as varchar(40))
from totals
where suggested <> in_lines
