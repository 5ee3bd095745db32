"""The manifest of what is published: which version readers see."""

from typing import Any

from omnium_elt.infra.files import read_object
from omnium_elt.infra.home import Home


def read_manifest(home: Home) -> dict[str, Any]:
    """The manifest of what is published; empty before the first time, and where it is damaged."""
    manifest = read_object(home.manifest)
    marts = manifest.get("marts")
    is_whole = (
        all(isinstance(manifest.get(name), str) for name in ("published_at", "run_id"))
        and isinstance(manifest.get("as_of"), str | None)
        and isinstance(marts, dict)
        and all(isinstance(mart, dict) and isinstance(mart.get("file"), str) for mart in marts.values())
    )
    return manifest if is_whole else {}
