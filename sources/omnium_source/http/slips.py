"""Detect typical mistakes in a base URL and credentials, and describe them without showing the values.

Containers keep the quotation marks of an environment file as part of the value, and text copied from a page may contain
invisible characters.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

QUOTES = ("'", '"')


def begins_oddly(address: str) -> str:
    """Why a text is not a URL, as the end of a sentence; empty if it begins like one."""
    if address.startswith(("https://", "http://")):
        return ""
    if address.startswith(QUOTES):
        return ", as it begins with a quotation mark"
    return ", as it does not begin with https://"


def slips_in(section: str, base_url: str, client_id: str, client_secret: str) -> str:
    """What looks wrong in refused credentials, as the end of a sentence; empty if nothing does."""
    return "".join(f"; {slip}" for slip in _slips(section, base_url, client_id, client_secret))


def _slips(section: str, base_url: str, client_id: str, client_secret: str) -> Iterator[str]:
    for name, value in ((f"{section}__CLIENT_ID", client_id), (f"{section}__CLIENT_SECRET", client_secret)):
        if value.startswith(QUOTES) or value.endswith(QUOTES):
            yield f"{name} begins or ends with a quotation mark, which is sent as a part of it"
        elif not all("!" <= character <= "~" for character in value):
            yield f"{name} contains a blank, or a character outside visible ASCII"
    if client_id == client_secret:
        yield "client id and secret are the same"
    elif len(client_id) > len(client_secret):
        yield "the client id is longer than the secret, so they may be swapped"
    if urlsplit(base_url).path:
        yield "the base URL has a path after its host, and Omnium's has none"
