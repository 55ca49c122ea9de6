"""Which backend a state folder has, and what virtual machines say of themselves without being started."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labs import backend, running, upkeep
from labs.config import Home
from labs.errors import LabError, NotUp, UsageError
from labs.order import Order
from labs.show import Progress
from labs.virtual import VirtualMachines
from vm import inventory, remains, vagrant_settings, wheelhouse
from vm.kvm import Acceleration
from vm.plan import plan
from vm.vagrant import Vagrant
from vm.vagrant_settings import Settings
from vm.virtual import VirtualMachine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home").make()


@pytest.fixture
def made(home: Home, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What Vagrant says of three machines that it has made there; a test may change it."""
    states = dict.fromkeys(("control-1", "worker-1", "worker-2"), "running")
    for name in states:
        note = home.path / f"vagrant/.vagrant/machines/{name}/libvirt/id"
        note.parent.mkdir(parents=True)
        note.write_text("1")
    monkeypatch.setattr(Vagrant, "status", lambda _: states)
    return states


def save_inventory(home: Home) -> None:
    inventory.of_vagrant(home.path, plan(2), str(home.kubeconfig)).save(home.inventory)


def test_a_new_folder_has_the_backend_that_is_asked_for_at_first_namespaces(home: Home) -> None:
    assert backend.of(home).name == "namespaces"
    assert backend.of(home, "vagrant").name == "vagrant"


def test_a_folder_with_virtual_machines_has_no_other_backend(home: Home, made: object) -> None:
    assert backend.of(home).name == "vagrant"
    with pytest.raises(LabError, match="has a cluster of backend vagrant, not namespaces") as caught:
        backend.of(home, "namespaces")
    assert "`lab down --purge`" in caught.value.cure


@pytest.mark.parametrize("order", [Order(root=True), Order(dual_stack=True)], ids=["root", "dual-stack"])
def test_what_virtual_machines_cannot_is_refused_before_any_is_made(home: Home, order: Order) -> None:
    with pytest.raises(UsageError, match="backend namespaces") as caught:
        VirtualMachines(home).up(order, Progress(io.StringIO()))
    assert "`lab up --backend vagrant`" in caught.value.cure
    assert not (home.path / "vagrant").exists()


