"""Where a lab keeps its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.config import Home, home, workspace
from labs.errors import HomeUnusable, LabError


def test_lab_home_is_the_state_folder_and_holds_the_workspace(tmp_path: Path) -> None:
    environ = {"LAB_HOME": str(tmp_path)}
    assert home(environ).path == tmp_path
    assert workspace(environ) == tmp_path / "workspace"


def test_a_relative_lab_home_does_not_follow_a_later_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home({"LAB_HOME": "here/../there"}).path == tmp_path / "there"


def test_without_lab_home_state_and_workspace_are_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert home({}).path == tmp_path / ".local/state/kube-proxy-lab"
    assert workspace({}) == tmp_path / "kube-proxy-lab"


def test_a_chosen_workspace_wins(tmp_path: Path) -> None:
    assert workspace({"LAB_WORKSPACE": str(tmp_path / "w"), "LAB_HOME": "/elsewhere"}) == tmp_path / "w"


def test_every_path_of_a_home_lies_in_it_and_no_two_are_the_same(tmp_path: Path) -> None:
    made = Home(tmp_path)
    names = [name for name, value in vars(Home).items() if isinstance(value, property)]
    paths = [getattr(made, name) for name in names]
    assert len(set(paths)) == len(names) >= 7
    assert all(path.parent == tmp_path for path in paths)


def test_only_the_owner_can_look_into_a_home(tmp_path: Path) -> None:
    made = Home(tmp_path / "a" / "b").make()
    assert made.path.stat().st_mode & 0o777 == 0o700
    assert made.make() == made


def test_a_home_that_is_a_file_is_named_with_the_cure(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(HomeUnusable, match=rf"{blocked}.*(exists|directory)") as caught:
        Home(blocked).make()
    assert isinstance(caught.value, LabError)
    assert "LAB_HOME" in caught.value.cure


def test_a_home_where_nobody_may_write_is_named_with_the_cure() -> None:
    with pytest.raises(HomeUnusable, match="/proc/lab cannot be used"):
        Home(Path("/proc/lab")).make()
