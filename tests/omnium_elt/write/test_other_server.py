"""Writing against a server that shares nothing with the sandbox: nothing else changes, nothing is written twice."""

import errno
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.decide.decisions import Decision, Decisions
from omnium_elt.decide.lines import Selection
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.run_report import RunReport, Silent, Step
from omnium_elt.steps.run import perform
from omnium_elt.steps.supplier_orders import export_orders
from omnium_elt.write.journal import read
from omnium_elt.write.step import lead_times_step, orders_step, undo_step

from tests.support import proposal
from tests.support.other_tenant import Failure, OtherTenant, raw_fields, serve

NORD = (
    '{"contacts":[{"phone":"+47 99 88 77 66","name":"Kåre"},{}],"defaultLeadTimeSafetyMarginDays":3,'
    '"minimumOrderAmount":79228162514264337593543950335.12345678901234567890,"shipmentCost":1.10e+2,"id":"sup-1",'
    '"unknownToAll":{"b":[1.0,-0.0,1E400,[[]]],"a":"\\u00e6\\ud83d\\ude00 \\/ \\n"},"name":"Nord \\u0041S",'
    '"defaultLeadTime":10,"nothing":null,"empty":{},"storeIds":[],"isActive":true,"tags":[ "x" , "y" ],'
    '"veryLong":"' + "å" * 5000 + '"}'
).encode()
SET = {"defaultLeadTime", "defaultLeadTimeSafetyMarginDays"}
OF_THE_SERVER = {"versionId", "previousVersionId", "modified"}
NORDS = Selection(["sup-1"])


@pytest.fixture
def tenant() -> Iterator[OtherTenant]:
    with serve() as served:
        served.keep("sup-1", NORD)
        yield served


def prepared_for(tenant: OtherTenant, home: Home) -> Settings:
    """A home with a proposal, and the users that read and write."""
    proposal.publish(home)
    return Settings(
        home=home,
        base_url=tenant.base_url,
        client_id="reads",
        client_secret=Secret("rrr-rrr"),
        writer_id="writes",
        writer_secret=Secret("www-www"),
    )


@pytest.fixture
def settings(tenant: OtherTenant, home: Home) -> Settings:
    return prepared_for(tenant, home)


def write(settings: Settings, step: Step) -> RunReport:
    return perform(settings, Silent(), "write", (step,))


def outcomes(report: RunReport) -> list[str]:
    assert report.steps, report.error
    return [change["status"] for change in report.steps[0].details["changes"]]


def changed(tenant: OtherTenant) -> set[str]:
    """The fields of the supplier that are not, byte for byte, as they were."""
    was, now = raw_fields(NORD), tenant.suppliers["sup-1"]
    return {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)} - OF_THE_SERVER


def test_every_field_that_was_not_to_change_is_equal_byte_for_byte(
    settings: Settings, tenant: OtherTenant
) -> None:
    report = write(settings, lead_times_step([], apply=True))
    assert outcomes(report) == ["written"], report.steps
    assert changed(tenant) == SET
    now = tenant.suppliers["sup-1"]
    assert (now["defaultLeadTime"], now["defaultLeadTimeSafetyMarginDays"]) == (b"12", b"6")
    assert tenant.writes == [("PUT", "Suppliers")]


def test_undone_it_is_byte_for_byte_as_before(settings: Settings, tenant: OtherTenant) -> None:
    run_id = write(settings, lead_times_step([], apply=True)).run_id
    assert outcomes(write(settings, undo_step(run_id, apply=True))) == ["written"]
    assert changed(tenant) == set()


