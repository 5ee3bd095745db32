"""The lines of the proposal with the purchaser's decisions applied: the one place that says what is ordered.

Export, writing to Omnium and the dashboard all take their lines and totals from here.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from omnium_elt.decide.decisions import Decision, Decisions, Key, as_table
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home
from omnium_elt.infra.text import counted
from omnium_elt.warehouse import database, selection
from omnium_elt.warehouse.manifest import version_of
from omnium_elt.warehouse.queries import only_value

MART = "purchase_proposal_line"


@dataclass(frozen=True)
class Selection:
    """Which lines of the proposal to take.

    `suppliers`, `warehouses`: ids or names; empty: all. `deferred`: also lines that can wait. If any of the lines is
    ticked, only ticked ones are taken, unless `everything` is set. `as_proposed`: ignore all decisions.
    """

    suppliers: Sequence[str] = ()
    warehouses: Sequence[str] = ()
    deferred: bool = False
    everything: bool = False
    as_proposed: bool = False
    currency: str | None = None
    """Only orders in this currency ("": orders without one); None: all."""


WHAT_IS_ORDERED = Selection()


@dataclass(frozen=True)
class Chosen:
    """How many lines a selection has, and how decisions changed it."""

    lines: int
    ticked_only: bool
    left_out: int
    """Lines left out because others are ticked and these are not."""
    snoozed: int
    changed: int
    """Lines whose quantity differs from the proposed one."""
    outdated: int
    """Lines whose proposal has changed since they were decided."""

    @property
    def remarks(self) -> list[str]:
        """What a person has to know about the selection, a remark each."""
        said = []
        if self.ticked_only:
            others = (
                f"; {counted(self.left_out, 'other')} left out (--all takes them, too)"
                if self.left_out
                else ""
            )
            said.append(f"the {counted(self.lines, 'ticked line')}{others}")
        if self.snoozed:
            said.append(f"{counted(self.snoozed, 'snoozed line')} left out")
        if self.changed:
            said.append(f"{counted(self.changed, 'line')} in another quantity than proposed")
        if self.outdated:
            said.append(f"of {counted(self.outdated, 'line')} the proposal has changed since it was decided")
        return said


VIEW = f"""
create or replace temp view decided_line as
with joined as (
    select
        lines.*,
        coalesce(decision.is_ticked, false) as is_ticked,
        decision.snoozed_until,
        coalesce(decision.snoozed_until > (select as_of from proposal_day), false) as is_snoozed,
        coalesce(decision.note, '') as note,
        decision.proposed_quantity as decided_against,
        decision.sku is not null as is_decided,
        decision.sku is not null and (
            decision.proposed_quantity is distinct from lines.quantity
            or decision.supplier_id is distinct from lines.supplier_id
            or decision.currency is distinct from lines.currency
        ) as is_outdated,
        -- a ticked line keeps the quantity that was proposed when it was ticked
        case
            when decision.quantity is not null then decision.quantity
            when decision.is_ticked then decision.proposed_quantity
            else lines.quantity
        end as ordered_quantity
    from marts.{MART} as lines
    left join decision
        on decision.warehouse_code = lines.warehouse_code
        and decision.sku = lines.sku
)
select
    * exclude (ordered_quantity) replace (
        cast(ordered_quantity as decimal(18, 4)) as quantity,
        cast(
            case
                when ordered_quantity = quantity then packs
                else ordered_quantity / coalesce(nullif(pack_quantity, 0), 1)
            end as decimal(18, 4)
        ) as packs,
        case
            when ordered_quantity = quantity then line_value
            else cast(cast(ordered_quantity as decimal(28, 4)) * unit_cost as decimal(18, 2))
        end as line_value
    ),
    quantity as proposed_quantity,
    line_value as proposed_value,
    ordered_quantity <> quantity as is_changed
