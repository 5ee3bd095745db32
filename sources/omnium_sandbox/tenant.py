"""The tenant's rows: a collection per resource that holds rows as JSON bytes, with their times in arrays.

Tenant
├── collections[resource]: Rows   the interface that the server uses
│   ├── Collection                rows in memory; put and delete
│   └── Generated                 rows built on the fly by number, read-only
└── truth                         what a reader of the data should find out

There are two views of the same rows: the store (rows, get: always the newest state), and the search index that requests
see, which lags behind by up to `index_delay_seconds`.
"""

import random
import threading
import time
import uuid
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy
import orjson
from numpy.typing import NDArray

from omnium_sandbox.endpoints import RESOURCES, Resource
from omnium_sandbox.rows import NEVER, Row, at, iso, microseconds, put_at, to_json
from omnium_sandbox.truth import Truth

Key = str | tuple[str | None, ...]
Positions = NDArray[numpy.int64]


def key_of(resource: Resource, row: Row) -> Key:
    """The row's key: a text, or a tuple if the key has several fields."""
    if len(resource.key) == 1:
        return str(at(row, resource.key[0]))
    values = [at(row, path) for path in resource.key]
    return tuple(None if value is None else str(value) for value in values)


def version_of(supplier: Row, user: str, created: str) -> Row:
    """A version of a supplier, as the API shows it."""
    return {
        "id": supplier["id"],
        "versionId": supplier["versionId"],
        "created": created,
        "createdBy": user,
        "type": "Save",
        "value": supplier,
    }


def is_hidden(resource: Resource, row: Row) -> bool:
    """Whether searches leave the row out unless a request asks for such rows."""
    if resource.name == "products":
        return row.get("status") == "Deleted"
    if resource.name == "stores":
        return bool(row.get("isInactive"))
    return False


class Rows(ABC):
    """The rows of one resource. Positions are stable while the lock is held.

    One class, as it is the interface of both kinds for tests, searches and the mutator.
    """

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.version = 0
        self.lock = threading.RLock()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def put(self, row: Row, delay: float = 0.0) -> Key:
        """Insert or replace a row. The index shows it `delay` seconds later."""

    @abstractmethod
    def delete(self, key: Key, delay: float = 0.0) -> bool:
        """Remove a row. Returns False if it does not exist."""

    @abstractmethod
    def settle(self) -> None:
        """Apply changes whose delay has passed to the index."""

    @abstractmethod
    def times(self, name: str) -> Positions:
        """Microseconds by position, for `created` or `modified`."""

    @abstractmethod
    def alive(self) -> NDArray[numpy.bool_]:
        """By position: whether the row exists."""

    @abstractmethod
    def hidden(self) -> NDArray[numpy.bool_]:
        """By position: whether searches leave the row out by default (`is_hidden`)."""

    @abstractmethod
    def document_order(self) -> Positions:
        """Rank of each position when sorted by key."""

    @abstractmethod
    def body(self, position: int) -> bytes:
        """The row as JSON."""

    @abstractmethod
    def bodies(self) -> Iterator[bytes]:
        """All rows as JSON, newest state."""

    def random_key(self, choice: random.Random) -> Key | None:
        """The key of a random row that can change; None if there is none."""
        return None

    def get_bytes(self, key: Key) -> bytes | None:
        """One row as JSON, newest state, by a linear search; None if it does not exist."""
        return next(
            (body for body in self.bodies() if key_of(self.resource, orjson.loads(body)) == key), None
        )

    def get(self, key: Key) -> Row | None:
        """One row, newest state; None if it does not exist."""
        body = self.get_bytes(key)
        return None if body is None else orjson.loads(body)

    def rows(self) -> Iterator[Row]:
        """All rows, newest state."""
        return map(orjson.loads, self.bodies())

    def keys(self) -> list[Key]:
        """The keys of all rows, newest state."""
        return [key_of(self.resource, row) for row in self.rows()]