ODD: list[bytes] = [
    b'{"id":"sup-1","defaultLeadTime":10,"defaultLeadTimeSafetyMarginDays":3,"a":1.10,"b":1e3,"c":-0,"d":1E+05}',
    b'{"id":"sup-1","defaultLeadTime":10.0,"defaultLeadTimeSafetyMarginDays":3e0,"a":12345678901234567890}',
    b'{"id":"sup-1","defaultLeadTime":10,"defaultLeadTimeSafetyMarginDays":3,"a":' + b"7" * 5000 + b"}",
    b'{"a":1,"id":"sup-1","a":2,"defaultLeadTime":10,"defaultLeadTimeSafetyMarginDays":3}',
    b'{"id":"sup-1","\\u0061\\u00e6":{"x":[1,{"x":1,"x":2}]},"defaultLeadTime":10,"defaultLeadTimeSafetyMarginDays":3}',
    b'{"id":"sup-1","a":"\\u0000 \\/ \\uD83D\\ude00","defaultLeadTimeSafetyMarginDays":3,"defaultLeadTime":10}',
    b' {\t"id" : "sup-1" ,\r\n "defaultLeadTime"\n:\n10 , "defaultLeadTimeSafetyMarginDays" : 3 } ',
    b'{"id":"sup-1","defaultLeadTime":10,"DefaultLeadTime":99,"defaultLeadTimeSafetyMarginDays":3}',
    b'{"id":"sup-1","defaultLeadTime":10,"contacts":[{"defaultLeadTime":7}],"defaultLeadTimeSafetyMarginDays":3}',
]


@pytest.mark.parametrize("supplier", ODD, ids=range(len(ODD)))
def test_whatever_stands_in_a_supplier_it_goes_back_as_it_came(
    settings: Settings, tenant: OtherTenant, supplier: bytes
) -> None:
    tenant.keep("sup-1", supplier)
    report = write(settings, lead_times_step([], apply=True))
    assert outcomes(report) == ["written"], report.steps
    was, now = raw_fields(supplier), tenant.suppliers["sup-1"]
    differ = {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}
    assert differ - OF_THE_SERVER == SET
    assert outcomes(write(settings, undo_step(report.run_id, apply=True))) == ["written"]
    now = tenant.suppliers["sup-1"]
    assert {name for name in was.keys() - SET if was[name] != now[name]} == set()
    assert {name: float(now[name]) for name in SET} == {
        "defaultLeadTime": 10,
        "defaultLeadTimeSafetyMarginDays": 3,
    }


@pytest.mark.parametrize("days", [b"10.5", b'"10"', b"true", b"[10]", b"1e400"])
def test_a_lead_time_that_is_no_number_of_days_is_left_alone(
    settings: Settings, tenant: OtherTenant, days: bytes
) -> None:
    tenant.keep("sup-1", NORD.replace(b'"defaultLeadTime":10', b'"defaultLeadTime":' + days))
    report = write(settings, lead_times_step([], apply=True))
    assert (outcomes(report), tenant.writes) == ([], [])
    assert report.notes == ["sup-1: its defaultLeadTime is no whole number of days: change it in Omnium"]


@pytest.mark.parametrize("what", [lead_times_step([], apply=False), orders_step(Selection(), apply=False)])
def test_a_dry_run_sends_no_write(settings: Settings, tenant: OtherTenant, what: Step) -> None:
    assert set(outcomes(write(settings, what))) == {"shown"}
    assert tenant.writes == []
    assert changed(tenant) == set()


def test_what_somebody_saved_since_it_was_shown_is_refused(settings: Settings, tenant: OtherTenant) -> None:
    write(settings, lead_times_step([], apply=False))
    tenant.keep("sup-1", NORD.replace(b'"isActive":true', b'"isActive":false'))
    report = write(settings, lead_times_step([], apply=True))
    assert (outcomes(report), report.exit_status) == (["refused"], 3)
    assert tenant.writes == []


@pytest.mark.parametrize("readings", [1, 2])
def test_what_somebody_saves_while_it_is_written_is_refused(
    settings: Settings, tenant: OtherTenant, readings: int
) -> None:
    # After the reading that plans the change, or the one just before it is sent: then the server says 412.
    tenant.edits_on_read = [{}] * (readings - 1) + [{"isActive": b"false"}]
    report = write(settings, lead_times_step([], apply=True))
    assert (outcomes(report), report.exit_status) == (["refused"], 3)
    assert changed(tenant) == {"isActive"}


