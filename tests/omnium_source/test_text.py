"""Texts without secrets, however they are spelt."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from omnium_source.http.answers import MAX_MESSAGE, message_in
from omnium_source.text import masked

SECRET = "Zq9/+s3cr3t=%&'<\"ø x😀\\z"
TWICE = json.dumps(json.dumps(f"-{SECRET}-"))


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        quote(quote(SECRET, safe=""), safe=""),
        html.escape(SECRET),
        html.escape(SECRET, quote=False).replace("'", "&#39;"),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        TWICE[TWICE.index("-") + 1 : TWICE.rindex("-")],
        SECRET.replace("+", "\\u002B").replace("&", "\\u0026"),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_however_it_is_spelt(spelt: str) -> None:
    assert masked(f"?clientSecret={spelt}&x=1", [SECRET]) == "?clientSecret=********&x=1"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert masked("a-secret-token and a-secret", ["a-secret", "a-secret-token"]) == "******** and ********"


@pytest.mark.parametrize("length", range(MAX_MESSAGE - len(SECRET) - 1, MAX_MESSAGE + 1))
def test_no_half_of_a_secret_is_left_where_a_message_is_cut(length: int) -> None:
    said = message_in(f"{'.' * length}{SECRET} and more".encode(), [SECRET])
    assert said.startswith("." * length)
    assert SECRET[0] not in said