def test_machines_of_the_inventory_run_until_down(
    home: Home, made: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    tell: Callable[[str], Callable[[object], None]] = lambda name: lambda _: done.append(name)  # noqa: E731
    for verb in ("halt", "destroy"):
        monkeypatch.setattr(Vagrant, verb, tell(verb))
    save_inventory(home)
    assert running.alive(home)
    assert "`lab up` starts them again" in upkeep.down(purge=False)
    assert not running.alive(home)
    assert "objects with them" in upkeep.down(purge=True)
    assert done == ["halt", "destroy"]
    assert not (home.path / "vagrant").exists()


def test_status_says_the_state_of_machines_that_do_not_run(home: Home, made: dict[str, str]) -> None:
    save_inventory(home)
    assert VirtualMachines(home).halted() == ()
    made["control-1"] = "shutoff"
    seen = upkeep.status()
    assert not seen.running
    assert ("control-1", "shutoff") in seen.halted
    assert seen.sections()[-1].note.endswith("`lab up` starts the machines that are there.")


def test_a_half_done_up_is_no_running_cluster(home: Home, made: dict[str, str]) -> None:
    assert not running.alive(home)
    assert dict(VirtualMachines(home).halted()) == made


def test_an_up_that_ended_before_its_first_machine_goes_on_with_the_same_backend(home: Home) -> None:
    note = home.path / "vagrant/machines.yaml"
    note.parent.mkdir()
    note.write_text("")
    assert backend.of(home).name == "vagrant"
    assert backend.of(home, "namespaces").name == "namespaces", "who asks for it has it"
    os.utime(note, (1, 1))
    home.database.touch()
    assert backend.of(home).name == "namespaces", "it was asked for after that"


def killed_up(home: Home) -> Vagrant:
    """What a `lab up` leaves that was killed before Vagrant knew of a machine."""
    vagrant = Vagrant(home.path / "vagrant")
    vagrant.write(vagrant_settings.make(vagrant.folder, plan(1), None, Acceleration(True, "")))
    return vagrant


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after a cluster of namespaces"])
def test_purge_removes_what_a_killed_up_has_made_and_vagrant_does_not_know(
    home: Home, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    forgotten: list[Settings] = []
    monkeypatch.setattr(remains, "remove_all", forgotten.append)
    vagrant = killed_up(home)
    known = vagrant.settings()
    if later:
        home.database.touch()
    upkeep.down(purge=True)
    assert forgotten == [known]
    assert not vagrant.folder.exists()


@pytest.mark.parametrize("purge", [True, False])
def test_only_purge_forgets_what_a_killed_up_has_made(
    home: Home, monkeypatch: pytest.MonkeyPatch, purge: bool
) -> None:
    forgotten: list[Settings] = []
    monkeypatch.setattr(remains, "remove_all", forgotten.append)
    killed_up(home)
    assert upkeep.down(purge) == "No cluster was running."
    assert bool(forgotten) is purge


def test_purge_needs_no_settings_that_can_be_read(
    home: Home, made: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what the error about such a file recommends; Vagrant could not read it either."""
    folder = home.path / "vagrant"
    (folder / "machines.yaml").write_text("machines: [half a")
    names = vagrant_settings.named(folder)
    notes, program = tmp_path / "asked", tmp_path / "bin/virsh"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nshift 2\necho "$*" >>{notes}\n[ "$1" != list ] || echo {names.prefix}worker-9\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert "The virtual machines are gone" in upkeep.down(purge=True)
    asked = notes.read_text().splitlines()
    for name in ("control-1", "worker-1", "worker-2", "worker-9"):
        assert f"undefine {names.prefix}{name} --snapshots-metadata" in asked
    assert f"net-undefine {names.network}" in asked
    assert not folder.exists()


@pytest.mark.parametrize("kept", ["same code", "other code", ""], ids=["", "new code", "no snapshot"])
def test_reset_goes_back_to_the_snapshot_or_makes_the_machines_anew(
    home: Home, made: object, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    done: list[str] = []
    vagrant = Vagrant(home.path / "vagrant")
    vagrant.write(vagrant_settings.make(vagrant.folder, plan(2), None, Acceleration(True, "")))
    if kept:
        (vagrant.folder / "snapshots").write_text("control-1 worker-1 worker-2")
    for verb in ("restore", "destroy", "up"):
        monkeypatch.setattr(Vagrant, verb, lambda _, report, verb=verb: done.append(verb))
    monkeypatch.setattr(
        VirtualMachine, "run", lambda self, argv: done.append(f"{self.name}: {argv[-1].split()[-1]}")
    )
    monkeypatch.setattr(VirtualMachines, "_finish", lambda *_: done.append("provision"))
    monkeypatch.setattr(wheelhouse, "site", lambda _: Path("site-1.tar.gz"))
    monkeypatch.setattr(wheelhouse, "app", lambda *_: Path("app-1.tar.gz"))
    names = ["site-1.tar.gz", "app-1.tar.gz" if kept == "same code" else "app-0.tar.gz"]
    note = json.dumps({"guest": ["3.11", "x86_64"], "archives": names})
    (vagrant.folder / "kept.json").write_text(note)
    said = io.StringIO()
    VirtualMachines(home).reset(Progress(said))
    restarts = [f"{name}: 'lab-a*.service'" for name in ("control-1", "worker-1", "worker-2")]
    provision = [] if kept == "same code" else ["provision"]
    assert done == (["restore", *restarts, *provision] if kept else ["destroy", "up", "provision"])
    assert ("made anew" in said.getvalue()) is not bool(kept)
    assert home.inventory.exists() is (kept == "same code"), "otherwise it is written when all is done"


def test_reset_without_a_cluster_says_how_to_make_one(home: Home) -> None:
    with pytest.raises(NotUp, match="no cluster") as caught:
        upkeep.reset(report=Progress(io.StringIO()))
    assert "lab up" in caught.value.cure


def test_namespaces_on_another_system_are_refused_with_virtual_machines_as_the_cure(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(LabError, match="needs Linux") as caught:
        backend.of(home).up(Order(), Progress(io.StringIO()))
    assert "`lab up --backend vagrant`" in caught.value.cure
