from __future__ import annotations

import os
import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vm import wheelhouse
from vm.box import build, rootfs, store
from vm.errors import HostCannot

MAKE = rootfs.make


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What takes minutes is replaced by what it leaves behind."""
    site = tmp_path / "site.tar.gz"
    site.touch()
    monkeypatch.setattr(wheelhouse, "site", lambda guest: site)
    monkeypatch.setattr(build, "require", lambda place, architecture: None)
    monkeypatch.setattr(rootfs, "make", leave_files)
    monkeypatch.setattr(store, "architecture", lambda: "amd64")
    monkeypatch.setattr(build.command, "run", without_qemu(build.command.run))


def out_of(argv: list[str]) -> Path:
    hook = next(word for word in argv if word.startswith("--customize-hook="))
    return Path(hook.split()[3])


def leave_files(argv: list[str], report: Callable[[str], object], log: Path) -> None:
    out = out_of(argv)
    for name in ("root.img", "vmlinuz", "initrd.img"):
        (out / name).write_text(name)
    (out / "version").write_text("6.1.0-test\n")


def without_qemu(run: Callable[..., Any]) -> Callable[..., Any]:
    def instead(argv: list[str], **options: Any) -> Any:
        return shutil.copyfile(argv[-2], argv[-1]) if argv[0] == "qemu-img" else run(argv, **options)

    return instead


def test_a_built_box_is_found_and_holds_what_vagrant_takes(quick: None, tmp_path: Path) -> None:
    place = tmp_path / "cache/box"
    assert store.find(place) is None
    made = build.build(place, lambda step: None)
    assert store.find(place) == made
    assert made.kernel == "6.1.0-test"
    assert made.current
    assert made.key.stat().st_mode & 0o777 == 0o600
    with tarfile.open(made.archive) as archive:
        assert sorted(archive.getnames()) == [
            "Vagrantfile",
            "box.img",
            "initrd.img",
            "metadata.json",
            "vmlinuz",
        ]


def test_a_new_box_has_another_name_and_the_same_key(quick: None, tmp_path: Path) -> None:
    place = tmp_path / "box"
    first = build.build(place, lambda step: None)
    key = first.key.read_text()
    second = build.build(place, lambda step: None)
    assert first.name != second.name
    assert second.key.read_text() == key


def test_a_build_that_fails_leaves_the_old_box(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "box"
    old = build.build(place, lambda step: None)

    def fail(argv: list[str], report: object, log: Path) -> None:
        raise HostCannot("no mirror")

    monkeypatch.setattr(rootfs, "make", fail)
    with pytest.raises(HostCannot, match="no mirror"):
        build.build(place, lambda step: None)
    assert store.find(place) == old
    assert list(tmp_path.glob("box-*")) == []


@pytest.mark.parametrize(("user", "mode"), [(0, 0o700), (1000, 0o1777)])
def test_only_who_builds_and_the_hooks_user_write_what_the_box_is_made_of(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, mode: int
) -> None:
    modes: list[int] = []

    def look(argv: list[str], report: Callable[[str], object], log: Path) -> None:
        modes.append(out_of(argv).stat().st_mode & 0o7777)
        leave_files(argv, report, log)

    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(rootfs, "make", look)
    build.build(tmp_path / "box", lambda step: None)
    assert modes == [mode]


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_whoever_ends_a_build_ends_mmdebstrap_and_leaves_no_workshop(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(rootfs, "make", MAKE)
    script = (
        f"trap 'echo E: interrupted; exit 25' INT; kill -{ending[3:]} $PPID; while :; do sleep 0.01; done"
    )
    monkeypatch.setattr(rootfs, "words", lambda *_, **__: ["sh", "-c", script])
    handler = signal.getsignal(signal.Signals[ending])
    with pytest.raises(KeyboardInterrupt):
        build.build(tmp_path / "cache/box", lambda step: None)
    assert signal.getsignal(signal.Signals[ending]) == handler
    assert "E: interrupted" in (tmp_path / "cache/box-build.log").read_text()
    assert list(tmp_path.glob("lab-box-*")) == []


def test_missing_programs_are_named_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "search_path", lambda: str(tmp_path))
    with pytest.raises(HostCannot, match=r"mmdebstrap, .*qemu-img") as raised:
        build.require(tmp_path, "amd64")
    assert "apt-get install" in raised.value.cure
    assert "qemu-utils" in raised.value.cure


def test_an_architecture_without_a_box_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostCannot, match="architecture riscv64, only for amd64 and arm64"):
        build.require(tmp_path, "riscv64")


def test_a_full_disk_is_found_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "TOOLS", {})
    monkeypatch.setattr(build, "SPACE", 2**60)
    with pytest.raises(HostCannot, match=r"a box needs .* GiB .* and .* has"):
        build.require(tmp_path / "not/there/yet", "amd64")
