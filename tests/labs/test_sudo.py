"""A command begun again as root: what goes along, and what is given back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from labs import sudo
from labs.config import Home
from labs.sudo import NoSudo
from vm.lock import Process


class Replaced(Exception):
    """Stands for the end of this process: it has become another program."""


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of the program that this process becomes."""
    words: list[str] = []

    def replace(argv: list[str], _environ: dict[str, str]) -> None:
        words.extend(argv)
        raise Replaced

    monkeypatch.setattr(sudo.command, "replace", replace)
    monkeypatch.setattr(sudo.shutil, "which", lambda name: f"/usr/bin/{name}")
    return words


def test_the_same_command_goes_through_sudo_with_its_folders(replaced: list[str], tmp_path: Path) -> None:
    with pytest.raises(Replaced):
        sudo.again(Home(tmp_path / "h"), tmp_path / "w", "`lab up --root`", ["up", "--root"])
    assert replaced[:2] == ["sudo", "env"]
    assert replaced[-6:] == [sys.executable, "-P", "-m", "labs.cli", "up", "--root"]
    lent = f"LAB_LENT_BY={os.geteuid()}:{os.getegid()}"
    assert {f"LAB_HOME={tmp_path}/h", f"LAB_WORKSPACE={tmp_path}/w", lent} <= set(replaced)


def test_without_sudo_the_reason_and_the_cure_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSudo, match="`lab up --root` needs root, and there is no `sudo`") as caught:
        sudo.again(Home(tmp_path), tmp_path, "`lab up --root`")
    assert caught.value.cure == "run the command as root"


@pytest.mark.parametrize(("user", "owner", "expected"), [(1000, 0, True), (1000, 1000, False), (0, 0, False)])
def test_only_roots_lab_and_only_for_others_needs_sudo(
    user: int, owner: int, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sudo.lock, "holder", lambda _home: Process(1, 1))
    monkeypatch.setattr(sudo, "_owner", lambda _process: owner)
    monkeypatch.setattr(sudo.os, "geteuid", lambda: user)
    assert sudo.started_by_root(Home(tmp_path)) is expected


def test_a_state_folder_where_nothing_runs_is_nobodys(tmp_path: Path) -> None:
    assert not sudo.started_by_root(Home(tmp_path))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[Path, tuple[int, int]]:
    """What was given back, and to whom; we are root."""
    seen: dict[Path, tuple[int, int]] = {}

    def chown(path: Path, user: int, group: int, *, follow_symlinks: bool) -> None:
        assert not follow_symlinks
        seen[path] = user, group

    monkeypatch.setattr(sudo.os, "chown", chown)
    monkeypatch.setattr(sudo.os, "geteuid", lambda: 0)
    return seen


@pytest.mark.skipif(os.geteuid() != 0, reason="files of root's are made by root only")
def test_what_root_wrote_goes_back_and_other_files_stay_whose_they_are(
    given: dict[Path, tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log/apiserver.log").write_text("")
    (tmp_path / "mine").symlink_to("/etc/passwd")
    monkeypatch.setenv("LAB_LENT_BY", "1000:1001")
    sudo.give_back(tmp_path, tmp_path / "not-there")
    assert {tmp_path, tmp_path / "log", tmp_path / "log/apiserver.log", tmp_path / "mine"} == set(given)
    assert set(given.values()) == {(1000, 1001)}


def test_nothing_changes_hands_where_nobody_lent_it(
    given: dict[Path, tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_LENT_BY", raising=False)
    sudo.give_back(tmp_path)
    assert given == {}
