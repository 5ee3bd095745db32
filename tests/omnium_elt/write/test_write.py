"""Writing to a tenant: what is shown, what is sent, and what is known when something goes wrong in between."""

import dataclasses
import json
import stat
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.decide.lines import Selection
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.run_report import RunReport, Silent, Step
from omnium_elt.steps.load import load
from omnium_elt.steps.run import perform
from omnium_elt.write import exact
from omnium_elt.write.journal import Journal, read
from omnium_elt.write.step import lead_times_step, orders_step, undo_step
from omnium_sandbox import Fault, Sandbox
from omnium_source.http.client import OmniumClient

from tests.support import proposal
from tests.support.tenants import sandbox_settings

SUPPLIER = (
    b'{"id": "sup-1", "name": "Nord AS", "defaultLeadTime": 10, "defaultLeadTimeSafetyMarginDays": 3, '
    b'"minimumOrderAmount": 1234567890.123456789012345, "tags": ["a"], "contacts": [{"name": "Kari Nordmann"}], '
    b'"ourOwnField": {"deep": [1.10, null]}}'
)


@pytest.fixture
def tenant() -> Iterator[Sandbox]:
    with Sandbox(size="empty") as sandbox:
        with writer_of(sandbox) as writer:
            writer.send("PUT", "Suppliers", SUPPLIER, what="a supplier", role="SupplierAdmin")
        sandbox.clear_requests()
        yield sandbox


@pytest.fixture
def settings(tenant: Sandbox, home: Home) -> Settings:
    proposal.publish(home)
    return sandbox_settings(
        home,
        tenant,
        writer_id=tenant.writer_client_id,
        writer_secret=Secret(tenant.writer_client_secret),
    )


def writer_of(sandbox: Sandbox) -> OmniumClient:
    return OmniumClient(sandbox.base_url, sandbox.writer_client_id, sandbox.writer_client_secret)


def write(settings: Settings, step: Step) -> RunReport:
    return perform(settings, Silent(), "write", (step,))


def changes_of(report: RunReport) -> list[dict[str, Any]]:
    assert report.steps, report.error
    changes: list[dict[str, Any]] = report.steps[0].details["changes"]
    return changes


def outcomes(report: RunReport) -> list[tuple[str, str]]:
    return [(change["target"], change["status"]) for change in changes_of(report)]


def sent(tenant: Sandbox) -> list[tuple[str, str]]:
    """The writing requests that the server saw."""
    return [
        (request.method, request.path)
        for request in tenant.requests
        if request.method in ("PUT", "PATCH", "DELETE") or request.path == "/api/PurchaseOrders"
    ]


def kept(tenant: Sandbox) -> dict[str, bytes]:
    content: bytes = tenant.tenant.collection("suppliers").get_bytes("sup-1")
    return exact.fields(content)


# Showing


def test_without_apply_nothing_is_sent_and_every_difference_is_shown(
    settings: Settings, tenant: Sandbox
) -> None:
    report = write(settings, lead_times_step([], apply=False))
    assert (report.status, report.exit_status) == ("unchanged", 0)
    (change,) = changes_of(report)
    assert (change["target"], change["name"], change["status"]) == ("sup-1", "Nord AS", "shown")
    assert change["before"] == {"defaultLeadTime": 10, "defaultLeadTimeSafetyMarginDays": 3}
    assert change["after"] == {"defaultLeadTime": 12, "defaultLeadTimeSafetyMarginDays": 6}
    assert change["why"] == (
        "of 16 arrivals half came within 12 days and nine of ten within 18; 62 % came within what is configured"
    )
    write(settings, orders_step(Selection(), apply=False))
    write(settings, undo_step("none", apply=False))
    assert sent(tenant) == []


