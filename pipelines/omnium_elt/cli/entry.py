"""The program `omnium-elt`: its commands, its entry point, and how errors become an exit status."""

import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import TextIO

import click
from omnium_source.text import printable

from omnium_elt.cli.commands import (
    backfill,
    check,
    completion,
    demo,
    export,
    resources,
    runs,
    serve,
    status,
    write,
)
from omnium_elt.cli.parser import CONTEXT, NAME, Commands, Invocation
from omnium_elt.cli.rendering import print_json, say_error
from omnium_elt.infra import memory
from omnium_elt.infra.configuration import disable_telemetry
from omnium_elt.infra.errors import UsageError, explain
from omnium_elt.infra.log import without_secrets
from omnium_elt.infra.run_report import EXIT_OK, RunReport

IN_ORDER_OF_USE = (
    demo.demo_command,
    runs.run_command,
    runs.load_command,
    runs.transform_command,
    runs.publish_command,
    runs.reconcile_command,
    backfill.backfill_command,
    check.check_command,
    status.status_command,
    resources.resources_command,
    serve.sandbox_command,
    serve.dashboard_command,
    export.export_command,
    write.write_command,
    completion.completion_command,
)


COMMANDS = Commands(
    NAME,
    help="Reads an Omnium tenant into a warehouse, keeps it current, and turns it into supplier lead times and "
    "replenishment proposals.",
    commands={str(command.name): command for command in IN_ORDER_OF_USE},
    context_settings=CONTEXT,
)
click.version_option(package_name=NAME, prog_name=NAME, message="%(prog)s %(version)s")(COMMANDS)


def program() -> int:
    """Run the program `omnium-elt`; return its exit status."""
    memory.collect_garbage_late()
    # httpx looks for its own command line, and finds the libraries that it draws with: a twentieth of a second.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    ready_streams()
    try:
        return main()
    finally:
        try:
            sys.stderr.flush()
        except OSError:  # the reader has gone, or the disk is full
            _forget(sys.stderr)
        # Skip the garbage collection at exit: it takes some tenths of a second, and the memory is freed anyway.
        gc.freeze()


def ready_streams() -> None:
    """Make sure that stdin, stdout and stderr are open, and that writing no character fails.

    A service may start without them. The next file that is opened, such as the database, would then get the free
    descriptor, and whatever a library prints would be written into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor, which is `number`
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    disable_telemetry()
    if instruction := os.environ.get(completion.VARIABLE):
        return completion.answer(COMMANDS, instruction)
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # An error in the arguments is reported before they are parsed, so --json is looked for here.
    invocation = Invocation(as_json="--json" in arguments)
    try:
        with COMMANDS.make_context(NAME, arguments, obj=invocation) as context:
            return int(COMMANDS.invoke(context))
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        return _tell(_usage_error(error), invocation)
    except BrokenPipeError:
        # The program that read the output (head, less) has ended: the command has not failed.
        _forget(sys.stdout)
        return EXIT_OK
    except (Exception, KeyboardInterrupt) as error:
        return _tell(error, invocation)


def _forget(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that Python does not fail again when it flushes the buffer at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _usage_error(error: click.ClickException) -> UsageError:
    """Turn an error of click into a UsageError: one line that names the help, without click's usage text."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else NAME
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return UsageError("a command is missing", f"See {path} --help.")
    return UsageError(" ".join(error.format_message().split()), f"See {path} --help.")


def _tell(error: BaseException, invocation: Invocation) -> int:
    """Print an error that no run report holds, with `--json` also as a run report; return its exit status."""
    explanation = explain(error)
    if invocation.as_json:
        report = RunReport.begin(invocation.command)
        report.error = str(explanation)
        try:
            stopped = isinstance(error, KeyboardInterrupt)
            print_json(report.finish("interrupted" if stopped else "failed").as_dict())
        except OSError:  # stderr may still be writable
            _forget(sys.stdout)
    say_error(str(explanation))
    if invocation.verbose and not explanation.is_expected:
        import traceback

        print(printable(without_secrets("".join(traceback.format_exception(error)))), file=sys.stderr)
    return explanation.exit_status
