from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labs import cli
from vm.box import build, store
from vm.box.store import Box
from vm.errors import HostCannot


def test_lab_box_build_shows_its_steps_and_where_the_box_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def made(place: Path, report: Callable[[str], object], *, mirror: str) -> Box:
        report(f"packages of {mirror}")
        (place / "lab.box").write_bytes(b"x" * 2**20)
        return Box(place, "name", "amd64", "6.1.0-test", "now")

    monkeypatch.setattr(store, "folder", lambda: tmp_path)
    monkeypatch.setattr(build, "build", made)
    assert cli.main(["box", "build", "--mirror", "http://mirror.example/debian"]) == 0
    said = capsys.readouterr().out
    assert "packages of http://mirror.example/debian" in said
    assert f"{tmp_path}/lab.box (1 MiB, amd64, Linux 6.1.0-test)" in said


def test_what_a_host_lacks_is_said_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise HostCannot("building a box needs the program mmdebstrap", "`sudo apt-get install mmdebstrap`")

    monkeypatch.setattr(build, "build", refuse)
    assert cli.main(["box", "build"]) == 1
    said = capsys.readouterr().err
    assert "mmdebstrap" in said
    assert "sudo apt-get install" in said


def test_there_is_nothing_else_to_do_with_a_box(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["box", "bulid"]) == 64
    assert "did you mean `build`?" in capsys.readouterr().err
