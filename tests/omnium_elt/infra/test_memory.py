"""Memory limits, as control groups of both versions write them down."""

import gc
from pathlib import Path

import pytest
from omnium_elt.infra import memory
from omnium_elt.infra.memory import for_models, limit, tuned_for_models

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("own", "files", "mib"),
    [
        ("0::/\n", {"memory.max": f"{700 * MIB}\n"}, 700),
        (
            "0::/system.slice/omnium.service\n",
            {"system.slice/omnium.service/memory.max": f"{300 * MIB}"},
            300,
        ),
        ("0::/a/b\n", {"a/memory.max": f"{200 * MIB}", "a/b/memory.max": "max"}, 200),
        ("0::/host/path\n", {"memory.max": f"{150 * MIB}"}, 150),
        ("4:memory:/docker/x\n3:cpu:/y\n", {"memory/docker/x/memory.limit_in_bytes": f"{123 * MIB}"}, 123),
        ("4:cpu,memory:/z\n", {"memory/memory.limit_in_bytes": f"{99 * MIB}"}, 99),
    ],
)
def test_the_least_of_all_limits_counts(own: str, files: dict[str, str], mib: int, tmp_path: Path) -> None:
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "own").write_text(own)
    assert limit(tmp_path / "cgroup", tmp_path / "own") == mib * MIB


@pytest.mark.parametrize("text", ["max\n", "9223372036854771712\n", "", "much"])
def test_without_a_limit_it_is_the_machines_memory(text: str, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(text)
    (tmp_path / "own").write_text("0::/\n")
    assert 256 * MIB < limit(tmp_path, tmp_path / "own") < 2**50
    assert limit(tmp_path / "nowhere", tmp_path / "nothing") == limit(tmp_path, tmp_path / "own")


@pytest.mark.parametrize(
    ("mib", "models"),
    [
        (500, 256),
        (1_024, 291),
        (2_048, 1213),
        (4_096, 3056),
        (8_192, 3072),
        (24_576, 3072),
        (65_536, 8192),
        (1_048_576, 16384),
    ],
)
def test_models_get_a_share_of_what_there_is(mib: int, models: int) -> None:
    assert for_models(mib * MIB) // MIB == models


@pytest.mark.parametrize(("tight", "is_tight"), [(0, False), (2**60, True)])
def test_memory_is_short_below_a_limit_and_not_where_the_system_does_not_say(
    tight: int, is_tight: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "TIGHT", tight)
    assert memory.is_tight() is is_tight

    def unknown() -> int:
        raise OSError("SC_PHYS_PAGES")

    monkeypatch.setattr(memory, "limit", unknown)
    assert memory.is_tight() is False
    with tuned_for_models():
        assert gc.isenabled()


@pytest.mark.parametrize(("plenty", "is_looked_for"), [(0, False), (2**60, True)])
def test_garbage_of_a_build_lies_where_memory_is_plenty(
    plenty: int, is_looked_for: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PLENTY", plenty)
    frozen = gc.get_freeze_count()
    with tuned_for_models():
        assert gc.isenabled() is is_looked_for
        made = [[number] for number in range(10_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen == 0
    # What was made meanwhile counts as old, so that it is not collected at once.
    assert is_looked_for or any(one is made for one in gc.get_objects(generation=2))
