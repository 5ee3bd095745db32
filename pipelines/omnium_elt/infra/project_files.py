"""The folders of the dbt project and the notebooks: in the installed package, or at the top of a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def _folder(name: str) -> Path:
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parents[1] / name


TRANSFORMS = _folder("transforms")
"""Folder of `dbt_project.yml`. It may be read-only, so nothing may be written into it."""
NOTEBOOKS = _folder("notebooks")
"""Folder of the notebooks that `omnium-elt dashboard` serves; they read the published warehouse by SQL."""
