"""Compiled modules (`.pyc`) that are cut: Python may keep what a full disk has taken of one."""

import traceback

CUT = "the compiled module is damaged, as after a full disk"
REMEDY = "Remove it and run again: Python makes it anew."


def cut_module(error: BaseException) -> str | None:
    """The path of the compiled module that could not be read; None if the error is another one."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not frames or frames[-1].f_code.co_name != "_compile_bytecode":
        return None
    path = frames[-1].f_locals.get("bytecode_path")
    return None if path is None else str(path)
