"""Arrow's JSON reader against our normalizer: would a load based on it be worth building?

*Bare* cuts the rows out of a page, hashes the bytes of each row, reads them with Arrow's reader and the contract's
nested schema, flattens lists, converts times and decimals, and hashes personal texts. *Full* adds what Arrow's reader
cannot do: JSON text of deeply nested or unstructured values, for which the rows are parsed again, and the search for
contacts in free texts. Neither cleans JSON, keeps values that do not fit their column, or reports fields that the
contract lacks, so a real load would gain less.
"""

import gc
import io
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from omnium_sandbox import Sandbox
from omnium_source import RESOURCES
from omnium_source.contract import contract
from omnium_source.http.client import OmniumClient
from omnium_source.normalize.private_values import without_contacts
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import CHILD_LEVELS, Child, Column, Node, ResourceShape, shape_of
from omnium_source.pages import Page
from omnium_source.pii.masking import PersonalData

from tests.benchmarks.measuring import Outcome, beside_bare_loop

ORDERS = 20_000
PAGES_A_BATCH = 4
GOAL = 1.5
PERSONAL = PersonalData("hash", b"a key for the benchmark")


class _Envelope(msgspec.Struct):
    result: msgspec.Raw


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
READ_AS = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "decimal": pa.decimal128(38, 9),
    "boolean": pa.bool_(),
    "timestamp": pa.string(),
    "json": None,
}


def measure(scale: float) -> Outcome:
    """How many times faster a load of filled orders would be, by CPU time."""
    count = int(ORDERS * scale)
    _, ours = beside_bare_loop(count, filled=True)
    even, text_even = _compare(_filled(count))
    uneven, text_uneven = _compare(_uneven(count))
    rest = ours.cpu - even["today"] * count

    def gain(spent: dict[str, float], way: str) -> float:
        return (rest + spent["today"] * count) / (rest + spent[way] * count)

    ratio = gain(even, "full")
    return Outcome(
        f"{count:,} filled orders by Arrow's JSON reader, the whole load",
        f"at least {GOAL} times faster",
        f"{ratio:.2f} times by CPU time",
        ratio >= GOAL,
        (
            f"filled orders: {text_even}",
            f"uneven orders: {text_uneven}",
            f"the load today: {ours}; bare {gain(even, 'bare'):.2f} times, full {ratio:.2f}; "
            f"if all were uneven bare {gain(uneven, 'bare'):.2f}, full {gain(uneven, 'full'):.2f}",
        ),
    )


def _compare(batches: Iterator[list[bytes]]) -> tuple[dict[str, float], str]:
    """Measure all ways in turns; return CPU seconds a row of each, and a line that describes them."""
    tables = shape_of(RESOURCES["orders"], PERSONAL)
    normalizer, quick = ResourceNormalizer(tables), _Quick(tables)
    ways: dict[str, Callable[[Sequence[bytes]], object]] = {
        "orjson": lambda bodies: [orjson.loads(body) for body in bodies],
        "today": lambda bodies: normalizer.normalize([Page(body) for body in bodies]),
        "bare": quick.bare,
        "full": quick.full,
    }
    spent, rows, size = dict.fromkeys(ways, 0.0), 0, 0
    gc.disable()  # as in a worker
    for bodies in batches:
        rows += sum(len(orjson.loads(body)["result"]) for body in bodies)
        size += sum(map(len, bodies))
        for name, way in ways.items():
            started = time.process_time()
            way(bodies)
            spent[name] += time.process_time() - started
    gc.enable()
    each = {name: seconds / rows for name, seconds in spent.items()}
    told = ", ".join(
        f"{name} {seconds * 1e6:.0f} µs ({seconds / each['orjson']:.1f} of orjson.loads)"
        for name, seconds in each.items()
    )
    return each, f"{rows:,} rows of {size // rows:,} bytes, each: {told}; refused {quick.refused} batches"


