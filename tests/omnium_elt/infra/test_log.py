"""What looks like a secret of a destination, or is known to be one, stands in no text."""

import pytest
from omnium_elt.infra.errors import explain
from omnium_elt.infra.log import hide, without_secrets


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "GET https://a.example/c/x?sv=1&sig=q7%2FZ%3D&se=2",
            "GET https://a.example/c/x?sv=1&sig=********&se=2",
        ),
        ("AccountName=shop;AccountKey=QUJD==;X=1", "AccountName=shop;AccountKey=********;X=1"),
        ("{'aws_secret_access_key': 'q7Zk0v'}", "{'aws_secret_access_key': '********'}"),
        ("account_key: QUJDRA==, sas_token: q7Zk0v", "account_key: ********, sas_token: ********"),
        ("a -----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY----- b", "a ******** b"),
        ('"private_key": "-----BEGIN PRIVATE KEY-----\\nQUJD\\n', '"private_key": "********'),
        ("postgresql://omnium:q7Zk0v@db/omnium", "postgresql://omnium:********@db/omnium"),
        (
            "https://b/k?X-Amz-Signature=00ff&X-Amz-Date=1",
            "https://b/k?X-Amz-Signature=********&X-Amz-Date=1",
        ),
        ("password authentication failed for user omnium", "password authentication failed for user omnium"),
        ("abfss://container@shop.dfs.core.windows.net/x", "abfss://container@shop.dfs.core.windows.net/x"),
    ],
)
def test_what_looks_like_a_secret(text: str, told: str) -> None:
    assert without_secrets(text) == told


def test_what_is_known_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "wJalr/XUtnFEMI+K7")
    hide({"client_secret": "v8Q~kPz01+", "account_name": "shopofours"})
    told = str(explain(RuntimeError("wJalr/XUtnFEMI+K7, wJalr%2FXUtnFEMI%2BK7, v8Q~kPz01+ of shopofours")))
    assert told == "RuntimeError: ********, ********, ******** of shopofours"
