"""Slips of somebody who types or pastes an address and credentials: told without showing what was typed.

An environment file that a container reads keeps its quotation marks, and a page that a secret is copied from adds
characters that nobody sees.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

QUOTES = ("'", '"')


def begins_oddly(address: str) -> str:
    """Why an address is none, to follow those words; empty where it begins as one."""
    if address.startswith(("https://", "http://")):
        return ""
    if address.startswith(QUOTES):
        return ", as it begins with a quotation mark"
    return ", as it does not begin with https://"


def slips_in(section: str, base_url: str, client_id: str, client_secret: str) -> str:
    """What looks odd in what was refused, to end a sentence with; empty where nothing does."""
    return "".join(f"; {slip}" for slip in _slips(section, base_url, client_id, client_secret))


def _slips(section: str, base_url: str, client_id: str, client_secret: str) -> Iterator[str]:
    for name, value in ((f"{section}__CLIENT_ID", client_id), (f"{section}__CLIENT_SECRET", client_secret)):
        if value.startswith(QUOTES) or value.endswith(QUOTES):
            yield f"{name} has a quotation mark at its end, which is sent as a part of it"
        elif not all("!" <= character <= "~" for character in value):
            yield f"{name} holds a blank, or a character that is none of ASCII's visible ones"
    if client_id == client_secret:
        yield "both are the same"
    if urlsplit(base_url).path:
        yield "the base URL goes on behind its host, as Omnium's does not"