@dataclass
class _Late:
    """A change that the index may not show yet."""

    due: float
    number: int
    key: Key
    body: bytes | None
    created: int
    modified: int
    hidden: bool


def _flags(values: bytearray) -> NDArray[numpy.bool_]:
    return numpy.frombuffer(bytes(values), dtype=numpy.bool_)


class Collection(Rows):
    """Rows of one resource in memory.

    One class, as the rows, their order and the delayed index change together.
    """

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource)
        self._bodies: list[bytes | None] = []
        self._keys: list[Key] = []
        # Arrays instead of lists, as a copy of their memory makes a numpy array quickly.
        self._created = array("q")
        self._modified = array("q")
        self._hidden = bytearray()
        self._alive = bytearray()
        self._position: dict[Key, int] = {}
        self._late: list[_Late] = []
        self._newest: dict[Key, tuple[int, bytes | None]] = {}
        self._number = 0
        self._arrays: dict[str, tuple[int, Any]] = {}

    def __len__(self) -> int:
        with self.lock:
            return len(self.keys())

    def put(self, row: Row, delay: float = 0.0) -> Key:
        """Insert or replace a row. The index shows it `delay` seconds later."""
        resource = self.resource
        change = _Late(
            0.0,
            0,
            key_of(resource, row),
            to_json(row),
            microseconds(at(row, resource.created)) if resource.created else NEVER,
            microseconds(at(row, resource.modified)) if resource.modified else NEVER,
            is_hidden(resource, row),
        )
        self._change(change, delay)
        return change.key

    def delete(self, key: Key, delay: float = 0.0) -> bool:
        """Remove a row. Returns False if it does not exist."""
        with self.lock:
            if self.get_bytes(key) is None:
                return False
            self._change(_Late(0.0, 0, key, None, NEVER, NEVER, False), delay)
            return True

    def _change(self, change: _Late, delay: float) -> None:
        with self.lock:
            if delay <= 0 and change.key not in self._newest:
                self._apply(change)
                return
            self._number += 1
            change.number, change.due = self._number, time.monotonic() + delay
            self._newest[change.key] = (change.number, change.body)
            self._late.append(change)

    def settle(self) -> None:
        """Apply changes whose delay has passed to the index."""
        if not self._late:
            return
        with self.lock:
            now = time.monotonic()
            due = sorted((late for late in self._late if late.due <= now), key=lambda late: late.number)
            self._late = [late for late in self._late if late.due > now]
            for change in due:
                newest = self._newest.get(change.key)
                if newest and change.number == newest[0]:
                    del self._newest[change.key]
                self._apply(change)
            # A newer change of a row may be due before an older one, which is then dropped.
            shown = {change.key: change.number for change in due}
            self._late = [late for late in self._late if late.number > shown.get(late.key, 0)]

    def _apply(self, change: _Late) -> None:
        self.version += 1
        position = self._position.get(change.key)
        if position is None:
            if change.body is None:
                return
            self._position[change.key] = len(self._bodies)
            self._keys.append(change.key)
            self._bodies.append(change.body)
            self._created.append(change.created)
            self._modified.append(change.modified)
            self._hidden.append(change.hidden)
            self._alive.append(True)
            return
        self._bodies[position] = change.body
        if change.body is None:
            del self._position[change.key]
            self._alive[position] = False
            return
        self._created[position] = change.created
        self._modified[position] = change.modified
        self._hidden[position] = change.hidden

    def _array(self, name: str, make: Callable[[], Any]) -> Any:
        version, made = self._arrays.get(name, (-1, None))
        if version != self.version:
            made = make()
            self._arrays[name] = (self.version, made)
        return made

    def times(self, name: str) -> Positions:
        """Microseconds by position, for `created` or `modified`."""
        values = self._created if name == "created" else self._modified
        moments: Positions = self._array(name, lambda: numpy.array(values, dtype=numpy.int64))
        return moments

    def alive(self) -> NDArray[numpy.bool_]:
        """By position: whether the row exists."""
        flags: NDArray[numpy.bool_] = self._array("alive", lambda: _flags(self._alive))
        return flags

    def hidden(self) -> NDArray[numpy.bool_]:
        """By position: whether searches leave the row out by default (`is_hidden`)."""
        flags: NDArray[numpy.bool_] = self._array("hidden", lambda: _flags(self._hidden))
        return flags

    def document_order(self) -> Positions:
        """Rank of each position when sorted by key."""

        def rank() -> Positions:
            ranks = numpy.empty(len(self._keys), dtype=numpy.int64)
            by_key = sorted(range(len(self._keys)), key=lambda position: str(self._keys[position]))
            ranks[by_key] = numpy.arange(len(by_key))
            return ranks

        ranks: Positions = self._array("rank", rank)
        return ranks

    def body(self, position: int) -> bytes:
        """The row as JSON."""
        return self._bodies[position] or b"null"

    def _newest_rows(self) -> Iterator[tuple[Key, bytes]]:
        """All rows as JSON with their keys, also those that the index does not show yet."""
        with self.lock:
            newest = dict(self._newest)
            pairs = [(key, self._bodies[position]) for key, position in self._position.items()]
        for key, body in pairs:
            _, body = newest.pop(key, (0, body))
            if body is not None:
                yield key, body
        for key, (_, body) in newest.items():
            if body is not None:
                yield key, body

    def bodies(self) -> Iterator[bytes]:
        """All rows as JSON, newest state."""
        return (body for _, body in self._newest_rows())

    def keys(self) -> list[Key]:
        """The keys of all rows, newest state."""
        return [key for key, _ in self._newest_rows()]

    def random_key(self, choice: random.Random) -> Key | None:
        """The key of a random row; None if there is none."""
        with self.lock:
            for _ in range(50):
                if self._keys and self._alive[position := choice.randrange(len(self._keys))]:
                    return self._keys[position]
            return next(iter(self._position), None)

    def get_bytes(self, key: Key) -> bytes | None:
        """One row as JSON, newest state; None if it does not exist."""
        with self.lock:
            if key in self._newest:
                return self._newest[key][1]
            position = self._position.get(key)
            return None if position is None else self._bodies[position]