@pytest.mark.parametrize("status", [400, 404, 409, 412, 422])
def test_a_refusal_changes_nothing_and_is_told(settings: Settings, tenant: OtherTenant, status: int) -> None:
    tenant.failures = [Failure("PUT", status)]
    report = write(settings, lead_times_step([], apply=True))
    assert (outcomes(report), report.exit_status) == (["refused"], 3)
    assert (len(tenant.writes), changed(tenant)) == (1, set())
    assert outcomes(write(settings, lead_times_step([], apply=True))) == ["written"]


def test_a_missing_role_ends_it_and_names_the_role(settings: Settings, tenant: OtherTenant) -> None:
    tenant.failures = [Failure("PUT", 403)]
    report = write(settings, lead_times_step([], apply=True))
    assert "SupplierAdmin" in str(report.error)
    assert (len(tenant.writes), changed(tenant)) == (1, set())


@pytest.mark.parametrize("is_applied", [True, False])
@pytest.mark.parametrize("status", [0, 408, 500, 502, 503, 504])
def test_an_answer_that_is_none_is_never_sent_again(
    settings: Settings, tenant: OtherTenant, status: int, is_applied: bool
) -> None:
    tenant.failures = [Failure("PUT", status, is_applied)]
    report = write(settings, lead_times_step([], apply=True))
    assert len(tenant.writes) == 1
    assert changed(tenant) == (SET if is_applied else set())
    assert outcomes(report) == ["written" if is_applied else "unknown"]
    write(settings, lead_times_step([], apply=True))
    assert changed(tenant) == SET
    assert len(tenant.writes) == (1 if is_applied else 2)


def test_what_the_server_did_after_we_looked_is_found_by_the_next_call(
    settings: Settings, tenant: OtherTenant
) -> None:
    tenant.failures = [Failure("PUT", 504, is_late=True)]
    late = write(settings, lead_times_step([], apply=True))
    assert (outcomes(late), changed(tenant)) == (["unknown"], SET)
    again = write(settings, lead_times_step([], apply=True))
    assert (outcomes(again), len(tenant.writes)) == ([], 1)
    assert again.notes == [f"sup-1 of {late.run_id}: was written"]
    assert outcomes(write(settings, undo_step(late.run_id, apply=True))) == ["written"]
    assert changed(tenant) == set()


@pytest.mark.parametrize("is_applied", [True, False])
@pytest.mark.parametrize("status", [0, 500, 503])
def test_an_order_is_made_once_whatever_the_answer(
    settings: Settings, tenant: OtherTenant, status: int, is_applied: bool
) -> None:
    tenant.failures = [Failure("POST", status, is_applied)]
    write(settings, orders_step(NORDS, apply=True))
    assert len(tenant.orders) == is_applied
    for _ in range(3):
        write(settings, orders_step(NORDS, apply=True))
    assert len(tenant.orders) == 1
    assert len(tenant.writes) == (1 if is_applied else 2)


def test_orders_carry_what_was_decided_and_settle_it(settings: Settings, tenant: OtherTenant) -> None:
    decisions = Decisions(settings.home.decisions)
    decisions.keep([proposal.lamp()])
    assert decisions.all()
    shown = write(settings, orders_step(Selection(), apply=False))
    assert "the 1 ticked line; 2 others left out (--all takes them, too)" in shown.notes
    assert decisions.all()
    assert outcomes(write(settings, orders_step(Selection(), apply=True))) == ["written"]
    (order,) = tenant.orders.values()
    assert [(line["code"], line["quantity"]) for line in order["purchaseOrderForm"]["lineItems"]] == [
        ("A", 72)
    ]
    assert decisions.all() == {}
    assert [event.what for event in decisions.history()] == ["decided", "ordered"]


