"""The command line: the only package that imports the terminal libraries click and rich.

entry       the program: parses the arguments, calls a command, reports errors
parser      what all commands share: help, options, parameter types
commands/   one module per command or group of commands
rendering   tables, numbers and texts on the terminal; progress: bars or lines; outcome: the end of a run
"""

from omnium_elt.cli.entry import main, program

__all__ = ["main", "program"]
