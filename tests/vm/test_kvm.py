"""With a stand-in for QEMU, since the answer depends on the machine that the tests run on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from vm import kvm
from vm.box import store
from vm.box.store import Box
from vm.errors import CommandNotFound
from vm.kvm import Acceleration


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


@dataclass
class Host:
    """A host whose box, device and QEMU are stand-ins; its cache is `folder`."""

    folder: Path
    booted: int = 0

    @property
    def device(self) -> Path:
        return self.folder / "dev-kvm"

    def boots(self, kernel: Path) -> Acceleration:
        self.booted += 1
        return Acceleration(True, f"boot {self.booted} of {kernel.name}")

    def asked(self) -> Acceleration:
        return kvm.remembered(self.folder / "kvm.json", self.folder / "proc", self.device)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    made.device.touch()
    proc = tmp_path / "proc/sys/kernel/random"
    proc.mkdir(parents=True)
    (proc / "boot_id").write_text("one\n")
    monkeypatch.setattr(kvm, "boot", made.boots)
    monkeypatch.setattr(store, "find", lambda: box(tmp_path, "a"))
    return made


def box(folder: Path, name: str) -> Box:
    made = Box(folder, name, "amd64", "6.1", "now")
    made.image.touch()
    return made


def test_a_kernels_way_is_remembered_until_the_next_boot_or_box(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [host.asked().found, host.asked().found] == ["boot 1 of vmlinuz"] * 2
    (host.folder / "proc/sys/kernel/random/boot_id").write_text("two\n")
    assert host.asked().found == "boot 2 of vmlinuz"
    monkeypatch.setattr(store, "find", lambda: box(host.folder, "b"))
    assert host.asked().found == "boot 3 of vmlinuz"


def test_a_device_that_is_missing_is_seen_when_it_has_come(host: Host) -> None:
    host.device.unlink()
    said = host.asked()
    assert not said.kvm
    assert "nested virtualisation" in said.cure
    host.device.touch()
    assert host.asked().kvm


def test_a_device_that_is_not_ours_says_whose_group_may_use_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("os.access", lambda *_: False)
        said = host.asked()
    assert not said.kvm
    assert "adduser $USER kvm" in said.cure
    assert host.asked().kvm, "and once it is, that counts"


def test_qemu_counts_as_soon_as_it_is_installed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(kernel: Path) -> Acceleration:
        raise CommandNotFound("qemu-system-x86_64")

    with monkeypatch.context() as patched:
        patched.setattr(kvm, "boot", missing)
        assert "QEMU" in host.asked().cure
    assert host.asked().kvm


@pytest.mark.parametrize(("flags", "taken"), [("fpu hypervisor lm", False), ("fpu lm", True)])
def test_without_a_kernel_to_boot_only_hardware_is_trusted(
    host: Host, monkeypatch: pytest.MonkeyPatch, flags: str, taken: bool
) -> None:
    monkeypatch.setattr(kvm, "_kernel", lambda built: None)
    (host.folder / "proc/cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    said = host.asked()
    assert said.kvm is taken
    assert taken or "`lab box build`" in said.cure
    monkeypatch.undo()
    monkeypatch.setattr(store, "find", lambda: box(host.folder, "a"))
    monkeypatch.setattr(kvm, "boot", host.boots)
    assert host.asked().found == "boot 1 of vmlinuz", "a guess is not kept"
