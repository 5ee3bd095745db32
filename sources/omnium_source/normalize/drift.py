"""Drift: values that could not be taken as they came, and fields that are new.

Notes      collects the drift while a batch becomes tables
Drift      one kind of drift in one column: how often, and the keys of a few rows
in_words   the drift of a run, a line for each column and kind
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Literal

from omnium_source.decoding import What

DriftKind = Literal["new_field", "misfit", "rounded", "clamped", "no_key", "doubled_key", What]

MOST_IDS = 1_000
"""Rows of a column that are noted with their keys; of further rows only the ids or only the number are kept."""
EXAMPLES = 3
"""The most rows of a column that are named."""
WHOLE_ROW = "*"
"""Stands in place of a column where the row itself is meant."""
LONGEST_EXAMPLE = 60
"""The most characters of a key that are shown."""

WORDS: dict[DriftKind, str] = {
    "new_field": "new field",
    "misfit": "values that do not fit",
    "rounded": "more than 9 decimals, rounded to 9; the exact number is kept as text beside it",
    "clamped": "times after 9999-12-31T00:00:00Z, replaced by that moment",
    "replaced_text": "characters that no text can hold, replaced by U+FFFD",
    "no_number": "NaN or infinity, stored as null",
    "doubled_name": "a field that occurs twice in one object; the last one counts",
    "too_deep": "nested too deeply, kept as JSON text",
    "no_row": "elements among the rows that are not objects, left out",
    "no_key": "rows without a key, identified by their content",
    "doubled_key": "rows with the key of another row on the same page; one of them is kept",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """One deviation from the contract: in which column, of which type, and in how many rows of the batch.

    `new_field`: a field that no earlier run put into the destination. `misfit`: values that do not fit; they are kept
    in the column's variant. The other kinds say what became of a value (`WORDS`). `column` is the field's path if the
    value was not valid JSON, and `WHOLE_ROW` for an element that is not a row. `examples`: keys of root rows, as they
    are in the table; an element that is not a row is named by its place. `ids`: the `_dlt_id` of each of these root
    rows, with its key for the first `MOST_IDS`.
    """

    table: str
    column: str
    kind: DriftKind
    example_type: str
    rows: int
    examples: tuple[str, ...] = ()
    ids: tuple[tuple[str, str | None], ...] = field(default=(), repr=False, compare=False)

    def of_rows(self, kept: Container[str] | None) -> "Drift | None":
        """The drift of these root rows alone (all if None), each counted once; None if nothing is left.

        Elements that are not rows stay.
        """
        if self.kind == "no_row":
            return self
        ids = self.ids if kept is None else tuple(one for one in self.ids if one[0] in kept)
        return replace(self, rows=len(ids), ids=ids) if ids else None


class Notes:
    """The drift of one batch in the making: rows are positions of root rows until their keys are known."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, DriftKind, str], list[int]] = {}

    def add(self, table: str, column: str, kind: DriftKind, example_type: str, roots: Iterable[int]) -> None:
        """Note rows of a table by the root rows that they belong to."""
        self._rows.setdefault((table, column, kind, example_type), []).extend(roots)

    def drift(self, name_of: Callable[[int], str], ids: Sequence[str]) -> list[Drift]:
        """What was noted; `name_of` gives the key of a root row, `ids` are the ids of all root rows."""
        found = []
        for what, roots in self._rows.items():
            distinct = list(dict.fromkeys(roots))
            if distinct:
                names = list(map(name_of, distinct[:MOST_IDS]))
                pairs = tuple(zip_longest((ids[row] for row in distinct), names))
                found.append(Drift(*what, len(roots), tuple(names[:EXAMPLES]), pairs))
        return found


def summed(drift: Iterable[Drift]) -> list[Drift]:
    """Merge drift into one Drift for each column and kind."""
    found: dict[tuple[str, str, DriftKind], Drift] = {}
    for one in drift:
        place = one.table, one.column, one.kind
        before = found.get(place)
        if before is None:
            found[place] = one
        else:
            examples = tuple(dict.fromkeys([*before.examples, *one.examples]))[:EXAMPLES]
            rows, ids = before.rows + one.rows, (*before.ids, *one.ids)[:MOST_IDS]
            found[place] = replace(before, rows=rows, examples=examples, ids=ids)
    return list(found.values())


def in_words(drift: Iterable[Drift]) -> list[str]:
    """The drift of a run as text: a line for each column and kind, with a few keys where values were changed."""
    return [_line(one) for one in summed(drift)]


def _line(drift: Drift) -> str:
    line = f"{WORDS[drift.kind]}: {drift.table}.{drift.column} ({drift.example_type})"
    if drift.kind == "new_field" or not drift.examples:
        return line
    rows = "1 row" if drift.rows == 1 else f"{drift.rows:,} rows"
    return f"{line}: {rows}, such as {', '.join(drift.examples)}"


def named(parts: Sequence[str | None]) -> str:
    """The key of a row as text: its parts as they are in the table, shortened."""
    text = " / ".join(part if part else "-" for part in parts)
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[: LONGEST_EXAMPLE - 1]}…"
