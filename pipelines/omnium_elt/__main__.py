"""The program `omnium-elt`, also called as `python -m omnium_elt`."""

import os
import sys

# `python -m` searches the working directory first, where a file such as `queue.py` would shadow a standard module.
if sys.path and not sys.flags.safe_path and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
    del sys.path[0]

STOPPED = 1
"""The exit status after Ctrl-C during the import of the program; equals `EXIT_FAILED`."""


def program() -> int:
    """Run the command line; Ctrl-C during its import, which takes some tenths of a second, is handled as well."""
    try:
        from omnium_elt.cli import program as imported

        return imported()
    except KeyboardInterrupt:
        print("error: stopped on request", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(program())
