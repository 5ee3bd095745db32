"""Faults on purpose: rules that the server checks for each request, and a mutator that changes rows.

    faults = Faults([Fault("429", path="Orders/", rate=0.05, seconds=1)])
    faults.add(Fault("reset", times=1))      # at any time, from any thread
    faults.clear()

A rule applies to requests whose path contains `path`, except its first `after` matches. It fires with probability
`rate`, at most `times` times.
"""

import random
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from omnium_sandbox.endpoints import RESOURCES, Resource
from omnium_sandbox.rows import Row, at, iso, microseconds, put_at
from omnium_sandbox.tenant import Tenant, key_of

FaultKind = Literal[
    "429", "429_date", "500", "502", "503", "504", "400", "401", "403", "404",
    "hang", "reset", "truncate", "html", "wrong_type", "drip", "lost", "expire", "repeat", "redirect",
]  # fmt: skip
"""
429        throttled, Retry-After `seconds`         429_date   the same, with Retry-After as an HTTP date
500..504   server error                             400..404   refusal with a JSON message
hang       no answer for `seconds`, then closed     reset      handled, then TCP reset, no answer
truncate   half of the body, then closed            html       a proxy's page with status 200
wrong_type JSON of another shape, status 200        drip       a byte of the body every `seconds`
lost       handled, then closed without an answer   expire     all open scrolls expire: 404
repeat     a scroll sends a batch again             redirect   302 to `target`
"""

EVERY_KIND: tuple[FaultKind, ...] = (
    "429", "429_date", "500", "502", "503", "504", "reset", "truncate", "html", "wrong_type", "lost", "401",
)  # fmt: skip
"""The kinds that a client has to survive if they occur now and then."""


@dataclass
class Fault:
    """One rule."""

    kind: FaultKind
    path: str = ""
    rate: float = 1.0
    times: int | None = None
    after: int = 0
    seconds: float = 1.0
    target: str = "http://127.0.0.1:9/"
    method: str = ""
    fired: int = 0
    matched: int = 0


class Faults:
    """The active rules. Thread-safe."""

    def __init__(self, rules: Iterable[Fault] = (), seed: int = 0) -> None:
        self.rules = list(rules)
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    @classmethod
    def of_every_kind(cls, share: float, seed: int = 0, seconds: float = 0.05) -> "Faults":
        """Rules that make a share (0 to 1) of all requests fail, each kind equally often."""
        return cls([Fault(kind, rate=share / len(EVERY_KIND), seconds=seconds) for kind in EVERY_KIND], seed)

    def add(self, *rules: Fault) -> None:
        """Add rules."""
        with self._lock:
            self.rules.extend(rules)

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self.rules.clear()

    def pick(self, method: str, path: str) -> Fault | None:
        """The rule that fires on a request; None if none does."""
        with self._lock:
            for rule in self.rules:
                if rule.path not in path or (rule.method and rule.method != method):
                    continue
                rule.matched += 1
                if rule.matched <= rule.after or (rule.times is not None and rule.fired >= rule.times):
                    continue
                if self._random.random() < rule.rate:
                    rule.fired += 1
                    return rule
        return None


@dataclass
class Mutator:
    """Changes rows in the background: edits, inserts, deletions, and removals of children.

    Resources whose rows never change in the product (transactions, events) only get new rows.
    """

    tenant: Tenant
    rows_per_second: float = 50.0
    resources: Sequence[str] = ()
    """Empty: all except supplier versions, which are created when a supplier is saved."""
    deletions: bool = True
    recent_days: float | None = None
    """For resources that can be filtered by creation but not by change: edit and delete only rows created within this
    many days. None: any row."""
    seed: int = 0
    changed: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _error: Exception | None = None

    def __enter__(self) -> "Mutator":
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="sandbox-mutator", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        if self._error:
            raise self._error

    def _run(self) -> None:
        choice = random.Random(self.seed)
        started = time.monotonic()
        while not self._stop.is_set():
            due = int((time.monotonic() - started) * self.rows_per_second)
            while self.changed < due and not self._stop.is_set():
                try:
                    self.step(choice)
                except Exception as error:
                    self._error = error
                    return
            self._stop.wait(min(0.02, 1 / self.rows_per_second))

    def step(self, choice: random.Random) -> str:
        """Change one row, and return what was done."""
        self.changed += 1
        names = self.resources or [name for name in RESOURCES if name != "supplier_versions"]
        resource = RESOURCES[choice.choice(list(names))]
        key = self.tenant.collection(resource.name).random_key(choice)
        row = None if key is None else self.tenant.get(resource.name, key)
        if row is None:
            return "nothing"
        kind = choice.choices(["edit", "insert", "delete", "child"], [6, 2, 1, 2])[0]
        if resource.is_immutable or kind == "insert":
            return self._insert(resource, row, choice)
        if self._is_too_old(resource, row):
            return "nothing"
        if kind == "delete" and self.deletions:
            self.tenant.delete(resource.name, key_of(resource, row))
            return f"delete {resource.name}"
        edit(row, resource, choice, remove_child=kind == "child")
        self._save(resource, row)
        return f"{kind} {resource.name}"

    def _insert(self, resource: Resource, row: Row, choice: random.Random) -> str:
        for path in resource.key[:1] if len(resource.key) > 2 else resource.key[-1:]:
            put_at(row, path, f"new-{choice.getrandbits(60):x}")
        now = iso(self.tenant.clock())
        if resource.created:
            put_at(row, resource.created, now)
        self._save(resource, row)
        return f"insert {resource.name}"

    def _save(self, resource: Resource, row: Row) -> None:
        if resource.name == "suppliers":
            self.tenant.save_supplier(row)
        else:
            self.tenant.put(resource.name, row)

    def _is_too_old(self, resource: Resource, row: Row) -> bool:
        if self.recent_days is None or not resource.created:
            return False
        tells_of_changes = any(path == resource.modified for path, _ in resource.times().values())
        age = self.tenant.clock().timestamp() - microseconds(at(row, resource.created)) / 1e6
        return not tells_of_changes and age > self.recent_days * 86_400


def edit(row: Row, resource: Resource, choice: random.Random, remove_child: bool = False) -> None:
    """Change one value of a row outside its key, or remove one child from one of its lists."""
    lists = [value for value in _lists(row) if value]
    if remove_child and lists:
        chosen = choice.choice(lists)
        chosen.pop(choice.randrange(len(chosen)))
        return
    times = {resource.created, resource.modified}
    names = [
        name
        for name, value in row.items()
        if name not in resource.key and name not in times and _is_editable(name, value)
    ]
    if not names:
        row["comment"] = f"edited {choice.getrandbits(30)}"
        return
    name = choice.choice(names)
    value = row[name]
    row[name] = value + 1 if isinstance(value, int | float) else f"{value[:20]} {choice.getrandbits(20)}"


def _is_editable(name: str, value: object) -> bool:
    if isinstance(value, bool) or name.endswith(("Id", "Code", "Date")) or name in ("id", "status", "sku"):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and not value[:4].isdigit())


def _lists(value: Any) -> list[list[Any]]:
    """All lists of objects within a row."""
    found: list[list[Any]] = []
    if isinstance(value, dict):
        for inner in value.values():
            found += _lists(inner)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        found.append(value)
        for inner in value:
            found += _lists(inner)
    return found
