from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from socket import create_server

import pytest

from vm import doctor_machines, forward, kvm, remains, vagrant_settings
from vm.box import store
from vm.box.store import Box
from vm.kvm import Acceleration
from vm.plan import plan

SETTINGS = vagrant_settings.make(Path("/lab/vagrant"), plan(2), None, Acceleration(True, "KVM"))


def program(folder: Path, name: str) -> str:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return str(folder)


def test_without_vagrant_only_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ((need, (ok, found)),) = doctor_machines.findings(tmp_path)
    assert (need.name, ok) == ("Vagrant", False)
    assert "not installed" in found


def test_with_vagrant_each_need_has_a_row_and_no_mode_depends_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", program(tmp_path, "vagrant"))
    monkeypatch.setattr(kvm, "remembered", lambda: Acceleration(False, "hangs", "go on"))
    rows = doctor_machines.findings(tmp_path / "home")
    names = [need.name for need, _ in rows]
    assert names == [
        *("Vagrant", "a provider", "VirtualBox's module", "KVM", "addresses", "private network", "API port"),
        *("disk", "box", "machines"),
    ]
    assert all(need.cure and not need.modes for need, _ in rows)
    assert {need.name: need.cure for need, _ in rows}["KVM"] == "go on", "the probe's own"


def test_libvirt_needs_its_plug_in_to_run_and_to_be_for_this_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plugin, socket = program(tmp_path, "virsh"), tmp_path / "plugin", tmp_path / "socket"
    assert doctor_machines.provider(str(tmp_path / "nothing")) == (False, "none")

    def found() -> tuple[bool, str]:
        return doctor_machines.provider(path, socket, [plugin])

    for ready, lacks in ((plugin, "plug-in for it is not"), (socket, "does not run")):
        ok, said = found()
        assert not ok
        assert lacks in said
        ready.touch()
    assert found() == (True, f"libvirt at {socket}")
    program(tmp_path, "VBoxManage")
    assert found() == (True, f"libvirt at {socket}, VirtualBox")
    socket.unlink()
    assert "does not run" in found()[1], "another provider beside it is none instead of it"
    socket.touch()
    monkeypatch.setattr(doctor_machines, "providers", lambda _: ["libvirt"])
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "adduser" in found()[1]


def test_virtualbox_needs_its_module_and_nobody_else_does(tmp_path: Path) -> None:
    assert doctor_machines.virtualbox(str(tmp_path))[0]
    path = program(tmp_path, "VBoxManage")
    assert doctor_machines.virtualbox(path, tmp_path / "vboxdrv") == (
        False,
        f"there is no {tmp_path}/vboxdrv",
    )


def test_only_libvirt_needs_kvm_and_dhcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm, "remembered", lambda: Acceleration(False, "there is no /dev/kvm: emulated"))
    other, libvirts = tmp_path / "a", tmp_path / "b"
    for folder, name in ((other, "VBoxManage"), (libvirts, "virsh")):
        folder.mkdir()
        program(folder, name)
    assert doctor_machines.acceleration(str(other))[1] == (
        True,
        "not needed: VirtualBox virtualises by itself",
    )
    assert doctor_machines.acceleration(str(libvirts))[1][0] is False
    assert doctor_machines.acceleration(str(tmp_path))[1][0] is False, "no provider at all"
    assert doctor_machines.addresses(str(other))[0]
    assert doctor_machines.addresses(str(libvirts)) == (False, "there is no dnsmasq")
    program(libvirts, "dnsmasq")
    firewall = tmp_path / "ufw.conf"
    assert doctor_machines.addresses(str(libvirts), firewall) == (True, "dnsmasq")
    firewall.write_text("ENABLED=yes\n")
    assert "ufw allow" in doctor_machines.addresses(str(libvirts), firewall)[1]


def test_a_port_is_free_this_labs_or_somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", program(tmp_path, "virsh"))
    assert doctor_machines.port(None, tmp_path)[0]
    assert "is free" in doctor_machines.port(SETTINGS, tmp_path)[1]
    with closing(create_server(("127.0.0.1", SETTINGS.api_port))):
        assert doctor_machines.port(SETTINGS, tmp_path) == (
            False,
            f"127.0.0.1:{SETTINGS.api_port} is another program's: `ss -ltnp` says whose",
        )
        monkeypatch.setattr(forward, "ours", lambda *_: True)
        assert "this lab's" in doctor_machines.port(SETTINGS, tmp_path)[1]


def test_half_made_machines_and_what_was_left_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[str] = []
    monkeypatch.setattr(remains, "domains", lambda _: known)
    assert doctor_machines.machines(None, tmp_path) == (True, "none were made")
    for name in SETTINGS.machines:
        assert doctor_machines.machines(SETTINGS, tmp_path)[0] is False
        note = tmp_path / f".vagrant/machines/{name}/libvirt/id"
        note.parent.mkdir(parents=True)
        note.touch()
    assert doctor_machines.machines(SETTINGS, tmp_path) == (True, "3 of 3 are made")
    note.unlink()
    known += ["control-1", "worker-2"]
    assert doctor_machines.machines(SETTINGS, tmp_path) == (
        False,
        "an interrupted `lab up` has left worker-2",
    )


def test_a_taken_network_is_told_with_who_has_it_and_what_is_taken_instead() -> None:
    ok, found = doctor_machines.network(None, {"virbr9": ["192.168.56.1/24"]})
    assert ok
    assert found == "192.168.57.0/24 is free, virbr9 has 192.168.56.0/24"
    assert doctor_machines.network(None, {"br": ["192.168.0.1/16"]})[0] is False
    assert "this lab's machines" in doctor_machines.network(SETTINGS, {})[1]


def test_a_box_of_another_version_or_architecture_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Box(tmp_path, "kube-proxy-lab-x", "amd64", "6.1", "2026-01-01T00:00:00Z")
    for file in (made.archive, made.key):
        file.touch()
    made.describe()
    assert doctor_machines.box(tmp_path) == (
        False,
        f"{made.archive} of 2026-01-01T00:00:00Z is older than this lab",
    )
    monkeypatch.setattr(store, "architecture", lambda: "arm64")
    ok, found = doctor_machines.box(tmp_path)
    assert not ok
    assert "is for amd64, this host is arm64" in found
    assert doctor_machines.box(tmp_path / "none")[0]


def test_the_least_room_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machines, "SPACE", 2**70)
    ok, found = doctor_machines.disk(tmp_path / "not/there", Path("/"))
    assert not ok
    assert "GiB free" in found
