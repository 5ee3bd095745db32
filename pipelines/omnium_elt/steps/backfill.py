"""backfill: a first load in parts, which several processes or machines read at the same time, and one commits.

    plan     divides the resources among the parts, large resources by time          state/backfill/plan.json
    part     reads one part into its own home, and resumes after a kill              state/backfill/part-2/
             without a number: all parts that no other process reads, one after the other; also those of processes
             that died
    commit   verifies that all parts are complete, and loads them in one package: rows, receipts and cursors are those
             of an ordinary first load

A part is the home of an ordinary load with bounded windows, so each of its windows is counted, and state and rows are
committed together. The cursor of a divided resource is the moment of the plan. A complete part becomes files that never
change (`backfill_files.py`), and the commit reads these.
"""

import contextlib
import dataclasses
import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from omnium_source.errors import Forbidden, OmniumError, Stopped, Unreachable, WrongCredentials
from omnium_source.pii.personal_key import key_for
from omnium_source.resources import Resource, select
from omnium_source.sync import Sync
from omnium_source.windows.state import EMPTY
from omnium_source.windows.window import Reading, Window, moment_of

from omnium_elt.infra import lock
from omnium_elt.infra.errors import HomeLockedError, OmniumEltError, UsageError
from omnium_elt.infra.files import read_object, write_json
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.run_report import Progress, RunReport, Step, StepReport
from omnium_elt.infra.tenant import (
    IDENTIFYING,
    NEW_USER,
    connect,
    differing,
    ids_shown,
    personal_data,
    translating_errors,
    user_of,
)
from omnium_elt.infra.text import counted
from omnium_elt.steps.backfill_files import HandedOver, hand_over

FORMAT = 1
MOST_PARTS = 64
MOST_KNOWN = 200
"""Row ids per resource that a plan keeps, the smallest. Ids are hashes: no user sees many rows, and none of these."""
Shares = dict[str, Window | None]
"""Resource → the window that a part reads; None: the entire resource."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What each part reads. `mark`: how all parts treat personal data (`PersonalData.mark`).

    `at_once`: the maximum number of parts read at the same time, by which the tenant's limits are divided. `user`: the
    API user that made the plan (`user_of`). `known`: row ids by which another user's tenant is recognized.
    """

    plan_id: str
    base_url: str
    mark: str
    since: dt.date | None
    parts: tuple[Shares, ...]
    at_once: int
    user: str = ""
    known: dict[str, set[str]] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, home: Home) -> "Plan":
        """The plan of a home. Raises UsageError if there is none."""
        kept = read_object(plan_file(home))
        try:
            if kept.get("format") == FORMAT:
                return msgspec.convert(kept, cls)
        except msgspec.ValidationError:
            pass
        raise UsageError(
            f"there is no plan of a backfill in {plan_file(home)}",
            "Make one: omnium-elt backfill plan 3; or copy it here from the home that it was made in.",
        )

    def write(self, home: Home) -> None:
        """Save the plan in a home."""
        plan_file(home).parent.mkdir(mode=0o700, exist_ok=True)
        write_json(plan_file(home), {"format": FORMAT, **msgspec.to_builtins(self)})

    def ids(self, resource: str) -> set[str]:
        """Some row ids of a resource, or none."""
        return self.known.get(resource, set())

    def part(self, number: int) -> Shares:
        """What a part reads. Raises UsageError if there is no part of that number."""
        if not 1 <= number <= len(self.parts):
            raise UsageError(f"there is no part {number}", f"The plan has parts 1 to {len(self.parts)}.")
        return self.parts[number - 1]

    @property
    def shares(self) -> dict[str, list[tuple[int, Window | None]]]:
        """Resource → the number and window of each part that reads it, oldest window first."""
        found: dict[str, list[tuple[int, Window | None]]] = {}
        for number, part in enumerate(self.parts, 1):
            for name, share in part.items():
                found.setdefault(name, []).append((number, share))
        return found


def plan_file(home: Home) -> Path:
    """The file of a home's plan."""
    return home.backfill / "plan.json"


def part_home(home: Home, number: int) -> Home:
    """The home that a part is loaded into."""
    return Home(home.backfill / f"part-{number}")


