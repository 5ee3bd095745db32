"""What a tenant wrote is plain text in the notebooks, and leaves them only by `omnium-elt export`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from omnium_elt.infra.project_files import NOTEBOOKS

PAGES = sorted(NOTEBOOKS.glob("*.py"))
NUMBERS_ONLY = {"_advice", "len(drift)"}
"""What may stand in Markdown besides our own words: sentences of figures, a count."""


def calls(page: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(page.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
            yield node


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_markdown_holds_no_text_of_a_tenant(page: Path) -> None:
    for call in calls(page, "mo.md"):
        (text,) = call.args
        parts = text.values if isinstance(text, ast.JoinedStr) else [text]
        values = [part.value if isinstance(part, ast.FormattedValue) else part for part in parts]
        told = {ast.unparse(value) for value in values if not isinstance(value, ast.Constant)}
        assert told <= NUMBERS_ONLY, f"line {call.lineno}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_offer_no_file_that_a_spreadsheet_would_run(page: Path) -> None:
    for call in calls(page, "mo.ui.table"):
        assert {ast.unparse(word) for word in call.keywords} >= {"show_download=False"}, f"line {call.lineno}"


def test_a_sentence_is_shown_as_it_was_written() -> None:
    import marimo  # here, as every worker imports this file, and one runs it

    shown = marimo.as_html("<script>x</script> **b** [a](http://x)").text
    assert shown == "<span>&lt;script&gt;x&lt;/script&gt; **b** [a](http://x)</span>"
