"""What a load knows of the rows that it has loaded."""

import numpy as np
from omnium_elt.steps.load import with_ids

NOTHING = np.empty(0, np.uint64)


def test_a_row_that_came_before_is_not_new_and_those_after_it_are() -> None:
    first, second, third = (f"{number:032x}"[::-1] for number in (1, 2, 3))
    known, are_new = with_ids(NOTHING, [second, first])
    assert are_new
    known, are_new = with_ids(known, [first])
    assert not are_new
    assert len(known) == 2
    known, are_new = with_ids(known, [third])
    assert are_new
    assert len(known) == 3


def test_a_package_without_rows_is_new() -> None:
    known, are_new = with_ids(NOTHING, [])
    assert (known.tolist(), are_new) == ([], True)