class _Quick:
    """Makes tables with Arrow's JSON reader, with only what pages of ordinary rows need."""

    def __init__(self, tables: ResourceShape) -> None:
        self._tables, self._root = tables, tables.tables[tables.root].node
        self._schema = pa.schema(list(self._fields(self._root)))
        self.refused = 0

    def _fields(self, node: Node) -> Iterator[pa.Field]:
        for name, target in node.fields.items():
            if isinstance(target, Column):
                if kind := READ_AS[target.kind]:
                    yield pa.field(name, kind)
            elif isinstance(target, Node):
                yield pa.field(name, pa.struct(list(self._fields(target))))
            else:
                below = self._tables.tables[target.table].node
                yield pa.field(name, pa.list_(pa.struct(list(self._fields(below)))))

    def full(self, bodies: Sequence[bytes]) -> None:
        """`bare`, plus JSON columns and the search for contacts."""
        for name, table in self.bare(bodies).items():
            for column in self._tables.tables[name].columns:
                if column.watched and column.name in table.column_names:
                    array = table[column.name].combine_chunks()
                    if pa.types.is_string(array.type):
                        without_contacts(PERSONAL, column, array)
        objects = [row for body in bodies for row in orjson.loads(body)["result"]]
        self._json(self._root, objects)

    def _json(self, node: Node, objects: Sequence[dict[str, Any]]) -> None:
        for name, target in node.fields.items():
            values = [value for row in objects if (value := row.get(name)) is not None]
            if isinstance(target, Node):
                self._json(target, values)
            elif isinstance(target, Child):
                self._json(self._tables.tables[target.table].node, list(chain.from_iterable(values)))
            elif target.kind == "json":
                pa.array([orjson.dumps(value) for value in values], pa.string())

    def bare(self, bodies: Sequence[bytes]) -> dict[str, pa.Table]:
        """The tables of some pages; empty if Arrow refuses one of their values."""
        rows = [row for body in bodies for row in _ROWS.decode(_ENVELOPE.decode(body).result)]
        hashes = [blake2b(row, digest_size=8, key=PERSONAL.salt).hexdigest() for row in rows]
        lines = b"\n".join(map(bytes, rows))
        try:
            table = pj.read_json(
                io.BytesIO(lines),
                pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
                pj.ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="ignore"),
            )
        except pa.ArrowInvalid:
            self.refused += 1
            return {}
        made: dict[str, pa.Table] = {}
        struct = table.combine_chunks().to_struct_array().combine_chunks()
        self._table(self._tables.root, struct, pa.array(hashes, pa.string()), made)
        return made

    def _table(self, name: str, rows: pa.StructArray, ids: pa.Array, made: dict[str, pa.Table]) -> None:
        columns: dict[str, pa.Array] = {"_dlt_id": ids}
        self._columns(self._tables.tables[name].node, rows, ids, columns, made)
        made[name] = pa.table(columns)

    def _columns(
        self,
        node: Node,
        rows: pa.StructArray,
        ids: pa.Array,
        columns: dict[str, pa.Array],
        made: dict[str, pa.Table],
    ) -> None:
        names = [field.name for field in rows.type]
        for name, array in zip(names, rows.flatten(), strict=True):
            target = node.fields[name]
            if isinstance(target, Node):
                self._columns(target, array, ids, columns, made)
            elif isinstance(target, Child):
                parents = ids.take(pc.list_parent_indices(array))
                below = pc.list_flatten(array)
                if len(below):
                    places = pa.array(range(len(below))).cast(pa.string())
                    own = pc.binary_join_element_wise(parents, places, "_")
                    self._table(target.table, below, own, made)
            elif target.personal:
                columns[target.name] = pa.array(PERSONAL.hide_column(array.to_pylist()), pa.string())
            elif target.kind == "timestamp":
                columns[target.name] = array.cast(pa.timestamp("us", "UTC"))
            else:
                columns[target.name] = array


def _filled(count: int) -> Iterator[list[bytes]]:
    """Batches of PAGES_A_BATCH pages of the sandbox's filled orders."""
    with (
        Sandbox(size="empty", orders=count, filled=True) as sandbox,
        OmniumClient(sandbox.base_url, sandbox.client_id, sandbox.client_secret) as client,
    ):
        bodies: list[bytes] = []
        for page in range(min(100, count // 100)):
            body = {"take": 100, "page": page}
            bodies.append(client.post("Orders/Search", body, what="orders").body)
            if len(bodies) == PAGES_A_BATCH:
                yield bodies
                bodies = []
        if bodies:
            yield bodies


def _uneven(count: int) -> Iterator[list[bytes]]:
    """Batches of pages of orders with differing fields, lists of none to four, and ids in 37 of 100."""
    chance = random.Random(18)
    orders = [_order("OmniumOrder", chance) for _ in range(min(count, 2_000))]
    pages = []
    for start in range(0, count, 100):
        some = [{**orders[(start + row) % len(orders)], "id": f"O{start + row}"} for row in range(100)]
        pages.append(orjson.dumps({"result": some, "totalHits": count}))
        if len(pages) == PAGES_A_BATCH:
            yield pages
            pages = []
    if pages:
        yield pages


def _order(schema: str, chance: random.Random, depth: int = 0) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, kind in contract()[schema].items():
        inner = kind.strip("[]")
        share = 0.37 if name.endswith(("Id", "id")) else 0.9
        if chance.random() > share:
            continue
        if inner in contract() and contract()[inner]:
            if depth > CHILD_LEVELS:
                continue
            if kind.startswith("["):
                most = 4 if name == "lineItems" else 2
                count = chance.choice((0, 1, most, most)) if depth < 2 else 0
                row[name] = [_order(inner, chance, depth + 1) for _ in range(count)]
            elif chance.random() < 0.8:
                row[name] = _order(inner, chance, depth + 1)
        else:
            row[name] = _value(name, kind, chance)
    return row


def _value(name: str, kind: str, chance: random.Random) -> Any:
    number = chance.randrange(1, 1_000_000)
    match kind:
        case "text":
            return f"{name[:6]} {number % 997}"
        case "bigint":
            return number
        case "decimal":
            return json.loads(f"{number // 100}.{number % 100:02}")
        case "boolean":
            return number % 2 == 0
        case "timestamp":
            return f"2026-{number % 12 + 1:02}-{number % 27 + 1:02}T08:{number % 60:02}:00Z"
    return ["a", f"b{number % 7}"] if kind == "[]" else f"{name[:4]}{number % 9}"
