"""write: the steps that `omnium-elt write` and the dashboard perform in a run, under the home's lock."""

from collections.abc import Callable, Sequence

from omnium_elt.decide.lines import Selection
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Progress, RunReport, Step
from omnium_elt.write import changes, orders, suppliers
from omnium_elt.write.changes import Change, Writer
from omnium_elt.write.journal import Journal, everything

Plan = Callable[[Home, suppliers.Suppliers, orders.Orders], tuple[list[Change], list[str]]]
"""Returns the changes to make, and remarks for a person."""


def lead_times_step(wanted: Sequence[str], *, apply: bool) -> Step:
    """Show the recommended lead times of suppliers (by id or name; empty: all); with `apply` write them."""
    return _step(
        "lead-times",
        lambda home, of_suppliers, _: suppliers.recommended(home, of_suppliers, wanted),
        apply=apply,
    )


def orders_step(chosen: Selection, *, apply: bool) -> Step:
    """Show the orders of the proposal with decisions applied; with `apply` create them as drafts."""
    return _step("orders", lambda home, *_: orders.proposed(home, chosen), apply=apply)


def undo_step(run_id: str, *, apply: bool) -> Step:
    """Show the changes that undo what a run wrote; with `apply` make them."""

    def plan(
        home: Home, of_suppliers: suppliers.Suppliers, of_orders: orders.Orders
    ) -> tuple[list[Change], list[str]]:
        known = everything(home.writes)
        entries = [entry for entry in known if entry.run_id == run_id]
        if not entries:
            runs = ", ".join(list(dict.fromkeys(entry.run_id for entry in known))[-5:]) or "none yet"
            raise UsageError(f"run {run_id!r} wrote nothing here", f"Runs that did: {runs}.")
        return suppliers.taken_back(entries, of_suppliers) + orders.taken_back(entries, of_orders), []

    return _step(f"undo-{run_id}", plan, apply=apply)


def _step(what: str, plan: Plan, *, apply: bool) -> Step:
    def write_step(settings: Settings, progress: Progress, report: RunReport) -> None:
        home = settings.home
        reader, writer = changes.clients(settings, apply=apply)
        of_suppliers, of_orders = suppliers.Suppliers(reader, writer), orders.Orders(reader, writer)
        writers: dict[str, Writer] = {
            "lead_time": of_suppliers,
            "undo_lead_time": of_suppliers,
            "order": of_orders,
            "undo_order": of_orders,
        }
        try:
            settled = changes.find_out(home, writers)
            orders.settle(home)
            report.notes += settled
            planned, notes = plan(home, of_suppliers, of_orders)
            report.notes += notes
            try:
                if apply:
                    changes.hold_against_shown(home, what, planned)
                    changes.apply(planned, writers, Journal(home.writes, report.run_id), settings)
                    changes.forget_shown(home, what)
                else:
                    changes.keep_shown(home, what, planned)
            finally:
                # Report before settling, which fails on a full disk: the report must say what was written.
                report.steps.append(
                    changes.step_report(f"write {what}", planned, applied=apply, settled=settled)
                )
                orders.settle(home)
        finally:
            reader.close()
            if writer is not None:
                writer.close()

    return write_step