class Generated(Rows):
    """Rows built on the fly by number, so that millions of them need little memory. Read-only."""

    def __init__(
        self, resource: Resource, created: Positions, modified: Positions, make: Callable[[int], bytes]
    ) -> None:
        super().__init__(resource)
        self._created, self._modified, self._make = created, modified, make

    def __len__(self) -> int:
        return len(self._created)

    def settle(self) -> None:
        """Do nothing, as the rows never change."""

    def times(self, name: str) -> Positions:
        """Microseconds by position, for `created` or `modified`."""
        return self._created if name == "created" else self._modified

    def alive(self) -> NDArray[numpy.bool_]:
        """By position: every row exists."""
        return numpy.ones(len(self), dtype=bool)

    def hidden(self) -> NDArray[numpy.bool_]:
        """By position: no row is hidden."""
        return numpy.zeros(len(self), dtype=bool)

    def document_order(self) -> Positions:
        """Rank of each position when sorted by key: rows are numbered in that order."""
        return numpy.arange(len(self), dtype=numpy.int64)

    def body(self, position: int) -> bytes:
        """The row as JSON."""
        return self._make(int(position))

    def put(self, row: Row, delay: float = 0.0) -> Key:
        """Raise TypeError, as these rows are not stored."""
        raise TypeError(f"{self.resource.name} are generated by number here and cannot be changed")

    def delete(self, key: Key, delay: float = 0.0) -> bool:
        """Raise TypeError, as these rows are not stored."""
        raise TypeError(f"{self.resource.name} are generated by number here and cannot be changed")

    def bodies(self) -> Iterator[bytes]:
        """All rows as JSON, built one after the other."""
        return map(self._make, range(len(self)))


