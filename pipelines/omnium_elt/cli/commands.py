"""The command line: parses, calls, renders. The only file that knows the terminal.

Everything heavy is imported by the command that needs it, so that `--help` answers at once.
"""

import argparse
import contextlib
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn

from omnium_source.text import printable

from omnium_elt.cli.write import add_selection, add_write_arguments, chosen_step, show_changes
from omnium_elt.infra.errors import UsageError, explain
from omnium_elt.infra.run_report import EXIT_INCOMPLETE, EXIT_OK, EXIT_USAGE, Progress, RunReport, plain
from omnium_elt.infra.text import all_printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from omnium_elt.inspect.demo import Findings

EXIT_STATUS_HELP = """\
exit status:
  0 all well   1 failed   2 wrong usage or configuration
  3 some resources could not be read, the others are loaded   75 another run holds this home
"""

EPILOG = f"""\
first steps:
  omnium-elt demo                     try everything without a tenant
  omnium-elt check                    is the configuration right? says what to do if not
  omnium-elt run                      load, transform, publish: what a scheduler calls

configuration (or .dlt/config.toml and .dlt/secrets.toml):
  SOURCES__OMNIUM__BASE_URL, SOURCES__OMNIUM__CLIENT_ID, SOURCES__OMNIUM__CLIENT_SECRET
  OMNIUM_HOME                         instead of --home

{EXIT_STATUS_HELP}"""


SHOWN_PROPOSALS = 12
ACTIONS = {
    "order": "order",
    "top_up": "order, topped up to the minimum,",
    "split": "order in parts",
    "order_below_minimum": "order, below the supplier's minimum,",
}


def program() -> int:
    """The program `omnium-elt`."""
    try:
        return main()
    finally:
        # The memory goes with the process: looking through all of it for cycles first takes some tenths of a second.
        gc.freeze()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    from omnium_elt.infra.configuration import be_quiet, check_configuration

    be_quiet()
    arguments = sys.argv[1:] if arguments is None else arguments
    # For an error in the arguments themselves, before they are parsed.
    options = argparse.Namespace(command="", json="--json" in arguments, verbose=False)
    try:
        options = build_parser().parse_args(arguments)
        if options.command not in ("check", "completion"):  # `check` tells it among all else that it finds
            check_configuration()
        return int(options.call(options))
    except BrokenPipeError:
        # Whoever read our output (head, less) has gone: that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except (Exception, KeyboardInterrupt) as error:
        return _tell(error, options)


def _tell(error: BaseException, options: argparse.Namespace) -> int:
    """Tell an error that no report holds; with `--json` as an object of the same shape."""
    explanation = explain(error)
    if options.json:
        report = RunReport.begin(options.command)
        report.error = str(explanation)
        print_json(report.finish("failed").as_dict())
    _stderr().print(f"[red]error:[/red] {_escaped(str(explanation))}", highlight=False, soft_wrap=True)
    if options.verbose and not explanation.is_expected:
        import traceback

        print(printable("".join(traceback.format_exception(error))), file=sys.stderr)
    return explanation.exit_status


