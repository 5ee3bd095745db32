"""The file that keeps the token between runs."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from omnium_source.http.token_store import TokenStore


def test_a_full_disk_leaves_no_half_of_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = TokenStore(tmp_path / "token.json", "a user")
    kept.save("the-first", 864_000)

    def half(value: Any, file: Any) -> None:
        file.write(json.dumps(value)[:80])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(json, "dump", half)
        kept.save("the-second", 864_000)
    assert [path.name for path in tmp_path.iterdir()] == ["token.json"]
    assert TokenStore(tmp_path / "token.json", "a user").load() == "the-first"