@pytest.mark.parametrize(
    ("fails", "status", "orders"),
    [
        ("omnium_elt.write.journal.Journal.sending", "shown", 0),
        ("omnium_elt.write.journal.Journal.ended", "unknown", 1),
        ("omnium_elt.decide.decisions.Decisions.settle", "written", 1),
    ],
)
def test_a_full_disk_hides_no_order_that_was_made(
    fails: str,
    status: str,
    orders: int,
    settings: Settings,
    tenant: OtherTenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fails, full)
        report = write(settings, orders_step(NORDS, apply=True))
    assert (report.exit_status, outcomes(report), len(tenant.orders)) == (1, [status], orders)
    assert str(report.error).startswith("no space left on the disk")
    assert outcomes(write(settings, orders_step(NORDS, apply=True))) == ["unchanged" if orders else "written"]
    assert len(tenant.orders) == 1


def test_said_again_it_does_not_order_what_nobody_ticked(settings: Settings, tenant: OtherTenant) -> None:
    """Who was killed says the same again: the ticked lines are settled by then, and none is ticked any more."""
    Decisions(settings.home.decisions).keep([proposal.lamp()])
    first = write(settings, orders_step(Selection(), apply=True))
    assert outcomes(first) == ["written"]
    again = write(settings, orders_step(Selection(), apply=True))
    assert (outcomes(again), again.exit_status, len(tenant.orders)) == (["refused", "refused"], 3, 1)
    assert [change["detail"] for change in again.steps[0].details["changes"]] == [
        f"the proposal does not know of order {next(iter(tenant.orders))} yet, which {first.run_id} sent to the same "
        "supplier and warehouse: omnium-elt run first",
        f"{first.run_id} ordered what was ticked of this proposal, and this was not: tick it, or take all lines "
        "(--all)",
    ]
    of_others = Selection(["Sør AS"])
    assert outcomes(write(settings, orders_step(of_others, apply=False))) == ["shown"], (
        "nothing of Sør's was ticked"
    )
    assert outcomes(write(settings, orders_step(Selection(everything=True), apply=False))) == [
        "refused",
        "shown",
    ]
    write(settings, undo_step(first.run_id, apply=True))
    assert outcomes(write(settings, orders_step(Selection(), apply=False))) == ["shown"], (
        "ticked again, as it was"
    )


def test_an_order_of_the_same_id_with_other_content_is_told_and_settles_nothing(
    settings: Settings, tenant: OtherTenant
) -> None:
    decisions = Decisions(settings.home.decisions)
    decisions.keep([Decision("oslo", "A", "sup-1", "NOK", proposal.AS_OF, Decimal(48), is_ticked=True)])
    (shown,) = write(settings, orders_step(Selection(), apply=False)).steps[0].details["changes"]
    line = {"code": "A", "quantity": 24}
    tenant.orders[shown["target"]] = {
        "id": shown["target"], "supplierId": "sup-1", "storeId": "oslo", "billingCurrency": "NOK", "status": "New",
        "purchaseOrderForm": {"lineItems": [line]},
    }  # fmt: skip
    report = write(settings, orders_step(Selection(), apply=True))
    (change,) = report.steps[0].details["changes"]
    assert (change["status"], report.exit_status) == ("refused", 3)
    assert "is in Omnium already: with other content (lineItems)" in change["detail"]
    assert decisions.all()
    # One that was split because a part of it came says the same.
    tenant.orders[shown["target"]]["purchaseOrderForm"]["lineItems"] = [line, line]
    tenant.orders[shown["target"]]["status"] = "Confirmed"
    assert outcomes(write(settings, orders_step(Selection(), apply=True))) == ["unchanged"]
    assert decisions.all() == {}


