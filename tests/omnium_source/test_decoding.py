"""Bytes in, JSON and faults out: what is not quite JSON is read, what is no JSON is refused."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omnium_source.decoding import DEEPEST, Decoded, Fault, decode, page_of
from omnium_source.errors import Incomplete

HOLE = "\ufffd"


@pytest.mark.parametrize(
    ("body", "rows", "faults"),
    [
        pytest.param(rb'[{"id": "A", "name": "x\ud800y"}]', [{"id": "A", "name": f"x{HOLE}y"}],
                     [(0, "name", "replaced_text")], id="a lone surrogate"),
        pytest.param(rb'[{"id": "A"}, {"id": "B", "name": "\udc00"}]', [{"id": "A"}, {"id": "B", "name": HOLE}],
                     [(1, "name", "replaced_text")], id="the other half"),
        pytest.param(rb'[{"name": "\ud83d\ude80", "note": "\ud83d"}]', [{"name": "\U0001f680", "note": HOLE}],
                     [(0, "note", "replaced_text")], id="a whole pair stays"),
        pytest.param(rb'[{"name": "a\u0000b"}]', [{"name": f"a{HOLE}b"}], [(0, "name", "replaced_text")], id="NUL"),
        pytest.param(rb'[{"name": "a\\u0000b"}]', [{"name": r"a\u0000b"}], [], id="the text of an escape is text"),
        pytest.param(b'[{"name": "a\x00b\tc\nd"}]', [{"name": f"a{HOLE}b\tc\nd"}],
                     [(0, "name", "replaced_text")], id="raw control characters"),
        pytest.param("[{\"name\": \"B\u00f8\"}]".encode("latin-1"), [{"name": f"B{HOLE}"}],
                     [(0, "name", "replaced_text")], id="no UTF-8"),
        pytest.param(b'[{"name": "\xc3"}, {"name": "\xed\xa0\x80"}]', [{"name": HOLE}, {"name": HOLE * 3}],
                     [(0, "name", "replaced_text"), (1, "name", "replaced_text")], id="half a character"),
        pytest.param(b'[{"total": NaN, "sum": -Infinity, "tax": Infinity}]',
                     [{"total": None, "sum": None, "tax": None}],
                     [(0, "total", "no_number"), (0, "sum", "no_number"), (0, "tax", "no_number")], id="no numbers"),
        pytest.param(b'[{"total": 1e400, "tax": 1.50}]', [{"total": Decimal("1e400"), "tax": Decimal("1.50")}], [],
                     id="a number that no float holds"),
        pytest.param(b'[{"total": 1e99999999999999999999}]', [{"total": None}], [(0, "total", "no_number")],
                     id="a number that nothing holds"),
        pytest.param(b'\xef\xbb\xbf[{"id": "A"}]\r\n', [{"id": "A"}], [], id="a byte order mark"),
        pytest.param('[{"id": "\u00c5"}]'.encode("utf-16"), [{"id": "\u00c5"}], [], id="UTF-16"),
        pytest.param(rb'[{"na\ud800me": 1, "na\ufffdme": 2, "a": {"\u0000": 3}}]',
                     [{f"na{HOLE}me{HOLE}": 1, f"na{HOLE}me": 2, "a": {HOLE: 3}}],
                     [(0, f"na{HOLE}me", "replaced_text"), (0, f"a.{HOLE}", "replaced_text")], id="names of fields"),
        pytest.param(b'[{"id": "A", "id": "B", "x": NaN, "lines": [{"n": 1, "n": 2}]}]',
                     [{"id": "B", "x": None, "lines": [{"n": 2}]}],
                     [(0, "id", "doubled_name"), (0, "x", "no_number"), (0, "lines.n", "doubled_name")],
                     id="names twice"),
        pytest.param(rb'{"result": [{"id": "A"}, {"form": {"lines": [{"x": "\ud800"}]}}], "facets": ["\ud800"]}',
                     [{"id": "A"}, {"form": {"lines": [{"x": HOLE}]}}],
                     [(None, "facets", "replaced_text"), (1, "form.lines.x", "replaced_text")], id="an envelope"),
        pytest.param(b'{"result": null, "x": NaN}', [], [(None, "x", "no_number")], id="no rows"),
        pytest.param(rb'["\ud800", null, NaN]', [HOLE, None, None],
                     [(0, "", "replaced_text"), (2, "", "no_number")], id="rows that are none"),
    ],
)  # fmt: skip
def test_what_is_not_quite_json(
    body: bytes, rows: list[Any], faults: list[tuple[int | None, str, str]]
) -> None:
    decoded = decode(body)
    assert decoded.elements == rows
    assert decoded.rows == [row for row in rows if isinstance(row, dict)]
    assert {(fault.row, ".".join(fault.path), fault.what) for fault in decoded.faults} == set(faults)
    assert len(decoded.faults) == len(faults)
    # What comes of it is JSON for everybody.
    json.dumps(decoded.document, default=str).encode()
    orjson.dumps(decoded.document, default=str)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1",
        b'{"result": [{"id": "A"',
        b"[1] [2]",
        b"nothing",
        b"\xff\xfe",
        b"{'a': 1}",
        b"[" * 5000,
    ],
)
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(body)
    with pytest.raises(Incomplete, match="a page is no JSON"):
        page_of(body)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_what_lies_too_deep_is_kept_as_text(opening: str, closing: str) -> None:
    levels = 50_000
    body = f'[{{"id": "A", "deep": {opening * levels}1{closing * levels}, "last": "\\u00e5"}}]'.encode()
    decoded = decode(body)
    row = decoded.rows[0]
    assert (row["id"], row["last"]) == ("A", "\u00e5")
    assert [(fault.row, fault.path[0], fault.what) for fault in decoded.faults] == [(0, "deep", "too_deep")]
    value = row["deep"]
    for _ in range(DEEPEST - 2):
        value = value["a"] if isinstance(value, dict) else value[0]
    assert value == f"{opening * (levels - DEEPEST + 2)}1{closing * (levels - DEEPEST + 2)}"


def test_a_number_of_many_digits_takes_no_time() -> None:
    digits = "9" * 1_000_000
    assert decode(f'[{{"x": {digits}, "y": NaN}}]'.encode()).rows[0]["x"] == Decimal(digits)


def test_one_name_twice_among_many_takes_no_time() -> None:
    """Each name was counted among all of them: of a hundred thousand that took minutes."""
    fields = ",".join(f'"f{n}":{n}' for n in range(100_000))
    decoded = decode(f'[{{"f0":NaN,{fields}}}]'.encode())
    assert decoded.faults == (Fault(0, ("f0",), "doubled_name"),)
    assert len(decoded.rows[0]) == 100_000


def test_a_single_row() -> None:
    body = rb'{"id": "S", "versionId": "1", "value": {"name": "\ud800"}}'
    assert decode(body) == Decoded(
        {"id": "S", "versionId": "1", "value": {"name": HOLE}},
        (Fault(None, ("value", "name"), "replaced_text"),),
    )


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(
    st.lists(
        st.dictionaries(st.text().filter(lambda name: "\x00" not in name), VALUES, max_size=4), max_size=3
    )
)
def test_both_ways_read_the_same_where_nothing_is_wrong(rows: list[dict[str, Any]]) -> None:
    body = json.dumps(rows).replace("\\u0000", "").encode()
    lenient = decode(b"\xef\xbb\xbf" + body)
    assert orjson.loads(orjson.dumps(lenient.document, float)) == orjson.loads(body)
    assert lenient.faults == () or all(fault.what == "doubled_name" for fault in lenient.faults)
