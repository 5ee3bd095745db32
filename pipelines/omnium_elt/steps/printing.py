"""Prints an HTML page as PDF, with an installed Chromium, Chrome or Edge."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from omnium_elt.infra.errors import OmniumEltError, UsageError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
PATIENCE = 120
"""Seconds after which printing a page is given up."""


def print_pdf(page: str, path: Path) -> None:
    """Print a page that needs no other files to `path`.

    Raises UsageError if no browser is installed, OmniumEltError if it prints nothing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UsageError(
            "PDF needs Chromium, Chrome or Edge, and none is installed",
            "Install one, or write --format html and print it.",
        )
    with tempfile.TemporaryDirectory() as folder:
        source, printed = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            # Needed to run as root, as in a container; the page is our own and has no script.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={printed}",
            source.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            done = None
        if not printed.exists() or not printed.read_bytes().startswith(b"%PDF"):
            said = (
                done.stderr.decode(errors="replace").strip().splitlines()[-1:]
                if done
                else ["it took too long"]
            )
            raise OmniumEltError(
                f"{browser} printed nothing: {''.join(said)}", "Write --format html and print it."
            )
        shutil.copyfile(printed, path)
