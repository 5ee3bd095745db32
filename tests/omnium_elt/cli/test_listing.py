"""How resources are told in words."""

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from omnium_elt.cli.commands import resources
from omnium_elt.cli.entry import main
from omnium_elt.cli.listing import COSTS, RULES
from omnium_source.resources import Rule
from rich.console import Console


def test_every_rule_is_told_and_what_it_costs() -> None:
    assert set(get_args(Rule)) == set(RULES) == set(COSTS)


def listed(width: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    console = Console(file=io.StringIO(), width=width)
    monkeypatch.setattr(resources, "stdout", lambda: console)
    ended = main(["resources", "--resources", "orders,returns", "--home", str(tmp_path)])
    assert ended == 0
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_terminal_of_80_characters_has_room_for_each_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [line.split() for line in listed(80, monkeypatch, tmp_path).splitlines()]
    assert ["orders", "Orders/Scroll", "changes", "between", "two", "OrderRead"] in lines


def test_in_a_pipe_a_row_is_a_line(tmp_path: Path) -> None:
    program = [
        sys.executable,
        "-m",
        "omnium_elt",
        "resources",
        "--resources",
        "returns",
        "--home",
        str(tmp_path),
    ]
    output = subprocess.run(program, capture_output=True, check=True).stdout.decode()
    row = next(line for line in output.splitlines() if line.strip().startswith("returns"))
    assert re.split(r"  +", row.strip()) == [
        "returns",
        "Returns/SearchReturnOrders",
        "page",
        "changes between two moments",
        "1",
        "orderId + returnOrderForm.returnId",
        "returnOrderForm.modified",
        "OrderRead",
        "all",
    ]
