"""completion: print a completion script for a shell, and answer that script's questions."""

import click
from click.shell_completion import get_completion_class, shell_complete

from omnium_elt.cli.parser import NAME, command
from omnium_elt.infra.run_report import EXIT_OK

VARIABLE = "_OMNIUM_ELT_COMPLETE"
"""Environment variable in which the completion script says what it asks for."""


@command(
    "completion",
    "print a completion script for bash, zsh or fish",
    ['eval "$(omnium-elt completion bash)"', "omnium-elt completion fish | source"],
    click.argument("shell", type=click.Choice(("bash", "zsh", "fish"))),
    checks_configuration=False,
)
def completion_command(shell: str, **_: object) -> int:
    """Print the script."""
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(click.Group(), {}, NAME, VARIABLE).source())
    return EXIT_OK


def answer(commands: click.Group, instruction: str) -> int:
    """Answer the completion script: `instruction` is e.g. `bash_complete`, the typed words are in the environment."""
    return shell_complete(commands, {}, NAME, VARIABLE, instruction)