def test_the_user_that_reads_is_not_asked_to_write(settings: Settings, tenant: Sandbox) -> None:
    nobody = dataclasses.replace(settings, writer_id="", writer_secret=Secret(""))
    report = write(nobody, lead_times_step([], apply=True))
    assert (report.exit_status, sent(tenant)) == (2, [])
    assert report.error
    assert "SOURCES__OMNIUM__WRITER__CLIENT_ID is missing" in report.error
    same = dataclasses.replace(settings, writer_id=settings.client_id, writer_secret=settings.client_secret)
    assert write(same, lead_times_step([], apply=True)).exit_status == 2
    assert sent(tenant) == []


def test_a_missing_role_is_named(settings: Settings, tenant: Sandbox) -> None:
    tenant.behaviour.missing_roles = {"SupplierAdmin", "PurchaseOrderAdmin"}
    for step, role in (
        (lead_times_step([], apply=True), "SupplierAdmin"),
        (orders_step(Selection(), apply=True), "PurchaseOrderAdmin"),
    ):
        report = write(settings, step)
        assert report.exit_status == 1
        assert role in str(report.error)
    assert kept(tenant)["defaultLeadTime"] == b"10"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [("Nordd AS", "Did you mean 'Nord AS'?"), ("zzzzzz", "There are 2")],
)
def test_an_unknown_supplier_is_refused_with_the_nearest(settings: Settings, wanted: str, says: str) -> None:
    report = write(settings, lead_times_step([wanted], apply=False))
    assert report.exit_status == 2
    assert says in str(report.error)


# Lead times


def test_only_the_two_fields_change_and_all_others_go_back_to_the_last_digit(
    settings: Settings, tenant: Sandbox
) -> None:
    before = kept(tenant)
    report = write(settings, lead_times_step(["nord as"], apply=True))
    assert outcomes(report) == [("sup-1", "written")]
    after = kept(tenant)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {
        "defaultLeadTime",
        "defaultLeadTimeSafetyMarginDays",
        "modified",
        "versionId",
        "previousVersionId",
    }
    assert (after["defaultLeadTime"], after["defaultLeadTimeSafetyMarginDays"]) == (b"12", b"6")
    assert after["minimumOrderAmount"] == b"1234567890.123456789012345"
    assert after["ourOwnField"] == b'{"deep":[1.10,null]}'
    assert sent(tenant) == [("PUT", "/api/Suppliers")]


def test_the_next_load_sees_the_lead_time_at_the_supplier_and_at_its_products(
    settings: Settings, tenant: Sandbox
) -> None:
    tenant.tenant.put("products", {"id": "A_no", "supplierId": "sup-1", "supplierLeadTime": 10})
    load_settings = dataclasses.replace(settings, resources=("suppliers", "products"))
    load(load_settings, Silent())
    write(settings, lead_times_step([], apply=True))
    load(load_settings, Silent())
    with duckdb.connect(str(settings.home.working_database), read_only=True) as connection:
        found = connection.execute("""
            select default_lead_time, default_lead_time_safety_margin_days, supplier_lead_time
            from omnium.suppliers as suppliers
            inner join omnium.products as products on products.supplier_id = suppliers.id
        """).fetchall()
    assert found == [(12, 6, 12)]


def test_written_once_it_is_not_written_again(settings: Settings, tenant: Sandbox) -> None:
    write(settings, lead_times_step([], apply=True))
    again = write(settings, lead_times_step([], apply=True))
    assert (outcomes(again), len(sent(tenant))) == ([], 1)


def test_who_saved_it_since_it_was_shown_is_not_overwritten(settings: Settings, tenant: Sandbox) -> None:
    write(settings, lead_times_step([], apply=False))
    row = tenant.tenant.get("suppliers", "sup-1")
    assert row
    tenant.tenant.save_supplier({**row, "paymentTerms": 45}, user="somebody")
    report = write(settings, lead_times_step([], apply=True))
    assert (outcomes(report), report.exit_status, sent(tenant)) == ([("sup-1", "refused")], 3, [])
    assert "saved it since it was shown" in changes_of(report)[0]["detail"]
    write(settings, lead_times_step([], apply=False))
    assert outcomes(write(settings, lead_times_step([], apply=True))) == [("sup-1", "written")]
    assert kept(tenant)["paymentTerms"] == b"45"