# Parsing --------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and the nearest name where a name is unknown."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError; the whole usage would only be in the way."""
        import difflib
        import re

        if found := re.search(r"invalid choice: '(.+?)' \(choose from (.+)\)", message):
            near = difflib.get_close_matches(found[1], re.findall(r"[\w-]+", found[2]), n=1)
            message = f"unknown command {found[1]!r}" + (f": did you mean {near[0]!r}?" if near else "")
        raise UsageError(message, f"See {self.prog} --help.")


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = Parser(
        prog="omnium-elt",
        description="Reads an Omnium tenant into a warehouse, keeps it current, and turns it into supplier "
        "lead times and replenishment proposals.",
        epilog=EPILOG,
        formatter_class=_HelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")

    def command(
        name: str,
        summary: str,
        call: Callable[[argparse.Namespace], int],
        examples: Sequence[str],
        *more: Parser,
    ) -> Parser:
        lines = "\n".join(f"  {example}" for example in examples)
        made: Parser = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"examples:\n{lines}\n\n{EXIT_STATUS_HELP}",
            formatter_class=_HelpFormatter,
            parents=[_common(), *more],
        )
        made.set_defaults(call=call)
        return made

    tenant, as_of, target = _tenant(), _as_of(), _target()
    selected = _selected()

    demo = command(
        "demo",
        "run everything against a sandbox tenant, and show lead times and proposals",
        demo_command,
        ["omnium-elt demo", "omnium-elt demo --size small --home /tmp/try"],
        as_of,
    )
    _add_tenant_size(demo, "medium")
    run = command(
        "run",
        "load, transform, publish: what a scheduler calls",
        run_command,
        [
            "omnium-elt run",
            "omnium-elt run --resources suppliers,purchase_orders --json",
            "omnium-elt run --reconcile-every 7",
        ],
        tenant,
        target,
        as_of,
    )
    run.add_argument(
        "--reconcile-every",
        type=_days,
        metavar="DAYS",
        dest="reconcile_every_days",
        help="look for deleted rows as well, where the last time is DAYS ago",
    )
    command(
        "load",
        "read what is new in the tenant into the working database",
        run_command,
        ["omnium-elt load", "omnium-elt load --since 2026-01-01", "omnium-elt load --full-refresh"],
        tenant,
        target,
    )
    command(
        "transform",
        "build the models from what is loaded",
        run_command,
        ["omnium-elt transform", "omnium-elt transform --as-of 2026-01-31"],
        target,
        as_of,
    )
    command(
        "publish",
        "give readers the new version: warehouse.duckdb and exports/",
        run_command,
        ["omnium-elt publish"],
        target,
    )
    reconcile = command(
        "reconcile",
        "find rows that no longer exist in the tenant and mark them deleted",
        run_command,
        ["omnium-elt reconcile", "omnium-elt reconcile --resources suppliers --force"],
        selected,
        target,
    )
    reconcile.add_argument(
        "--force", action="store_true", help="mark them even if they are an unlikely large share of all rows"
    )
    command(
        "check",
        "test configuration, credentials, roles, clock, limits and disk; changes nothing",
        check_command,
        ["omnium-elt check", "omnium-elt check --resources orders,products"],
        selected,
        target,
    )
    command(
        "status",
        "show where each resource stands, and the last runs",
        status_command,
        ["omnium-elt status", "omnium-elt status --json"],
        selected,
    )
    command(
        "resources",
        "list the resources: which endpoint each is read from, and how",
        resources_command,
        ["omnium-elt resources", "omnium-elt resources --json"],
        selected,
    )
    sandbox = command(
        "sandbox",
        "serve a sandbox tenant on loopback until interrupted",
        sandbox_command,
        ["omnium-elt sandbox", "omnium-elt sandbox --port 8080 --size medium --seed 7"],
    )
    sandbox.add_argument(
        "--port", type=_port, default=0, metavar="PORT", help="port to listen on (default: a free one)"
    )
    _add_tenant_size(sandbox, "small")
    dashboard = command(
        "dashboard",
        "serve the notebooks on loopback: lead times, replenishment, data health",
        dashboard_command,
        ["omnium-elt dashboard", "omnium-elt dashboard --port 8000 --home /srv/omnium"],
    )
    dashboard.add_argument("--port", type=_port, default=2718, metavar="PORT", help="port (default: 2718)")
    export = command(
        "export",
        "write the purchase proposal to a file (xlsx, csv or parquet), or each order for its supplier",
        export_command,
        [
            "omnium-elt export",
            "omnium-elt export --format csv --supplier sup-007 --output order.csv",
            "omnium-elt export --for-supplier --output orders",
        ],
    )
    export.add_argument(
        "--format",
        choices=("parquet", "csv", "xlsx", "html"),
        help="default: as --output ends, else xlsx; html with --for-supplier, to print",
    )
    export.add_argument("--output", metavar="PATH", help="default: purchase_proposal_line.FORMAT, or orders/")
    export.add_argument(
        "--for-supplier",
        action="store_true",
        help="a file an order, as its supplier expects it, into a folder",
    )
    add_selection(export)
    export.add_argument(
        "--delimiter", default=",", metavar="SIGN", help="between the cells of a csv (default: ,)"
    )
    export.add_argument(
        "--decimal",
        choices=(".", ","),
        default=".",
        dest="decimal_sign",
        help="decimal sign of a csv (default: .)",
    )
    write = command(
        "write",
        "show what would be written to Omnium: lead times, orders, or what undoes a run; --apply writes it",
        write_command,
        [
            "omnium-elt write lead-times",
            "omnium-elt write orders --supplier 'Havtekstil AS' --apply",
            "omnium-elt write undo 20260131T235959Z-3f9a --apply",
        ],
    )
    add_write_arguments(write)
    completion = command(
        "completion",
        "print a completion script for bash, zsh or fish",
        completion_command,
        ['eval "$(omnium-elt completion bash)"', "omnium-elt completion fish | source"],
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    return parser


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the examples as they are, and gives options more room than the default."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


class _Version(argparse.Action):
    """Shows the installed version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from omnium_elt.infra.project_files import version

        print(f"omnium-elt {version()}")
        parser.exit()


def _common() -> Parser:
    shared = Parser(add_help=False)
    shared.add_argument(
        "--home",
        metavar="DIR",
        help="folder of warehouse, exports and state (default: OMNIUM_HOME, else omnium-data)",
    )
    shared.add_argument(
        "--json", action="store_true", help="one JSON object on stdout, everything else on stderr"
    )
    shared.add_argument("-v", "--verbose", action="store_true", help="show the log as well")
    return shared


def _selected() -> Parser:
    shared = Parser(add_help=False)
    shared.add_argument("--resources", type=_names, metavar="A,B,…", help="only these resources")
    shared.add_argument("--exclude", type=_names, default=(), metavar="A,B", help="all but these")
    return shared


def _tenant() -> Parser:
    shared = _selected()
    shared.add_argument(
        "--since",
        type=_date,
        metavar="DATE",
        help="first load: no history older than DATE; master data is read whole",
    )
    shared.add_argument(
        "--full-refresh", action="store_true", help="read everything again, as if for the first time"
    )
    return shared


def _target() -> Parser:
    shared = Parser(add_help=False)
    shared.add_argument(
        "--destination",
        default="duckdb",
        metavar="NAME",
        help="duckdb (default), parquet, postgres, or another one that dlt knows",
    )
    return shared


def _as_of() -> Parser:
    shared = Parser(add_help=False)
    shared.add_argument(
        "--as-of", type=_date, metavar="DATE", help="answer as of DATE (default: the day of the newest load)"
    )
    return shared


def _add_tenant_size(parser: Parser, default: str) -> None:
    parser.add_argument(
        "--size",
        choices=("small", "medium", "large"),
        default=default,
        help=f"how much data the tenant holds (default: {default})",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="same seed, same data (default: 1)")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def _date(text: str) -> date:
    from omnium_elt.infra.configuration import read_date

    try:
        return read_date(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _days(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


# Commands -------------------------------------------------------------------------------------------


def run_command(options: argparse.Namespace) -> int:
    """`run`, and its steps as commands of their own."""
    from omnium_elt.infra.configuration import home_of, read_settings
    from omnium_elt.steps.run import COMMANDS, perform, reconcile_step

    needs_tenant = options.command in ("run", "load", "reconcile")
    settings = read_settings(home_of(options.home), _setting_options(options), needs_tenant=needs_tenant)
    if needs_tenant:
        from omnium_source.resources import select

        select(settings.resources, settings.exclude)  # a misspelt name is told before anything is begun
    steps = (reconcile_step(options.force),) if options.command == "reconcile" else COMMANDS[options.command]
    with showing_progress() as progress:
        report = perform(settings, progress, options.command, steps)
    return _finish(report, options, show_report)


def demo_command(options: argparse.Namespace) -> int:
    """The demo."""
    from omnium_elt.infra.configuration import home_of
    from omnium_elt.inspect.demo import demo, findings

    home = home_of(options.home)
    started = time.monotonic()
    with showing_progress() as progress:
        report = demo(home, options.size, options.seed, _setting_options(options), progress)
    if report.exit_status != EXIT_OK:
        return _finish(report, options, show_report)
    found = findings(home.warehouse)
    if options.json:
        print_json(
            {**report.as_dict(), "findings": plain(json.loads(json.dumps(asdict(found), default=str)))}
        )
        return EXIT_OK
    show_findings(_stdout(), found)
    console = _stdout()
    console.print(
        f"\n[bold]Files[/bold] (made in {time.monotonic() - started:.0f} s, {report.rows:,} rows read in "
        f"{report.requests:,} requests)"
    )
    for path, what in (
        (home.warehouse, "open it with DuckDB: schemas omnium, staging, marts"),
        (home.exports, "each mart as Parquet, and manifest.json"),
        (home.exports / "report.html", "open it in a browser: proposals, lead times, data health"),
        (home.state, "run history and logs"),
    ):
        console.print(f"  {_shown_path(path)}  [dim]{what}[/dim]", highlight=False, soft_wrap=True)
    return EXIT_OK


def check_command(options: argparse.Namespace) -> int:
    """`check`."""
    from omnium_elt.infra.configuration import home_of
    from omnium_elt.inspect.check import check, exit_status

    findings = check(home_of(options.home), _setting_options(options))
    worst = exit_status(findings)
    if options.json:
        status = "ok" if worst == EXIT_OK else "failed"
        print_json({"status": status, "checks": [asdict(finding) for finding in findings]})
        return worst
    console = _stdout()
    marks = {"ok": "[green]ok  [/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]FAIL[/red]"}
    for finding in findings:
        console.print(
            f"{marks[finding.level]}  {finding.name}: {_escaped(finding.message)}",
            highlight=False,
            soft_wrap=True,
        )
        if finding.remedy:
            console.print(f"      → {_escaped(finding.remedy)}", highlight=False, soft_wrap=True)
    return worst


def status_command(options: argparse.Namespace) -> int:
    """`status`."""
    from omnium_elt.infra.configuration import home_of
    from omnium_elt.inspect.status import status

    home = home_of(options.home)
    if not home.state.is_dir():
        raise UsageError(
            f"{home.root} is no home of omnium-elt: nothing was ever loaded there",
            "Name the right one with --home or OMNIUM_HOME, or load something: omnium-elt run, omnium-elt demo.",
        )
    found = status(home, options.resources, options.exclude)
    if options.json:
        print_json(found.as_dict())
        return EXIT_OK
    console = _stdout()
    console.print(f"[bold]{_escaped(found.home)}[/bold]", highlight=False, soft_wrap=True)
    if found.running:
        console.print(f"running now: {_escaped(found.running)}")
    if not found.resources and not found.runs:
        console.print("Nothing was loaded here yet: omnium-elt run, or omnium-elt demo.")
        return EXIT_OK
    console.print(f"published {found.published_at or 'never'}, as of {found.as_of or '–'}", highlight=False)
    table = _table("resource", "status", "cursor", "rows>", "last success", "lag>", "last error")
    for resource in found.resources:
        table.add_row(
            resource.name,
            _coloured(resource.last_status or "–"),
            _moment(resource.cursor),
            _number(resource.rows),
            _moment(resource.last_success),
            _duration(resource.lag_seconds),
            _escaped(resource.last_error or ""),
        )
    console.print(_narrowed(table, console, "cursor", "last success"))
    if found.source:
        while_running = ", as a run is at work" if found.running else ""
        console.print(f"rows and cursors: {found.source}{while_running}", highlight=False)
    for resource in found.resources:
        if resource.left_out_before:
            console.print(
                f"{resource.name}: rows before {resource.left_out_before[:10]} were left out by --since; "
                f"omnium-elt load --full-refresh --resources {resource.name} reads them."
            )
        if resource.recommended_lag_seconds:
            console.print(
                f"{resource.name}: rows came late; a settling lag of {resource.recommended_lag_seconds} s "
                "would have caught them at once (SOURCES__OMNIUM__SETTLING_LAG_SECONDS)."
            )
    runs = _table("run", "command", "status", "took>", "rows>", "requests>", "error")
    for run in found.runs:
        runs.add_row(
            run["run_id"],
            run["command"],
            _coloured(run["status"]),
            _duration(_seconds_between(run["started_at"], run["finished_at"])),
            _number(run["rows"]),
            _number(run["requests"]),
            _escaped((run["error"] or "").partition("\n")[0]),
        )
    console.print(_narrowed(runs, console, "command", "requests"))
    return EXIT_OK


def resources_command(options: argparse.Namespace) -> int:
    """`resources`."""
    from omnium_elt.cli.listing import listing
    from omnium_elt.infra.configuration import home_of
    from omnium_elt.infra.settings import choices
    from omnium_elt.inspect.status import kept_states

    states = kept_states(home_of(options.home))
    rows = listing(options.resources, options.exclude, states, choices())
    if options.json:
        print_json({"resources": [row.as_dict() for row in rows]})
        return EXIT_OK
    table = _table(
        "resource",
        "endpoint",
        "read by",
        "stays current by",
        "requests if unchanged",
        "key",
        "cursor",
        "role",
        "fields",
    )
    for row in rows:
        table.add_row(
            row.name,
            row.endpoint,
            row.read_by,
            row.current_by,
            row.cost,
            row.key,
            row.cursor,
            row.role,
            row.fields,
        )
    _stdout().print(table)
    return EXIT_OK


def sandbox_command(options: argparse.Namespace) -> int:
    """`sandbox`."""
    import signal

    from omnium_sandbox import Sandbox

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox = Sandbox(size=options.size, seed=options.seed, port=options.port)
        sandbox.start()
    except OSError as error:
        raise UsageError(f"port {options.port}: {error.strerror}", "Choose another --port.") from error
    try:
        if options.json:
            print_json(
                {
                    "base_url": sandbox.base_url,
                    "client_id": sandbox.client_id,
                    "client_secret": sandbox.client_secret,
                    "writer_client_id": sandbox.writer_client_id,
                    "writer_client_secret": sandbox.writer_client_secret,
                }
            )
        else:
            print("# Sandbox tenant; Ctrl-C ends it. In another terminal:")
            print(f"export SOURCES__OMNIUM__BASE_URL={sandbox.base_url}")
            print(f"export SOURCES__OMNIUM__CLIENT_ID={sandbox.client_id}")
            print(f"export SOURCES__OMNIUM__CLIENT_SECRET={sandbox.client_secret}")
            print("omnium-elt run")
            print("# And to write, with an API user of its own:")
            print(f"export SOURCES__OMNIUM__WRITER__CLIENT_ID={sandbox.writer_client_id}")
            print(f"export SOURCES__OMNIUM__WRITER__CLIENT_SECRET={sandbox.writer_client_secret}")
            print("omnium-elt write lead-times")
        sys.stdout.flush()
        stop.wait()
    finally:
        sandbox.stop()
    return EXIT_OK


def dashboard_command(options: argparse.Namespace) -> int:
    """`dashboard`."""
    from omnium_elt.infra.configuration import home_of
    from omnium_elt.inspect.dashboard import serve

    def announce(address: str) -> None:
        if options.json:
            print_json({"url": address})
        else:
            print(f"{address}\nCtrl-C ends it.", flush=True)

    serve(home_of(options.home), options.port, announce)
    return EXIT_OK


def export_command(options: argparse.Namespace) -> int:
    """`export`."""
    from omnium_elt.infra.configuration import home_of
    from omnium_elt.steps.export import Selection, export_lines
    from omnium_elt.steps.supplier_orders import export_orders

    home, chosen = home_of(options.home), Selection(options.supplier, options.warehouse, options.deferred)
    if options.for_supplier:
        written = export_orders(home, options.format, options.output, chosen)
    else:
        written = export_lines(
            home,
            options.format,
            options.output,
            chosen,
            delimiter=options.delimiter,
            decimal_sign=options.decimal_sign,
        )
    if options.json:
        print_json(
            {
                "file": str(written.file),
                "files": written.files,
                "lines": written.lines,
                "value": {currency or "": str(value) for currency, value in written.value.items()},
            }
        )
        return EXIT_OK
    orders = f"{written.files:,} orders, " if options.for_supplier else ""
    worth = "".join(f", {value:,.2f} {currency or ''}".rstrip() for currency, value in written.value.items())
    _stdout().print(
        f"{_shown_path(written.file)}: {orders}{written.lines:,} lines{worth}",
        highlight=False,
        soft_wrap=True,
    )
    return EXIT_OK


def write_command(options: argparse.Namespace) -> int:
    """`write`."""
    from omnium_elt.infra.configuration import home_of, read_settings
    from omnium_elt.steps.run import perform
    from omnium_elt.write.credentials import writer

    step = chosen_step(options)
    settings = read_settings(home_of(options.home), {"verbose": options.verbose}, needs_tenant=True)
    settings = replace(settings, **writer())
    with showing_progress() as progress:
        report = perform(settings, progress, "write", (step,))
    return _finish(report, options, show_changes)


def completion_command(options: argparse.Namespace) -> int:
    """`completion`."""
    from omnium_elt.cli.completion import script

    print(script(options.shell, build_parser()), end="")
    return EXIT_OK


def _setting_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options that are fields of Settings; a command has those that mean something to it."""
    names = (
        "resources",
        "exclude",
        "since",
        "full_refresh",
        "as_of",
        "destination",
        "verbose",
        "reconcile_every_days",
    )
    return {name: getattr(options, name) for name in names if hasattr(options, name)}


def _finish(
    report: RunReport, options: argparse.Namespace, show: Callable[["Console", RunReport], None]
) -> int:
    if options.json:
        print_json(report.as_dict())
    else:
        show(_stdout(), report)
    if report.error:
        _stderr().print(f"[red]error:[/red] {_escaped(report.error)}", highlight=False, soft_wrap=True)
    if report.exit_status not in (EXIT_OK, EXIT_USAGE) and report.exit_status != EXIT_INCOMPLETE:
        from omnium_elt.infra.configuration import home_of

        log_file = home_of(options.home).logs / f"{report.run_id}-{report.command}.jsonl"
        if log_file.exists():
            _stderr().print(f"[dim]log: {_escaped(str(log_file))}[/dim]", highlight=False, soft_wrap=True)
    return report.exit_status


# Rendering ------------------------------------------------------------------------------------------


def print_json(value: Any) -> None:
    """Print one JSON object on stdout."""
    # What is no text yet becomes one first, and then has to be printable too.
    value = all_printable(json.loads(json.dumps(value, default=str)))
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
    sys.stdout.flush()


def show_report(console: "Console", report: RunReport) -> None:
    """The summary at the end of a run: what changed, how long it took, what it cost, what needs attention."""
    told = [resource for resource in report.resources if resource.status not in ("unchanged", "skipped")]
    if told:
        table = _table("resource", "status", "rows>", "requests>", "retries>", "seconds>", "note")
        for resource in told:
            table.add_row(
                resource.name,
                _coloured(resource.status),
                _number(resource.rows),
                _number(resource.requests),
                _number(resource.retries),
                f"{resource.seconds:.1f}",
                _escaped((resource.error or "").partition("\n")[0]),
            )
        console.print(table)
    unchanged = [resource.name for resource in report.resources if resource.status == "unchanged"]
    if unchanged:
        console.print(f"unchanged: {', '.join(unchanged)}", highlight=False)
    for step in report.steps:
        facts = ", ".join(
            f"{key.replace('_', ' ')} {value:,}"
            if isinstance(value, int)
            else f"{key.replace('_', ' ')} {_escaped(str(value))}"
            for key, value in step.details.items()
            if not isinstance(value, list)
        )
        console.print(
            f"{step.name}: {_coloured(step.status)}{f' in {step.seconds:.1f} s' if step.seconds else ''}"
            f"{f' ({facts})' if facts else ''}",
            highlight=False,
        )
    for note in dict.fromkeys(report.notes):
        console.print(f"[yellow]look at:[/yellow] {_escaped(note)}", highlight=False, soft_wrap=True)
    seconds = (report.finished_at - report.started_at).total_seconds() if report.finished_at else 0.0
    console.print(
        f"[bold]{report.command} {_coloured(report.status or 'failed')}[/bold]: {report.rows:,} rows, "
        f"{report.requests:,} requests, {_duration(seconds)}",
        highlight=False,
    )


def show_findings(console: "Console", found: "Findings") -> None:
    """Lead times and purchase proposal."""
    console.print(f"\n[bold]Supplier lead times[/bold] in days, as of {found.as_of}", highlight=False)
    table = _table("supplier", "configured>", "mean>", "p50>", "p90>", "lines>", "arrivals by day")
    for supplier in found.lead_times:
        table.add_row(
            _escaped(supplier.supplier),
            _number(supplier.configured_days),
            "–" if supplier.mean_days is None else f"{supplier.mean_days:.1f}",
            _number(supplier.p50_days),
            _number(supplier.p90_days),
            _number(supplier.lines),
            supplier.bar,
        )
    console.print(table)
    console.print("\n[bold]Purchase proposal[/bold]", highlight=False)
    now = [proposal for proposal in found.proposals if proposal.action not in ("defer", "none")]
    if not now:
        console.print("Nothing needs to be ordered today.")
    for proposal in now[:SHOWN_PROPOSALS]:
        console.print(
            f"[bold]{_escaped(proposal.supplier)}[/bold] to {_escaped(proposal.warehouse)}: "
            f"{ACTIONS.get(proposal.action, proposal.action)}{_by(proposal.order_by)}, "
            f"{_counted(proposal.lines, 'line')}, {proposal.units:,.0f} units, "
            f"{proposal.value:,.2f} {proposal.currency}",
            highlight=False,
        )
        console.print(f"  {_escaped(proposal.why)}", highlight=False, soft_wrap=True, style="dim")
    if len(now) > SHOWN_PROPOSALS:
        console.print(f"… and {len(now) - SHOWN_PROPOSALS} more in marts.purchase_proposal.")
    waiting = [proposal for proposal in found.proposals if proposal.action == "defer"]
    if waiting:
        # Where nothing sells, nobody knows when the minimum is reached.
        known = [(one.defer_days, one.supplier) for one in waiting if one.defer_days is not None]
        text = f"{_counted(len(waiting), 'order')} can wait until the supplier's minimum is reached"
        if known:
            days, first = min(known)
            text += f", the first of them ({_escaped(first)}) for {_counted(days, 'day')}"
        console.print(f"{text}.", highlight=False)
    if found.examples:
        console.print("\n[bold]Worth a look[/bold]", highlight=False)
    for example in found.examples:
        console.print(
            f"[bold]{example.what.capitalize()}[/bold]: {_escaped(example.product)} in "
            f"{_escaped(example.warehouse)}",
            highlight=False,
        )
        console.print(f"  {_escaped(example.sentence)}", highlight=False, soft_wrap=True, style="dim")


def _by(day: date | None) -> str:
    return f" by {day}" if day else ""


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _table(*headings: str) -> "Table":
    """A table that fits the terminal; a heading that ends with `>` is aligned to the right.

    The first column's names stay whole, so that they can be copied.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        is_number = heading.endswith(">")
        table.add_column(
            heading.rstrip(">"),
            justify="right" if is_number else "left",
            no_wrap=is_number or heading == headings[0],
            overflow="fold",
        )
    return table


def _narrowed(table: "Table", console: "Console", *dispensable: str) -> "Table":
    """The table without these columns where the terminal is too narrow for all of them."""
    if console.width < 80:
        table.columns = [column for column in table.columns if column.header not in dispensable]
    return table


def _stdout() -> "Console":
    return _console(width=None if sys.stdout.isatty() else 200)


def _stderr() -> "Console":
    return _console(stderr=True)


def _console(**options: Any) -> "Console":
    """A console through which nobody else's escape sequences pass: every text and every cell is rendered here."""
    from rich.console import Console
    from rich.text import Text

    class Printable(Console):
        def render_str(self, text: str, **named: Any) -> Text:
            return super().render_str(printable(text), **named)

    return Printable(**options)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _coloured(status: str) -> str:
    colours = {
        "ok": "green",
        "failed": "red",
        "forbidden": "red",
        "incomplete": "yellow",
        "interrupted": "yellow",
    }
    colour = colours.get(status)
    return f"[{colour}]{status}[/{colour}]" if colour else status


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _moment(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "–"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or size == 60:
            return f"{seconds / size:.0f} {unit}"
    return ""


def _seconds_between(start: str, end: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _shown_path(path: Any) -> str:
    """A path as short as it can be from here."""
    shown = os.path.relpath(path)
    return _escaped(str(path) if shown.startswith("..") else shown)


@contextlib.contextmanager
def showing_progress() -> Iterator[Progress]:
    """Bars with counts and time left where stderr is a terminal, plain lines elsewhere."""
    console = _stderr()
    if not console.is_terminal:
        yield PlainLines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    with RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=console,
        transient=True,
    ) as bars:
        yield Bars(bars)


class Bars:
    """Progress as bars."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def start(self, resource: str, total: int | None) -> None:
        """Add a bar, or learn the total of one."""
        if resource in self._tasks:
            self._bars.update(self._tasks[resource], total=total)
        else:
            self._tasks[resource] = self._bars.add_task(resource, total=total)

    def advance(self, resource: str, rows: int) -> None:
        """Move a bar."""
        if resource not in self._tasks:
            self.start(resource, None)
        self._bars.advance(self._tasks[resource], rows)

    def finish(self, resource: str, status: str) -> None:
        """Take the bar away: the summary at the end says what came out."""
        if resource in self._tasks:
            self._bars.remove_task(self._tasks.pop(resource))

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(_escaped(text), highlight=False)


class PlainLines:
    """Progress as lines for log files: one at the end of each resource, and every half minute between."""

    EVERY_SECONDS = 30.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, int] = {}
        self._totals: dict[str, int | None] = {}
        self._told: dict[str, float] = {}
        self._started: dict[str, float] = {}

    def start(self, resource: str, total: int | None) -> None:
        """Take the time."""
        with self._lock:
            now = time.monotonic()
            self._totals[resource] = total
            self._rows.setdefault(resource, 0)
            self._told.setdefault(resource, now)
            self._started.setdefault(resource, now)

    def advance(self, resource: str, rows: int) -> None:
        """Count, and say so now and then."""
        with self._lock:
            now = time.monotonic()
            self._started.setdefault(resource, now)
            self._rows[resource] = self._rows.get(resource, 0) + rows
            if now - self._told.setdefault(resource, now) >= self.EVERY_SECONDS:
                self._told[resource] = now
                total = self._totals.get(resource)
                self._say(f"{resource}: {self._rows[resource]:,}{f' of {total:,}' if total else ''}")

    def finish(self, resource: str, status: str) -> None:
        """Say what it came to; the end of an end says nothing."""
        with self._lock:
            if (resource in self._started and status != "skipped") or status in ("failed", "forbidden"):
                now = time.monotonic()
                seconds = now - self._started.pop(resource, now)
                rows = self._rows.pop(resource, 0)
                self._told.pop(resource, None)
                self._say(f"{resource}: {status}{f', {rows:,}' if rows else ''} ({seconds:.1f} s)")

    def note(self, text: str) -> None:
        """Say a line."""
        self._say(text)

    def _say(self, text: str) -> None:
        print(printable(text), file=sys.stderr, flush=True)
