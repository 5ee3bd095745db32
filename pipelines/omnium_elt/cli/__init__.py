"""The command line: the only room that knows the terminal."""

from omnium_elt.cli.commands import program

__all__ = ["program"]
