"""The folders of the dbt project and the notebooks: in the installed package, or at the top of a checkout."""

import tomllib
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def _folder(name: str) -> Path:
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parents[1] / name


TRANSFORMS = _folder("transforms")
"""Folder of `dbt_project.yml`. It may be read-only, so nothing may be written into it."""
NOTEBOOKS = _folder("notebooks")
"""Folder of the notebooks that `omnium-elt dashboard` serves; they read the published warehouse by SQL."""


def version() -> str:
    """The version of this program, whether it is installed or runs from a checkout."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("omnium-elt")
    except PackageNotFoundError:
        project = (_PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(project)["project"]["version"])