from joined
"""


@contextmanager
def connect(home: Home, *, as_proposed: bool = False) -> Iterator[Any]:
    """Open the published warehouse with a view `decided_line`: the proposal's lines with decisions applied.

    The view has the columns of purchase_proposal_line, with quantity, packs and value as decided. It adds
    `proposed_quantity`, `proposed_value`, `decided_against` (the quantity proposed when it was decided), `is_ticked`,
    `is_changed`, `is_snoozed`, `snoozed_until`, `note`, `is_decided` and `is_outdated` (the proposal has changed since
    the decision). Raises UsageError if nothing is published.
    """
    require_warehouse(home)
    kept = {} if as_proposed else Decisions(home.decisions).all()
    with database.published(home.warehouse) as connection:
        join(connection, home, kept)
        yield connection


def join(connection: Any, home: Home, kept: Mapping[Key, Decision]) -> None:
    """Create the view `decided_line` in a connection to the published warehouse.

    Raises UsageError if the day of the proposal is not known.
    """
    connection.register("decision_rows", as_table(list(kept.values())))
    connection.execute("create or replace temp table decision as from decision_rows")
    connection.unregister("decision_rows")
    connection.execute(
        "create or replace temp table proposal_day as select cast(? as date) as as_of",
        [_day_of(connection, home)],
    )
    connection.execute(VIEW)


def choose(connection: Any, chosen: Selection) -> Chosen:
    """Create a view `chosen_line` of the selected lines, in the order of the proposal.

    Raises UsageError for an unknown supplier or warehouse.
    """
    connection.execute(
        """
        create or replace temp table selected as
        select * from decided_line
        where (len($suppliers) = 0 or list_contains($suppliers, supplier_id))
            and (len($warehouses) = 0 or list_contains($warehouses, warehouse_code))
            and ($currency is null or coalesce(currency, '') = $currency)
            and (is_ticked or $deferred or action <> 'defer')
        """,
        {
            "suppliers": selection.supplier_ids(connection, chosen.suppliers),
            "warehouses": selection.warehouse_codes(connection, chosen.warehouses),
            "deferred": chosen.deferred,
            "currency": chosen.currency,
        },
    )
    ((ticked, snoozed, others),) = connection.execute(
        """
        select
            count(*) filter (where is_ticked and not is_snoozed),
            count(*) filter (where is_snoozed),
            count(*) filter (where not is_ticked and not is_snoozed)
        from selected
        """
    ).fetchall()
    ticked_only = bool(ticked) and not chosen.everything
    connection.execute(
        f"""
        create or replace temp view chosen_line as
        select * from selected
        where not is_snoozed {"and is_ticked" if ticked_only else ""}
        order by supplier_id, warehouse_code, currency, line_number
        """
    )
    ((lines, changed, outdated),) = connection.execute(
        "select count(*), count(*) filter (where is_changed), count(*) filter (where is_outdated) from chosen_line"
    ).fetchall()
    return Chosen(lines, ticked_only, others if ticked_only else 0, snoozed, changed, outdated)


def day(connection: Any) -> date:
    """The day of the proposal; `connection` is one on which `join` was called."""
    found: date = only_value(connection, "select as_of from proposal_day")
    return found


def _day_of(connection: Any, home: Home) -> date:
    """The day of the proposal. Raises UsageError if neither the warehouse nor the manifest names it.

    Without the day no line would be snoozed, and the same order would get another id.
    """
    version = version_of(connection, home)
    if version is None or version.as_of is None:
        raise UsageError(
            f"{home.warehouse} does not say of which day the proposal is",
            "Publish it anew: omnium-elt publish.",
        )
    return version.as_of


def require_warehouse(home: Home) -> None:
    """Raise UsageError if nothing is published, or only raw data."""
    if not home.warehouse.exists():
        raise UsageError(
            f"there is no warehouse at {home.warehouse}", "Make one: omnium-elt demo, or omnium-elt run."
        )
    with database.published(home.warehouse) as connection:
        schemas = connection.execute("select schema_name from information_schema.schemata").fetchall()
    if ("marts",) not in schemas:
        raise UsageError(
            f"{home.warehouse} holds raw data and no models", "Make them: omnium-elt transform, then publish."
        )


def by_order(lines: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Group lines into orders: one per supplier, warehouse and currency."""
    orders: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in lines:
        orders.setdefault((line["supplier_id"], line["warehouse_code"], line["currency"]), []).append(line)
    return list(orders.values())


def value_of(lines: Sequence[Mapping[str, Any]]) -> dict[str | None, Decimal]:
    """The sum of `line_value` by currency."""
    values: dict[str | None, Decimal] = {}
    for line in lines:
        values[line["currency"]] = values.get(line["currency"], Decimal(0)) + (line["line_value"] or 0)
    return values
