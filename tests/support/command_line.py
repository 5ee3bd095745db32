"""The command line's own parser, for tests that read documents and examples, and what a command leaves behind."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from omnium_elt.cli.entry import COMMANDS


def parse(arguments: Sequence[str]) -> click.Context:
    """Parse the arguments of one command as the program would, without calling it. Raises click.UsageError."""
    name, *rest = arguments
    return COMMANDS.commands[name].make_context(name, rest)


def options_of(command: str) -> set[str]:
    """The long options of a command."""
    return {
        option
        for parameter in COMMANDS.commands[command].params
        for option in parameter.opts
        if option.startswith("--")
    }


def printed_json(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one JSON object that was printed to stdout."""
    return dict(json.loads(capfd.readouterr().out))


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Time and size of every file in a folder: they change when a file is written."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}