# plan -----------------------------------------------------------------------------------------------


def plan(
    settings: Settings, progress: Progress, report: RunReport, number: int, at_once: int | None = None
) -> None:
    """Divide a first load into `number` parts, and save the plan. Raises UsageError if a resource is loaded already.

    `at_once`: how many parts are read at the same time; by default all, but no more than `max_concurrency`.
    """
    home, step = settings.home, StepReport("plan")
    most = min(number, settings.max_concurrency)
    _check_plan(home, number, at_once, most)
    resources = select(settings.resources, settings.exclude)
    held, mark = _refuse_loaded(settings, resources)
    progress.start("plan", len(resources))
    personal = personal_data(settings, mark)
    with (
        translating_errors(),
        connect(settings, lambda name: held[name]) as client,
        ThreadPoolExecutor(4) as executor,
    ):
        reading = Reading(since=settings.since_midnight, **settings.reading_options)
        sync = Sync(client, executor, personal, reading, choices=settings.fields)
        parts, weights = _divided(sync, resources, number, progress, report)
        shown = ids_shown(settings, client)
        known = {name: set(sorted(shown(name))[:MOST_KNOWN]) for name in IDENTIFYING}
    found = Plan(
        plan_id=report.run_id,
        base_url=settings.base_url,
        mark=personal.mark,
        since=settings.since,
        parts=parts,
        at_once=at_once or most,
        user=user_of(settings),
        known=known,
    )
    found.write(home)
    divided = sum(1 for shares in found.shares.values() if len(shares) > 1)
    step.status = "ok"
    step.details = {"parts": number, "resources": len(resources), "divided_by_time": divided}
    step.details |= {f"rows_of_part_{place}": weight for place, weight in enumerate(weights, 1)}
    report.steps.append(step)
    progress.finish("plan", "ok")


def _check_plan(home: Home, number: int, at_once: int | None, most: int) -> None:
    """Raise UsageError if there is a plan already, or a number is out of range; `most`: the largest `at_once`."""
    if plan_file(home).exists():
        raise UsageError(
            f"there is a plan already: {plan_file(home)}",
            "Read its parts and commit them, or take the folder away to make another one.",
        )
    if not 2 <= number <= MOST_PARTS:
        raise UsageError(f"{number} parts make no sense", f"Take 2 to {MOST_PARTS}.")
    if at_once is not None and not 1 <= at_once <= most:
        raise UsageError(
            f"{at_once} parts at once make no sense",
            f"Take 1 to {most}: no more than there are parts, and requests at a time (MAX_CONCURRENCY).",
        )


def _refuse_loaded(
    settings: Settings, resources: Sequence[Resource]
) -> tuple[dict[str, set[str]], str | None]:
    """The row ids by which the home's tenant is recognized, and how the home treats personal data."""
    from omnium_elt.warehouse.destination import Warehouse

    with Warehouse(settings.home, settings.destination) as warehouse:
        present, mark = warehouse.states, warehouse.personal_mark
        held = {name: warehouse.ids(name) for name in IDENTIFYING}
    if loaded := [one.name for one in resources if present.get(one.name, {}).get("cursor")]:
        raise UsageError(
            f"a backfill is a first load, and these are loaded already: {', '.join(loaded)}",
            "omnium-elt load brings them up to date; leave them out by --exclude.",
        )
    return held, mark


def _divided(
    sync: Sync, resources: Sequence[Resource], number: int, progress: Progress, report: RunReport
) -> tuple[tuple[Shares, ...], list[int]]:
    """What each part reads, and its estimated number of rows.

    Large resources are divided by time; each of the others goes to the part with the fewest rows so far.
    """
    parts: tuple[Shares, ...] = tuple({} for _ in range(number))
    weights = [0] * number
    end = sync.client.moment().earliest.replace(microsecond=0)
    whole: list[tuple[int, str]] = []
    for resource in resources:
        try:
            total, windows = sync.shares(resource, number, end)
        except Forbidden as refusal:
            report.notes.append(f"{resource.name}: left out of the backfill: {refusal}")
            continue
        except (WrongCredentials, Unreachable, Stopped):
            raise
        except OmniumError as error:
            # Not left out by itself: it may be the largest resource, and the fault one that is over in a minute.
            raise OmniumEltError(
                f"no plan is made: {error}",
                f"Plan again later, or without it: --exclude {resource.name}. "
                "The first load or run after the commit then reads it.",
            ) from error
        progress.advance("plan", 1)
        if len(windows) == 1:
            whole.append((total, resource.name))
            continue
        for place, window in enumerate(windows):
            parts[place][resource.name] = window
            weights[place] += total // len(windows)
    for total, name in sorted(whole, reverse=True):
        lightest = weights.index(min(weights))
        parts[lightest][name] = None
        weights[lightest] += total + 1
    return parts, weights


