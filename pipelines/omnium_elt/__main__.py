"""`python -m omnium_elt` is the program `omnium-elt`."""

import sys

from omnium_elt.cli.commands import program

if __name__ == "__main__":
    sys.exit(program())
