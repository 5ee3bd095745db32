"""`python -m omnium_elt` is the program `omnium-elt`."""

import os
import sys

# `python -m` looks for modules in the working directory first, and a `queue.py` of somebody's lies there now and then.
if sys.path and not sys.flags.safe_path and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
    del sys.path[0]

from omnium_elt.cli import program

if __name__ == "__main__":
    sys.exit(program())
