"""A token ends the work of its children, and not the other way round."""

import gc
import threading

import pytest
from omnium_source.errors import Stopped
from omnium_source.http.cancellation import Cancellation, Grace


def test_children_end_with_their_parent_and_leave_it_alone() -> None:
    parent = Cancellation()
    child, other = parent.child(), parent.child()
    grandchild = child.child()
    child.set()
    assert [token.is_set() for token in (parent, child, other, grandchild)] == [False, True, False, True]
    parent.set()
    assert [token.is_set() for token in (parent, child, other, grandchild)] == [True] * 4
    assert [token.is_own for token in (parent, child, other, grandchild)] == [True, True, False, False]
    assert parent.child().is_set()


def test_who_waits_for_a_child_is_woken_by_its_parent() -> None:
    parent = Cancellation()
    child = parent.child()
    threading.Timer(0.05, parent.set).start()
    assert child.wait(30)
    with pytest.raises(Stopped):
        child.check()


def test_a_child_that_nobody_holds_is_gone() -> None:
    parent = Cancellation()
    parent.child()
    gc.collect()
    assert len(parent._children) == 0


def test_a_grace_begins_when_the_token_is_set() -> None:
    token = Cancellation()
    soon, late = Grace(token, 0.0), Grace(token, 3_600)
    assert not soon.is_set()
    token.set()
    soon.is_set()  # looked at for the first time: the time begins
    assert soon.is_set()
    assert not late.is_set()
