"""With a stand-in for QEMU, since the answer depends on the machine that the tests run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vm import kvm


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What QEMU does, as shell text."""
    script = tmp_path / "bin/qemu-system-x86_64"
    script.parent.mkdir()
    (script.parent / "qemu-system-aarch64").symlink_to(script)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(kvm, "PATIENCE", 0.5)
    return script


@pytest.mark.parametrize(
    ("does", "works", "found"),
    [
        ("exit 0", True, "KVM: a kernel boots in"),
        ("exec sleep 20", False, "a kernel hangs on /dev/kvm for 0.5 s"),
        ("echo 'failed to set MSR' >&2; kill -ABRT $$", False, "«failed to set MSR»"),
    ],
)
def test_kvm_is_what_boots_a_whole_kernel_in_time(qemu: Path, does: str, works: bool, found: str) -> None:
    qemu.write_text(f"#!/bin/sh\n{does}\n")
    qemu.chmod(0o755)
    said = kvm.boot(Path("/kernel"))
    assert said.kvm is works
    assert found in said.found
    assert works or "emulated" in said.found


def test_without_the_device_nothing_is_tried(tmp_path: Path) -> None:
    said = kvm.acceleration(tmp_path / "kernel", device=tmp_path / "nothing")
    assert not said.kvm
    assert "nested virtualisation" in said.cure


def test_a_device_that_is_not_ours_says_whose_group_may_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr("os.access", lambda *_: False)
    said = kvm.acceleration(tmp_path / "kernel", device=device)
    assert not said.kvm
    assert "kvm" in said.cure
