"""Shell completion, made from the parser itself: no package, no hook, one script to source."""

import argparse


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The completion script of `omnium-elt` for bash, zsh or fish."""
    commands = _commands(parser)
    if shell == "fish":
        return _fish(commands)
    bash = _bash(commands)
    return f"autoload -U +X bashcompinit && bashcompinit\n{bash}" if shell == "zsh" else bash


def _commands(parser: argparse.ArgumentParser) -> dict[str, tuple[str, list[str]]]:
    """Command → its summary and its options."""
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    summaries = {choice.dest: choice.help or "" for choice in subparsers._choices_actions}
    return {
        name: (summaries[name], [text for action in made._actions for text in action.option_strings])
        for name, made in subparsers.choices.items()
    }


def _bash(commands: dict[str, tuple[str, list[str]]]) -> str:
    cases = "\n".join(
        f'    {name}) words="{" ".join(options)}" ;;' for name, (_, options) in commands.items()
    )
    return f"""\
_omnium_elt() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words
  case "${{COMP_WORDS[1]}}" in
{cases}
    *) words="{" ".join(commands)} --help --version" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="{" ".join(commands)} --help --version"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _omnium_elt omnium-elt
"""


def _fish(commands: dict[str, tuple[str, list[str]]]) -> str:
    lines = ["complete -c omnium-elt -f"]
    for name, (summary, options) in commands.items():
        lines.append(f"complete -c omnium-elt -n __fish_use_subcommand -a {name} -d '{summary}'")
        for option in options:
            if option.startswith("--"):
                seen = f"__fish_seen_subcommand_from {name}"
                lines.append(f"complete -c omnium-elt -n '{seen}' -l {option.removeprefix('--')}")
    return "\n".join(lines) + "\n"
