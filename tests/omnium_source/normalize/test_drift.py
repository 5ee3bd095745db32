"""What a run tells: a line for each column, with the keys of a few rows."""

import re
from pathlib import Path
from typing import get_args

from omnium_source.normalize.drift import WORDS, Drift, DriftKind, Notes, in_words, named

MODEL = Path(__file__).parents[3] / "transforms/models/intermediate/reading/dq_reading.sql"


def test_every_kind_has_its_words_and_its_check_in_the_models() -> None:
    checked = re.findall(r"^        '(\w+)',$", MODEL.read_text(), re.MULTILINE)[1::2]
    assert sorted(WORDS) == sorted(get_args(DriftKind))
    assert sorted(checked) == sorted(set(WORDS) - {"new_field"})


def test_a_line_for_each_column_and_kind_names_a_few_rows() -> None:
    drift = [
        Drift("orders", "total", "misfit", "text", 2, ("1", "2")),
        Drift("orders", "score", "new_field", "decimal", 9, ("1",)),
        Drift("orders", "total", "misfit", "text", 1_000, ("2", "3", "4")),
        Drift("orders", "note", "replaced_text", "text", 1, ("7",)),
    ]
    assert in_words(drift) == [
        "values that do not fit: orders.total (text): 1,002 rows, such as 1, 2, 3",
        "new field: orders.score (decimal)",
        "characters that no text can hold, replaced by U+FFFD: orders.note (text): 1 row, such as 7",
    ]


def test_rows_are_counted_and_named_once() -> None:
    notes = Notes()
    notes.add("orders__lines", "quantity", "misfit", "text", [0, 0, 1, 2, 3])
    notes.add("orders__lines", "price", "misfit", "text", [])
    (drift,) = notes.drift("ABCD".__getitem__, "wxyz")
    assert drift == Drift("orders__lines", "quantity", "misfit", "text", 5, ("A", "B", "C"))
    assert drift.ids == (("w", "A"), ("x", "B"), ("y", "C"), ("z", "D"))
    assert drift.of_rows({"x", "z", "elsewhere"}) == Drift(
        "orders__lines", "quantity", "misfit", "text", 2, ("A", "B", "C")
    )
    assert drift.of_rows({"elsewhere"}) is None


def test_keys_in_words() -> None:
    assert named(("SKU-1", "W1")) == "SKU-1 / W1"
    assert named((None, "")) == "- / -"
    assert named(("a\x1b[31m\u202eb\n",)) == "a?[31m?b?"
    assert named(("9" * 200,)) == "9" * 59 + "\u2026"
