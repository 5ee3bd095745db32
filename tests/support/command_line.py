"""The command line's own parser, for tests that read documents and examples."""

from collections.abc import Sequence

import click
from omnium_elt.cli.entry import COMMANDS


def parse(arguments: Sequence[str]) -> click.Context:
    """Parse the arguments of one command, as the program would, without calling it. Raises click.UsageError."""
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