def test_who_saves_it_between_the_last_look_and_the_save_is_told(
    settings: Settings, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = OmniumClient.send

    def after_somebody_else(self: OmniumClient, *arguments: Any, **named: Any) -> bytes:
        row = tenant.tenant.get("suppliers", "sup-1")
        assert row
        tenant.tenant.save_supplier({**row, "paymentTerms": 45}, user="somebody")
        return send(self, *arguments, **named)

    monkeypatch.setattr(OmniumClient, "send", after_somebody_else)
    report = write(settings, lead_times_step([], apply=True))
    # Their save is lost, for there is no precondition; that it was there is seen in the chain of versions.
    assert (outcomes(report), report.exit_status) == ([("sup-1", "failed")], 3)
    assert "somebody saved it just before" in changes_of(report)[0]["detail"]


def test_a_lead_time_changed_after_the_load_waits_for_the_next_run(
    settings: Settings, tenant: Sandbox
) -> None:
    row = tenant.tenant.get("suppliers", "sup-1")
    assert row
    tenant.tenant.save_supplier({**row, "defaultLeadTime": 11}, user="somebody")
    report = write(settings, lead_times_step([], apply=True))
    assert (outcomes(report), sent(tenant)) == ([], [])
    assert report.notes == ["sup-1: its lead time was changed after the newest load: omnium-elt run first"]


@pytest.mark.parametrize("kind", ["lost", "reset", "hang", "truncate", "500", "503", "html"])
def test_a_lost_answer_is_looked_up_and_never_sent_again(
    settings: Settings, tenant: Sandbox, kind: Any
) -> None:
    tenant.faults.add(Fault(kind, "/api/Suppliers", times=1, method="PUT", seconds=0.1))
    report = write(settings, lead_times_step([], apply=True))
    assert len(sent(tenant)) == 1
    arrived = kept(tenant)["defaultLeadTime"] == b"12"
    assert outcomes(report) == [("sup-1", "written" if arrived else "unknown")]
    assert report.exit_status == (0 if arrived else 3)


def test_a_refusal_that_did_nothing_is_sent_again(settings: Settings, tenant: Sandbox) -> None:
    tenant.faults.add(Fault("429", "/api/Suppliers", times=1, method="PUT", seconds=1))
    tenant.faults.add(Fault("401", "/api/Suppliers", times=1, method="PUT"))
    assert outcomes(write(settings, lead_times_step([], apply=True))) == [("sup-1", "written")]
    assert len(sent(tenant)) == 3
    tenant.faults.add(Fault("400", "/api/Suppliers", method="PUT"))
    write(settings, undo_step(next(settings.home.writes.glob("*.jsonl")).stem, apply=False))


class Killed(BaseException):
    """As if the process had ended here."""


@pytest.mark.parametrize("place", ["before_sending", "after_sending", "before_reading_back", "before_noting"])
def test_killed_anywhere_the_next_call_knows(
    settings: Settings, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    send, noted = OmniumClient.send, Journal.ended

    def killed_send(self: OmniumClient, *arguments: Any, **named: Any) -> bytes:
        if place != "before_sending":
            send(self, *arguments, **named)
        raise Killed

    def killed_noting(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if place in ("before_sending", "after_sending"):
            patch.setattr(OmniumClient, "send", killed_send)
        elif place == "before_reading_back":
            patch.setattr("omnium_elt.write.suppliers.Suppliers.outcome", killed_noting)
        else:
            patch.setattr(Journal, "ended", killed_noting)
        with pytest.raises(Killed):
            write(settings, lead_times_step([], apply=True))
    report = write(settings, lead_times_step([], apply=True))
    assert kept(tenant)["defaultLeadTime"] == b"12"
    assert len(sent(tenant)) == 1
    (note,) = report.notes
    was_written = place != "before_sending"
    assert ("was written" if was_written else "was not written") in note
    assert outcomes(report) == ([] if was_written else [("sup-1", "written")])
    assert noted is Journal.ended


def test_undo_takes_back_what_a_run_wrote_and_leaves_what_others_did_since(
    settings: Settings, tenant: Sandbox
) -> None:
    run_id = write(settings, lead_times_step([], apply=True)).run_id
    shown = write(settings, undo_step(run_id, apply=False))
    assert outcomes(shown) == [("sup-1", "shown")]
    assert kept(tenant)["defaultLeadTime"] == b"12"
    assert outcomes(write(settings, undo_step(run_id, apply=True))) == [("sup-1", "written")]
    assert (kept(tenant)["defaultLeadTime"], kept(tenant)["defaultLeadTimeSafetyMarginDays"]) == (b"10", b"3")
    assert kept(tenant)["minimumOrderAmount"] == b"1234567890.123456789012345"
    assert outcomes(write(settings, undo_step(run_id, apply=True))) == [("sup-1", "unchanged")]

    run_id = write(settings, lead_times_step([], apply=True)).run_id
    row = tenant.tenant.get("suppliers", "sup-1")
    assert row
    tenant.tenant.save_supplier({**row, "paymentTerms": 45}, user="somebody")
    report = write(settings, undo_step(run_id, apply=True))
    assert (outcomes(report), report.exit_status) == ([("sup-1", "refused")], 3)


def test_undo_of_a_run_that_wrote_nothing_is_refused(settings: Settings) -> None:
    report = write(settings, undo_step("20260101T000000Z-beef", apply=True))
    assert report.exit_status == 2
    assert "wrote nothing here" in str(report.error)


# The journal


def test_the_journal_says_what_when_and_what_came_of_it_and_no_personal_data(
    settings: Settings, tenant: Sandbox
) -> None:
    run_id = write(settings, lead_times_step([], apply=True)).run_id
    path = settings.home.writes / f"{run_id}.jsonl"
    (entry,) = read(path)
    assert (entry.run_id, entry.kind, entry.target, entry.outcome) == (
        run_id,
        "lead_time",
        "sup-1",
        "written",
    )
    assert entry.before == {"defaultLeadTime": 10, "defaultLeadTimeSafetyMarginDays": 3}
    assert entry.after == {"defaultLeadTime": 12, "defaultLeadTimeSafetyMarginDays": 6}
    assert entry.version_after == json.loads(kept(tenant)["versionId"])
    assert entry.sent_at < str(entry.ended_at)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for file in settings.home.state.rglob("*"):
        if file.is_file():
            assert b"Nordmann" not in file.read_bytes(), file
            assert settings.writer_secret.encode() not in file.read_bytes(), file


def test_half_a_line_is_no_entry_and_swallows_none(tmp_path: Path) -> None:
    from omnium_elt.write.journal import Entry

    journal = Journal(tmp_path, "r")
    journal.sending(Entry("lead_time", "sup-1", {}, {}))
    with (tmp_path / "r.jsonl").open("ab") as file:
        file.write(b'{"event": "sending", "run')
    assert [entry.target for entry in read(tmp_path / "r.jsonl")] == ["sup-1"]
    Journal(tmp_path, "r").sending(Entry("lead_time", "sup-2", {}, {}))
    assert [(entry.number, entry.target) for entry in read(tmp_path / "r.jsonl")] == [
        (1, "sup-1"),
        (2, "sup-2"),
    ]


@pytest.mark.parametrize("line", [b"null", b"[]", b"{}", b"\xff\xfe", b'{"event": "ended", "number": 9}'])
def test_a_damaged_journal_is_told(settings: Settings, tenant: Sandbox, line: bytes) -> None:
    run_id = write(settings, lead_times_step([], apply=True)).run_id
    path = settings.home.writes / f"{run_id}.jsonl"
    path.write_bytes(line + b"\n" + path.read_bytes())
    report = write(settings, lead_times_step([], apply=True))
    assert (report.exit_status, len(sent(tenant))) == (1, 1)
    assert "is damaged in line 1" in str(report.error)


# Orders


def orders_in(tenant: Sandbox) -> list[dict[str, Any]]:
    return sorted(tenant.tenant.rows("purchase_orders"), key=lambda order: str(order["supplierId"]))


def test_the_orders_of_the_proposal_become_drafts(settings: Settings, tenant: Sandbox) -> None:
    report = write(settings, orders_step(Selection(), apply=True))
    assert [status for _, status in outcomes(report)] == ["written", "written"]
    first, second = orders_in(tenant)
    assert {name: first[name] for name in ("status", "supplierId", "storeId", "billingCurrency")} == {
        "status": "New",
        "supplierId": "sup-1",
        "storeId": "oslo",
        "billingCurrency": "NOK",
    }
    assert first["requestedDeliveryDate"] == "2026-02-03T00:00:00Z"
    assert first["externalIds"] == [{"id": report.run_id, "providerName": "omnium-elt"}]
    wanted = (
        "code",
        "quantity",
        "supplierPackagingQuantity",
        "placedPriceExclTax",
        "supplierSkuId",
        "warehouseCode",
    )
    assert [tuple(line.get(name) for name in wanted) for line in first["purchaseOrderForm"]["lineItems"]] == [
        ("A", 48, 24, 12.5, "n-a", "oslo"),
        ("B", 2.5, None, 100, None, "oslo"),
    ]
    assert (second["supplierId"], second["storeId"]) == ("sup-2", "oslo")


def test_a_second_apply_makes_no_second_order(settings: Settings, tenant: Sandbox) -> None:
    write(settings, orders_step(Selection(), apply=True))
    again = write(settings, orders_step(Selection(), apply=True))
    assert [status for _, status in outcomes(again)] == ["unchanged", "unchanged"]
    for path in settings.home.writes.iterdir():
        path.unlink()
    # Without its journal the server's answer says that they are there.
    without = write(settings, orders_step(Selection(), apply=True))
    assert [status for _, status in outcomes(without)] == ["unchanged", "unchanged"]
    assert len(orders_in(tenant)) == 2


def test_orders_can_be_chosen_by_supplier_warehouse_and_whether_they_may_wait(settings: Settings) -> None:
    def places(step: Step) -> list[tuple[str, str]]:
        facts = [change["facts"] for change in changes_of(write(settings, step))]
        return [(one["supplier_id"], one["warehouse_code"]) for one in facts]

    assert places(orders_step(Selection(["Sør AS"], []), apply=False)) == [("sup-2", "oslo")]
    assert places(orders_step(Selection([], ["bergen"]), apply=False)) == []
    assert places(orders_step(Selection([], ["Bergen"], deferred=True), apply=False)) == [("sup-2", "bergen")]


def test_a_proposal_that_does_not_know_of_an_order_makes_no_other(
    settings: Settings, tenant: Sandbox
) -> None:
    write(settings, orders_step(Selection(["sup-1"], []), apply=True))
    with duckdb.connect(str(settings.home.warehouse)) as connection:
        connection.execute("update marts.purchase_proposal_line set quantity = 72 where sku = 'A'")
    report = write(settings, orders_step(Selection(["sup-1"], []), apply=True))
    assert ([status for _, status in outcomes(report)], report.exit_status) == (["refused"], 3)
    assert "does not know of order" in changes_of(report)[0]["detail"]
    with duckdb.connect(str(settings.home.warehouse)) as connection:
        connection.execute(
            "insert into omnium._omnium_runs values ('29990101T060000Z-0b0b', now() + interval 1 minute)"
        )
    assert [s for _, s in outcomes(write(settings, orders_step(Selection(["sup-1"], []), apply=True)))] == [
        "written"
    ]
    assert len(orders_in(tenant)) == 2


def test_a_load_of_before_does_not_know_of_an_order_though_the_clock_was_set_back_in_between(
    settings: Settings, tenant: Sandbox
) -> None:
    with duckdb.connect(str(settings.home.warehouse)) as connection:
        connection.execute("update omnium._omnium_runs set started_at = now() + interval 1 hour")
    write(settings, orders_step(Selection(["sup-1"], []), apply=True))
    with duckdb.connect(str(settings.home.warehouse)) as connection:
        connection.execute("update marts.purchase_proposal_line set quantity = 72 where sku = 'A'")
    report = write(settings, orders_step(Selection(["sup-1"], []), apply=True))
    assert [status for _, status in outcomes(report)] == ["refused"]
    assert len(orders_in(tenant)) == 1


@pytest.mark.parametrize("kind", ["lost", "500"])
def test_an_order_whose_answer_is_lost_is_made_once(settings: Settings, tenant: Sandbox, kind: Any) -> None:
    tenant.faults.add(Fault(kind, "/api/PurchaseOrders", times=1, method="POST"))
    first = write(settings, orders_step(Selection(["sup-1"], []), apply=True))
    assert [status for _, status in outcomes(first)] == ["written" if kind == "lost" else "unknown"]
    second = write(settings, orders_step(Selection(["sup-1"], []), apply=True))
    assert [status for _, status in outcomes(second)] == ["unchanged" if kind == "lost" else "written"]
    assert len(orders_in(tenant)) == 1


def test_undo_cancels_drafts_and_leaves_what_was_sent(settings: Settings, tenant: Sandbox) -> None:
    run_id = write(settings, orders_step(Selection(), apply=True)).run_id
    order = orders_in(tenant)[1]
    tenant.tenant.put("purchase_orders", {**order, "status": "Confirmed"})
    report = write(settings, undo_step(run_id, apply=True))
    assert sorted(status for _, status in outcomes(report)) == ["refused", "written"]
    assert [order["status"] for order in orders_in(tenant)] == ["OrderCanceled", "Confirmed"]


# Exactness


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (b'{"a": 1.10}', b'{"a": 1.1}', set()),
        (b'{"a": 1}', b'{"a": 1.0}', set()),
        (b'{"a": 0.1}', b'{"a": 0.10000000000000001}', {"a"}),
        (b'{"a": 12345678901234567890123}', b'{"a": 12345678901234567890124}', {"a"}),
        (b'{"a": 1%s1}' % (b"0" * 60), b'{"a": 1%s2}' % (b"0" * 60), {"a"}),
        (b'{"a": 1%s.50}' % (b"1" * 60), b'{"a": 1%s.5}' % (b"1" * 60), set()),
        (b'{"a": 1E400, "b": -0.0, "c": 100}', b'{"a": 10e399, "b": 0, "c": 1.0e2}', set()),
        (b"{}", b'{"a": null, "b": [], "c": 0, "d": ""}', set()),
        (b'{"a": []}', b"{}", {"a"}),
        (b'{"a": {"x": 1, "y": 2}}', b'{"a": {"y": 2, "x": 1}}', set()),
        (b'{"a": true}', b'{"a": 1}', {"a"}),
    ],
)
def test_what_counts_as_a_difference(before: bytes, after: bytes, differs: set[str]) -> None:
    assert exact.differing(exact.fingerprint(before, "00"), "00", after) == differs


def test_fields_go_back_as_they_came() -> None:
    content = b'{"a" : 1.10, "b":1e400,"\\u00e6": {"x" :[ ]}, "c":12345678901234567890123456789}'
    assert exact.with_fields(content, {"b": Decimal("2.50"), "new": None}) == (
        b'{"a" : 1.10, "b":2.50,"\\u00e6": {"x" :[ ]}, "c":12345678901234567890123456789,"new":null}'
    )
    assert exact.with_fields(b" { } ", {"a": 1}) == b' { "a":1} '
    assert exact.with_fields(b'{"a":1,"a":[2]}', {"a": 3}) == b'{"a":3,"a":3}'


@pytest.mark.parametrize("content", [b"", b"null", b"[{}]", b'"{"', b'{"a":NaN}', b'{"a":1', b'{"a":"\xff"}'])
def test_what_is_no_object_is_told(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        exact.fields(content)
