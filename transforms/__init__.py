"""The dbt project, shipped as package data: it runs read-only from wherever it is installed."""

from pathlib import Path

PROJECT = Path(__file__).parent
"""Folder of `dbt_project.yml`; nothing may be written into it."""