def test_an_order_that_was_undone_is_decided_again_and_can_be_made_again(
    settings: Settings, tenant: OtherTenant
) -> None:
    decisions = Decisions(settings.home.decisions)
    lamp = proposal.lamp(note="two")
    decisions.keep([lamp])
    before = decisions.all()
    run_id = write(settings, orders_step(Selection(), apply=True)).run_id
    assert decisions.all() == {}
    assert outcomes(write(settings, undo_step(run_id, apply=True))) == ["written"]
    assert decisions.all() == before
    assert outcomes(write(settings, undo_step(run_id, apply=True))) == ["unchanged"]
    export_orders(settings.home, "html", str(settings.home.root / "files"), Selection())
    (page,) = [path.read_text() for path in (settings.home.root / "files").iterdir()]
    second = write(settings, orders_step(Selection(), apply=True))
    assert outcomes(second) == ["written"]
    assert f">{second.steps[0].details['changes'][0]['target']}<" in page
    assert decisions.all() == {}
    assert [order["status"] for order in tenant.orders.values()] == ["OrderCanceled", "New"]
    assert [event.what for event in decisions.history()] == [
        "decided",
        "ordered",
        "taken_back",
        "decided",
        "ordered",
    ]
    assert outcomes(
        write(settings, orders_step(Selection(everything=True, suppliers=["sup-1"]), apply=True))
    ) == ["refused"]
    assert outcomes(write(settings, undo_step(second.run_id, apply=True))) == ["written"]
    assert decisions.all() == before
    # Without the journals nobody here knows that it was taken back; the server does.
    for path in settings.home.writes.iterdir():
        path.unlink()
    report = write(settings, orders_step(Selection(), apply=True))
    assert outcomes(report) == ["refused"]
    assert "it was canceled (OrderCanceled)" in report.steps[0].details["changes"][0]["detail"]


# Killed

POINTS = (
    "omnium_elt.write.journal.Journal.sending",
    "omnium_elt.write.journal.Journal.ended",
    "omnium_source.http.client.OmniumClient.send",
    "omnium_elt.write.suppliers.Suppliers.content",
    "omnium_elt.write.orders.settle",
    "omnium_elt.decide.decisions.Decisions.settle",
    "omnium_elt.decide.decisions.Decisions.take_back",
    "omnium_elt.write.changes.forget_shown",
)


def _die_at(settings: Settings, step: Callable[[], Step], place: int) -> None:
    """In a process of its own: apply it, and end without a word at the `place`-th entry or exit of a point."""
    passed = 0

    def dying(function: Any) -> Any:
        def called(*arguments: Any, **named: Any) -> Any:
            nonlocal passed
            for moment in ("before", "after"):
                passed += 1
                if passed == place:
                    os._exit(9)
                if moment == "before":
                    result = function(*arguments, **named)
            return result

        return called

    with pytest.MonkeyPatch.context() as patch:
        for name in POINTS:
            owner, _, attribute = name.rpartition(".")
            patch.setattr(name, dying(_found(owner, attribute)))
        write(settings, step())
    os._exit(0)


def _found(owner: str, attribute: str) -> Any:
    from pkgutil import resolve_name

    return getattr(resolve_name(owner), attribute)


def killed_everywhere(
    tenant: OtherTenant, tmp_path: Path, prepared: Callable[[Settings], Callable[[], Step]]
) -> Iterator[Settings]:
    """Homes whose write was killed at each place in turn, until one lives to its end."""
    context = multiprocessing.get_context("fork")
    for place in range(1, 100):
        settings = prepared_for(tenant, Home(tmp_path / f"home-{place}"))
        child = context.Process(target=_die_at, args=(settings, prepared(settings), place))
        with warnings.catch_warnings():
            # Python 3.12 warns of a fork beside threads; but a step cannot be pickled, and waits for no lock of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        child.join()
        assert child.exitcode in (0, 9)
        if child.exitcode == 0:
            assert place > 8
            return
        yield settings


