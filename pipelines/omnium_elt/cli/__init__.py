"""The command line: the only room that knows the terminal, and the libraries click and rich.

entry       the program: parses, calls, tells errors
parser      what all commands have in common: help, shared options, kinds of values
commands/   a module a command, or a family of them
rendering   tables, numbers and texts on the terminal; progress: bars or lines; outcome: how a run ends
"""

from omnium_elt.cli.entry import main, program

__all__ = ["main", "program"]