# part -----------------------------------------------------------------------------------------------


def part_settings(settings: Settings, number: int) -> Settings:
    """The settings of the load that reads a part of the plan in `settings.home`.

    The tenant's limits are divided among the parts that are read at the same time. Raises UsageError for another tenant
    or another treatment of personal data than the plan's, as rows of the parts would not match.
    """
    found = Plan.read(settings.home)
    shares, home = found.part(number), part_home(settings.home, number)
    refuse_other_url(found, settings)
    with translating_errors():
        _refuse_other_user(found, settings)
        personal_data(settings, found.mark)  # raises if the key or the treatment differs
    key = key_for(settings.personal_key, settings.home.personal_key, may_be_made=False)
    begun_for = read_object(home.state / "plan.json").get("plan_id")
    is_of_plan = begun_for == found.plan_id or HandedOver.of(home, found.plan_id) is not None
    if home.root.exists() and not is_of_plan:
        shutil.rmtree(home.root)  # it belongs to an earlier plan
    home.create()
    write_json(home.state / "plan.json", {"plan_id": found.plan_id})
    states = states_of(home, found.plan_id)
    lacking = [name for name, share in shares.items() if not is_complete(states.get(name), share)]
    return dataclasses.replace(
        settings,
        home=home,
        resources=tuple(lacking),
        since=found.since,
        full_refresh=False,
        destination="duckdb",
        personal_key=Secret(key.decode()),
        max_requests_per_second=settings.max_requests_per_second / found.at_once,
        max_concurrency=max(1, settings.max_concurrency // found.at_once),
        reading_options={
            **settings.reading_options,
            "shares": {name: share for name, share in shares.items() if share},
        },
    )


def refuse_other_url(plan: Plan, settings: Settings) -> None:
    """Raise UsageError if the settings have another base URL than the plan."""
    if settings.base_url != plan.base_url:
        raise UsageError(
            f"the plan is for {plan.base_url}, and this is {settings.base_url}", "Set the same base URL."
        )


def _refuse_other_user(plan: Plan, settings: Settings) -> None:
    """Raise UsageError if another API user than the plan's gets stores or suppliers, and none that the plan knows."""
    if plan.user in ("", user_of(settings)):
        return
    with connect(settings, None) as client:
        if name := differing(plan.ids, ids_shown(settings, client)):
            raise UsageError(
                f"the plan is for another tenant: {NEW_USER.format(name)}",
                "Set the API user of the tenant that was planned for.",
            )


def part_steps(home: Home, number: int, settings: Settings) -> list[Step]:
    """The remaining steps for a part of the plan in `home`: load, hand over. `settings`: those of the part."""
    from omnium_elt.steps.run import load_step

    plan = Plan.read(home)

    def hand_over_step(settings: Settings, progress: Progress, report: RunReport) -> None:
        if lacking_of(plan, number, states_of(settings.home, plan.plan_id)):
            return  # the report of the load says why
        started = time.monotonic()
        tables = hand_over(settings.home, plan.plan_id).tables.values()
        step = StepReport("hand_over", "ok", seconds=time.monotonic() - started)
        step.details = {
            "tables": len(tables),
            "rows": sum(table["rows"] for table in tables),
            "bytes": sum(file["bytes"] for table in tables for file in table["files"]),
        }
        report.steps.append(step)

    if not plan.part(number) or HandedOver.of(settings.home, plan.plan_id):
        return []
    # Without the load if nothing is left to read, as an empty selection would mean all resources.
    return [load_step, hand_over_step] if settings.resources else [hand_over_step]


@contextlib.contextmanager
def taken(home: Home, number: int) -> Iterator[None]:
    """Within the `with` block, hold the lock of a part, and one of the plan's `at_once` places.

    Both are released when this process ends, however it ends. Raises HomeLockedError if another process holds the
    part, or if no place is free.
    """
    found, folder = Plan.read(home), plan_file(home).parent
    found.part(number)
    with contextlib.ExitStack() as held:
        path = folder / f"part-{number}.lock"
        try:
            held.enter_context(lock.hold(path, f"backfill part {number}"))
        except HomeLockedError as error:
            holder = lock.describe_holder(path) or "another process"
            raise HomeLockedError(
                f"part {number} is being read by {holder}", "Read another one: omnium-elt backfill part."
            ) from error
        for place in range(found.at_once):
            try:
                held.enter_context(lock.hold(folder / f"place-{place}.lock", f"backfill part {number}"))
                break
            except HomeLockedError:
                continue
        else:
            raise HomeLockedError(
                f"{counted(found.at_once, 'part')} are being read already, and the limits are divided by that",
                "Wait until one has ended, or plan with a larger --at-once.",
            )
        yield


def read_parts(
    settings: Settings, read: Callable[[Settings, Sequence[Step]], RunReport], wait: Callable[[], None]
) -> tuple[RunReport, Home]:
    """Read parts that no other process reads, one after the other, until all are complete or one fails.

    While other processes read all remaining parts, it calls `wait`, and takes over the part of a process that died.
    `read` runs the steps of a part. Returns one report of all parts read by this call, and the home of the last one.
    """
    left, report = list(range(1, len(Plan.read(settings.home).parts) + 1)), RunReport.begin("backfill")
    last = settings.home
    # The plan is gone if all parts were completed by others and committed during the wait.
    while left and plan_file(settings.home).exists():
        for number in left:
            try:
                with taken(settings.home, number):
                    chosen = part_settings(settings, number)
                    steps = part_steps(settings.home, number, chosen)
                    part = read(chosen, steps) if steps else None
            except HomeLockedError:
                continue
            left.remove(number)
            if part is not None:
                last, report.run_id = chosen.home, part.run_id
                report.resources += part.resources
                report.notes += part.notes
                report.error, report.error_status = part.error, part.error_status
                if part.status in ("failed", "interrupted"):
                    return report.finish(part.status), last
            break
        else:
            wait()
    return report.finish(), last


def states_of(home: Home, plan_id: str) -> Mapping[str, dict[str, Any]]:
    """The state of each resource in the part with this home: how far it is read."""
    if handed_over := HandedOver.of(home, plan_id):
        return handed_over.states
    from omnium_elt.warehouse import database

    with database.connect(home.working_database) as connection:
        return database.held(connection).states


def is_complete(state: Mapping[str, Any] | None, share: Window | None) -> bool:
    """Whether a part with this state has read its entire share of a resource."""
    if not state or state.get("is_first_read"):
        return False
    if share is None or share.end is None:
        return bool(state.get("cursor") or state.get(EMPTY))
    return moment_of(state.get("cursor")) == share.end


def lacking_of(plan: Plan, number: int, states: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The resources that a part with these states has not read completely, in words."""
    lacking = []
    for name, share in plan.part(number).items():
        state = states.get(name, {})
        if not is_complete(state, share):
            cursor = state.get("cursor")
            lacking.append(f"{name} (read up to {cursor})" if cursor else name)
    return lacking


def refuse_incomplete(plan: Plan, home: Home) -> None:
    """Raise OmniumEltError, naming the parts, if some are not read completely or not handed over."""
    unfinished = dict[int, str]()
    for number, shares in enumerate(plan.parts, 1):
        part = part_home(home, number)
        if lacking := lacking_of(plan, number, states_of(part, plan.plan_id)):
            unfinished[number] = f"part {number} lacks {', '.join(lacking)}"
        elif shares and not HandedOver.of(part, plan.plan_id):
            unfinished[number] = f"part {number} is not handed over"
    if unfinished:
        raise OmniumEltError(
            f"the backfill is not complete: {'; '.join(unfinished.values())}",
            f"omnium-elt backfill part {min(unfinished)} goes on with it; then commit again.",
        )