@pytest.mark.slow
def test_killed_at_every_point_a_supplier_is_saved_once(tenant: OtherTenant, tmp_path: Path) -> None:
    def step() -> Step:
        return lead_times_step([], apply=True)

    for settings in killed_everywhere(tenant, tmp_path, lambda _: step):
        report = write(settings, step())
        assert report.status in ("ok", "unchanged"), (settings.home.root, report)
        assert (changed(tenant), len(tenant.writes)) == (SET, 1), settings.home.root
        entries = [entry for path in settings.home.writes.glob("*.jsonl") for entry in read(path)]
        assert [entry.outcome for entry in entries if entry.outcome != "not_written"] == ["written"]
        tenant.log.clear()
        tenant.keep("sup-1", NORD)


@pytest.mark.slow
def test_killed_at_every_point_an_order_is_made_once_and_settled(tenant: OtherTenant, tmp_path: Path) -> None:
    def step() -> Step:
        return orders_step(NORDS, apply=True)

    for settings in killed_everywhere(tenant, tmp_path, lambda _: step):
        report = write(settings, step())
        assert report.status in ("ok", "unchanged"), (settings.home.root, report)
        assert len(tenant.orders) == 1, settings.home.root
        assert len([path for method, path in tenant.writes if method == "POST"]) == 1, settings.home.root
        ordered = [event for event in Decisions(settings.home.decisions).history() if event.what == "ordered"]
        assert [event.decision.sku for event in ordered] == ["A", "B"], settings.home.root
        tenant.log.clear()
        tenant.orders.clear()


@pytest.mark.slow
def test_killed_at_every_point_an_undo_cancels_once_and_gives_the_decision_back(
    tenant: OtherTenant, tmp_path: Path
) -> None:
    run_ids: dict[Path, str] = {}
    lamp = Decision("oslo", "A", "sup-1", "NOK", proposal.AS_OF, Decimal(48), is_ticked=True)

    def prepared(settings: Settings) -> Callable[[], Step]:
        Decisions(settings.home.decisions).keep([lamp])
        tenant.orders.clear()
        run_id = write(settings, orders_step(Selection(), apply=True)).run_id
        run_ids[settings.home.root] = run_id
        tenant.log.clear()
        return lambda: undo_step(run_id, apply=True)

    for settings in killed_everywhere(tenant, tmp_path, prepared):
        report = write(settings, undo_step(run_ids[settings.home.root], apply=True))
        assert report.status in ("ok", "unchanged"), (settings.home.root, report)
        assert [order["status"] for order in tenant.orders.values()] == ["OrderCanceled"], settings.home.root
        assert len(tenant.writes) == 1, settings.home.root
        assert list(Decisions(settings.home.decisions).all()) == [("oslo", "A")], settings.home.root
        taken_back = [e for e in Decisions(settings.home.decisions).history() if e.what == "taken_back"]
        assert len(taken_back) == 1, settings.home.root


@pytest.mark.parametrize(
    "content", [None, b"", b'{"as_of": {}}', b'{"published_at": "x", "run_id": "y", "marts"']
)
def test_without_the_day_of_the_proposal_no_order_is_made(
    settings: Settings, tenant: OtherTenant, content: bytes | None
) -> None:
    """What was put off would be ordered, and an order made a second time under another id."""
    decisions = Decisions(settings.home.decisions)
    decisions.keep([proposal.lamp()])
    with duckdb.connect(str(settings.home.warehouse)) as connection:
        connection.execute("drop table omnium._omnium_published")  # an earlier version published it
    settings.home.exports.mkdir()
    if content is not None:
        settings.home.manifest.write_bytes(content)
    report = write(settings, orders_step(Selection(), apply=True))
    assert (report.exit_status, tenant.orders) == (2, {})
    assert str(report.error).splitlines() == [
        f"{settings.home.warehouse} does not say of which day the proposal is",
        "Publish it anew: omnium-elt publish.",
    ]
    assert len(decisions.all()) == 1
