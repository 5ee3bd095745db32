"""What all commands share: their help, common options, and parameter types."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any

import click
from click.shell_completion import CompletionItem

from omnium_elt.infra.configuration import check_configuration, home_of, read_date
from omnium_elt.infra.home import Home

NAME = "omnium-elt"
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
  OMNIUM_PUBLISH_TO                   instead of --publish-to

{EXIT_STATUS_HELP}"""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Option = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass
class Invocation:
    """What an error report needs to know about the current call of the program."""

    command: str = ""
    as_json: bool = False
    verbose: bool = False


# Commands -------------------------------------------------------------------------------------------


class Command(click.Command):
    """A command with examples in its help. It checks the configuration first, if `checks_configuration` says so."""

    def __init__(self, *, examples: Sequence[str], checks_configuration: bool, **options: Any) -> None:
        super().__init__(**options, context_settings=CONTEXT)
        self.examples = examples
        self.checks_configuration = checks_configuration

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the exit statuses without rewrapping them."""
        lines = "\n".join(f"  {example}" for example in self.examples)
        formatter.write(f"\nexamples:\n{lines}\n\n{EXIT_STATUS_HELP}")

    def invoke(self, context: click.Context) -> Any:
        """Record the command for error reports, check the configuration, and call the command."""
        invocation = context.ensure_object(Invocation)
        invocation.command, invocation.verbose = str(self.name), bool(context.params.get("verbose"))
        if self.checks_configuration:
            check_configuration()
        return super().invoke(context)


class Commands(click.Group):
    """All commands. The error about an unknown name suggests the nearest known one."""

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names."""
        name = arguments[0]
        if name not in self.commands and not context.resilient_parsing and not name.startswith("-"):
            near = get_close_matches(name, self.commands, n=1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"unknown command {name!r}{hint}", context)
        return super().resolve_command(context, arguments)

    def list_commands(self, context: click.Context) -> list[str]:
        """All names in the order in which they were added, which is the order of use; click would sort them."""
        return list(self.commands)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first steps without rewrapping them."""
        formatter.write(f"\n{EPILOG}")


def command(
    name: str, summary: str, examples: Sequence[str], *options: Option, checks_configuration: bool = True
) -> Callable[[Callable[..., int]], Command]:
    """Turn a function that returns an exit status into a command; its help lists `options` in the order given."""

    def made(function: Callable[..., int]) -> Command:
        for option in reversed((*options, *COMMON)):
            function = option(function)
        return click.command(
            name,
            cls=Command,
            help=f"{summary[0].upper()}{summary[1:]}.",
            short_help=summary,
            examples=examples,
            checks_configuration=checks_configuration,
        )(function)

    return made


# Values ---------------------------------------------------------------------------------------------


class Day(click.ParamType):  # type: ignore[type-arg]
    """A date such as 2026-01-31."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> date:
        """Parse `value`; an invalid date is a usage error."""
        try:
            return value if isinstance(value, date) else read_date(value)
        except ValueError as error:
            self.fail(str(error), param, context)


class Names(click.ParamType):  # type: ignore[type-arg]
    """Comma-separated names of resources."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, ...]:
        """Split `value` at its commas; empty names are dropped."""
        if isinstance(value, tuple):
            return value
        return tuple(name for name in (part.strip() for part in value.split(",")) if name)

    def shell_complete(
        self, context: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the last name in `incomplete` to the resources that begin with it."""
        from omnium_source.resources import RESOURCES

        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{name}") for name in RESOURCES if name.startswith(last)]


def _home(context: click.Context, param: click.Parameter, value: str | None) -> Home:
    return home_of(value)


# Options --------------------------------------------------------------------------------------------

COMMON = (
    click.option(
        "--home",
        metavar="DIR",
        callback=_home,
        type=click.Path(),
        help="Folder for the warehouse, exports and state (default: OMNIUM_HOME, else omnium-data).",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, all else on stderr."),
    click.option("-v", "--verbose", is_flag=True, help="Show the log as well."),
)
RESOURCES = (
    click.option("--resources", type=Names(), metavar="A,B,…", help="Only these resources."),
    click.option("--exclude", type=Names(), default=(), metavar="A,B", help="All but these."),
)
SINCE = click.option(
    "--since",
    type=Day(),
    metavar="DATE",
    help="In a first load, skip history older than DATE; master data is read completely.",
)
TENANT = (
    *RESOURCES,
    SINCE,
    click.option("--full-refresh", is_flag=True, help="Read everything again, as if for the first time."),
)
BUILD_ALL = click.option(
    "--full-refresh", is_flag=True, help="Build everything again, even where nothing changed."
)
DESTINATION = click.option(
    "--destination",
    default="duckdb",
    metavar="NAME",
    help="duckdb (default), parquet, delta, postgres, or another one that dlt knows.",
)
PUBLISH_TO = click.option(
    "--publish-to",
    default="",
    envvar="OMNIUM_PUBLISH_TO",
    metavar="URL",
    help="Publish to a bucket as well: s3://, az:// or gs:// (default: OMNIUM_PUBLISH_TO).",
)
ENGINE = click.option(
    "--engine",
    type=click.Choice(("duckdb", "spark")),
    default="duckdb",
    help="What builds the models (default: duckdb); spark reads the Parquet lake.",
)
AS_OF = click.option(
    "--as-of", type=Day(), metavar="DATE", help="Answer as of DATE (default: the day of the newest load)."
)
# The fields of `decide.lines.Selection`.
PROPOSAL = (
    click.option(
        "--supplier",
        "suppliers",
        multiple=True,
        metavar="ID|NAME",
        help="Only orders to this supplier; may be repeated.",
    ),
    click.option(
        "--warehouse",
        "warehouses",
        multiple=True,
        metavar="CODE|NAME",
        help="Only orders for this warehouse; may be repeated.",
    ),
    click.option("--deferred", is_flag=True, help="Also orders that can wait."),
    click.option(
        "--all", "everything", is_flag=True, help="Also lines that are not ticked, even if others are."
    ),
    click.option("--as-proposed", is_flag=True, help="Ignore the decisions made in the dashboard."),
)


def tenant_size(default: str) -> tuple[Option, Option]:
    """The options for the size and the seed of a sandbox tenant."""
    return (
        click.option(
            "--size",
            type=click.Choice(("small", "medium", "large")),
            default=default,
            help=f"How much data the tenant holds (default: {default}).",
        ),
        click.option("--seed", type=int, default=1, metavar="N", help="Same seed, same data (default: 1)."),
    )


def port(default: int, help_text: str) -> Option:
    """The option for the port to listen on."""
    return click.option(
        "--port", type=click.IntRange(0, 65_535), default=default, metavar="PORT", help=help_text
    )
