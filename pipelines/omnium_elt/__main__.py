"""The program `omnium-elt`, also called as `python -m omnium_elt`."""

import os
import sys

# `python -m` searches the working directory first, where a file such as `queue.py` would shadow a standard module.
if sys.path and not sys.flags.safe_path and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
    del sys.path[0]

FAILED = 1
"""The exit status if the import of the program fails or is stopped by Ctrl-C; equals `EXIT_FAILED`."""


def program() -> int:
    """Run the command line, also if its import fails.

    The import takes some tenths of a second, in which Ctrl-C may come, or meets a damaged compiled module.
    """
    try:
        from omnium_elt.cli import program as imported

        return imported()
    except KeyboardInterrupt:
        print("error: stopped on request", file=sys.stderr)
        return FAILED
    except Exception as error:
        from omnium_elt.infra.bytecode import CUT, REMEDY, cut_module

        path = cut_module(error)
        if path is None:
            raise
        print(f"error: {path}: {CUT}\n{REMEDY}", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(program())