@dataclass
class Tenant:
    """All data of one retailer."""

    truth: Truth = field(default_factory=Truth)
    index_delay_seconds: float = 0.0
    """The index shows a change after a random delay of up to this many seconds."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The server's clock, which gives changes their stamps."""
    collections: dict[str, Rows] = field(default_factory=dict)
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    def collection(self, resource: str) -> Rows:
        """The rows of one resource."""
        if resource not in RESOURCES:
            raise KeyError(f"no resource {resource!r}; there are {', '.join(RESOURCES)}")
        if resource not in self.collections:
            self.collections[resource] = Collection(RESOURCES[resource])
        return self.collections[resource]

    def rows(self, resource: str) -> Iterator[Row]:
        """All rows of a resource, newest state, also those that the index does not show yet."""
        return self.collection(resource).rows()

    def keys(self, resource: str) -> list[Key]:
        """The keys of all rows of a resource, newest state."""
        return self.collection(resource).keys()

    def count(self, resource: str) -> int:
        """The number of rows of a resource, newest state."""
        return len(self.collection(resource))

    def get(self, resource: str, key: Key) -> Row | None:
        """One row, newest state; None if it does not exist."""
        return self.collection(resource).get(key)

    def put(
        self, resource: str, row: Row, modified: datetime | str | None = None, *, stamp: bool = True
    ) -> Key:
        """Insert or replace a row, and set its stamp of change to `modified` or the current time.

        A missing `created` becomes the same moment. With stamp=False the row is stored as it is. A supplier with a new
        versionId is also stored as a version (`save_supplier` does what the product does).
        """
        kind = RESOURCES[resource]
        if stamp:
            moment = iso(modified if modified is not None else self.clock())
            if kind.modified:
                put_at(row, kind.modified, moment)
            if kind.created and at(row, kind.created) is None:
                put_at(row, kind.created, moment)
        if resource == "suppliers" and row.get("versionId"):
            self._keep_version(row, "sandbox")
        return self.collection(resource).put(row, self._delay())

    def put_many(self, resource: str, rows: Iterable[Row]) -> int:
        """Insert or replace many rows as they are. Returns their number."""
        count = 0
        for row in rows:
            self.put(resource, row, stamp=False)
            count += 1
        return count

    def delete(self, resource: str, key: Key) -> bool:
        """Remove a row without a trace, as the API does. Returns False if it does not exist."""
        return self.collection(resource).delete(key, self._delay())

    def _delay(self) -> float:
        return self._random.random() * self.index_delay_seconds if self.index_delay_seconds else 0.0

    def save_supplier(self, row: Row, user: str = "admin") -> Row:
        """Save a supplier as the product does.

        This creates a new version that points to the one before, and copies a changed lead time to the supplier's
        products.
        """
        before = self.get("suppliers", row["id"]) or {}
        saved = {**row, "previousVersionId": before.get("versionId"), "versionId": uuid.uuid4().hex}
        if saved["previousVersionId"] is None:
            del saved["previousVersionId"]
        moment = iso(self.clock())
        saved["modified"] = moment
        saved.setdefault("created", moment)
        self._keep_version(saved, user)
        self.put("suppliers", saved, modified=moment)
        if before and before.get("defaultLeadTime") != saved.get("defaultLeadTime"):
            self._pass_on_lead_time(saved)
        return saved

    def _keep_version(self, supplier: Row, user: str) -> None:
        versions = self.collection("supplier_versions")
        if versions.get_bytes((supplier["id"], supplier["versionId"])) is None:
            versions.put(version_of(supplier, user, supplier.get("modified") or iso(self.clock())))

    def _pass_on_lead_time(self, supplier: Mapping[str, Any]) -> None:
        for product in list(self.rows("products")):
            holders = [product, *product.get("variants", [])]
            linked = [holder for holder in holders if holder.get("supplierId") == supplier["id"]]
            for holder in linked:
                holder["supplierLeadTime"] = supplier.get("defaultLeadTime")
            if linked:
                self.put("products", product)
