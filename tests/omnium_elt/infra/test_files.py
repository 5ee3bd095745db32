"""Files for others."""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Any

import pytest
from omnium_elt.infra.files import copy_file, partial_of, replacing


def test_a_copy_is_equal_and_its_own(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"blocks" * 10_000)
    target.write_bytes(b"something longer than before" * 10_000)
    copy_file(source, target)
    assert target.read_bytes() == b"blocks" * 10_000
    source.write_bytes(b"other")
    assert target.read_bytes() == b"blocks" * 10_000


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL])
def test_without_shared_blocks_it_is_copied_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refused(*_: Any) -> int:
        raise OSError(error, "refused")

    monkeypatch.setattr(fcntl, "ioctl", refused)
    (tmp_path / "source").write_bytes(b"rows")
    copy_file(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"rows"


def test_shared_blocks_are_asked_for_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(fcntl, "ioctl", lambda target, request, source: asked.append(request))
    (tmp_path / "source").write_bytes(b"rows")
    copy_file(tmp_path / "source", tmp_path / "target")
    assert asked == [0x40049409]
    assert (tmp_path / "target").read_bytes() == b"", "nothing was written beside"


def test_files_of_killed_exports_do_not_pile_up(tmp_path: Path) -> None:
    """Each killed export has left a file of another name; a younger one may be of a process that still writes."""
    names = (
        ".proposal.xlsx.4711.partial",
        ".order.pdf.4712.partial",
        ".proposal.xlsx.4713.partial",
        ".film.partial",
        "notes.1.partial",
    )
    for name in names:
        (tmp_path / name).write_bytes(b"half")
        if "4713" not in name:
            os.utime(tmp_path / name, (0, time.time() - 90_000))
    with replacing(tmp_path / "proposal.xlsx") as partial:
        assert partial == partial_of(tmp_path / "proposal.xlsx")
        partial.write_bytes(b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {
        "proposal.xlsx",
        ".proposal.xlsx.4713.partial",
        ".film.partial",
        "notes.1.partial",
    }
