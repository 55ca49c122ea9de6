from __future__ import annotations

from pathlib import Path

from vm import lock, sweep

KEPT = ("objects.sqlite", "kubeconfig", "log", "pki", "lock")
STALE = (".inventory.json.x7.tmp", "inventory.json")


def crashed(folder: Path) -> Path:
    for name in (*KEPT, *STALE):
        (folder / name).write_text("")
    return folder


def test_what_a_crash_left_is_named_and_removed_and_nothing_else(tmp_path: Path) -> None:
    home = crashed(tmp_path)
    assert [path.name for path in sweep.leftovers(home)] == list(STALE)
    assert [path.name for path in sweep.sweep(home)] == list(STALE)
    assert sorted(path.name for path in home.iterdir()) == sorted(KEPT)
    assert sweep.sweep(home) == []


def test_a_running_lab_has_left_nothing(tmp_path: Path) -> None:
    taken = lock.take(crashed(tmp_path))
    assert sweep.leftovers(tmp_path) == []
    taken.close()


def test_where_there_is_no_folder_there_is_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep.sweep(tmp_path / "nowhere") == []
