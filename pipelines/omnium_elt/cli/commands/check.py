"""check: is the configuration right?"""

from dataclasses import asdict
from typing import Any

from omnium_elt.cli.parser import DESTINATION, RESOURCES, command
from omnium_elt.cli.rendering import escaped, print_json, say, stdout
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import EXIT_OK


@command(
    "check",
    "test configuration, credentials, roles, clock, limits and disk; changes nothing",
    ["omnium-elt check", "omnium-elt check --resources orders,products"],
    *RESOURCES,
    DESTINATION,
    checks_configuration=False,  # a wrong configuration is one of its findings
)
def check_command(home: Home, as_json: bool, **settings: Any) -> int:
    """Run all checks and show the findings."""
    from omnium_elt.inspect.check import check, exit_status

    findings = check(home, settings)
    worst = exit_status(findings)
    if as_json:
        status = "ok" if worst == EXIT_OK else "failed"
        print_json({"status": status, "checks": [asdict(finding) for finding in findings]})
        return worst
    console = stdout()
    marks = {"ok": "[green]ok  [/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]FAIL[/red]"}
    for finding in findings:
        say(console, f"{marks[finding.level]}  {finding.name}: {escaped(finding.message)}")
        if finding.remedy:
            say(console, f"      → {escaped(finding.remedy)}")
    return worst
