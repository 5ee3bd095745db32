"""Runs axe, which finds what a page withholds from people who hear it, see little, or use no mouse."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import npm
from tests.support.browser import Browser

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
_FIND = f"""(async () => {{
    const found = await axe.run(document, {{runOnly: {_RULES}}});
    return found.violations.filter(one => ['serious', 'critical'].includes(one.impact)).map(
        one => [one.id, one.impact, one.nodes.length, one.nodes[0].html.slice(0, 200), one.nodes[0].failureSummary]);
}})()"""


class Axe:
    """Examines pages that are open in a browser. Skips the test if npm cannot fetch axe."""

    def __init__(self, folder: Path) -> None:
        modules = npm.packages(folder / "npm-axe", "axe-core@4.10.2")
        if modules is None:
            pytest.skip(npm.MISSING)
        self._script = (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def serious(self, tab: Browser) -> list[Any]:
        """The serious and critical findings on the page that is open."""
        tab.command("Runtime.evaluate", expression=self._script)
        return list(tab.ask(_FIND))
