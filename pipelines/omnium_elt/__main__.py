"""The program `omnium-elt`, also called as `python -m omnium_elt`."""

import os
import sys

# `python -m` looks for modules in the working directory first, and a `queue.py` of somebody's lies there now and then.
if sys.path and not sys.flags.safe_path and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
    del sys.path[0]

STOPPED = 1
"""The exit status where Ctrl-C comes before the program is there (`EXIT_FAILED`)."""


def program() -> int:
    """The program `omnium-elt`: it takes some tenths of a second to import, in which Ctrl-C may come as well."""
    try:
        from omnium_elt.cli import program as imported

        return imported()
    except KeyboardInterrupt:
        print("error: stopped on request", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(program())
