from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest
import yaml

from vm import vagrant_settings
from vm.box import store
from vm.box.store import Box
from vm.errors import MachineError
from vm.fabric import moved
from vm.kvm import Acceleration
from vm.plan import plan
from vm.vagrant_settings import Settings

EMULATED = Acceleration(False, "TCG")
BOX = Box(Path("/cache/box"), "kube-proxy-lab-x", "amd64", "6.1", "now")


def made(folder: Path, *, box: Box | None = BOX, kvm: bool = False) -> Settings:
    return vagrant_settings.make(folder, plan(2), box, dataclasses.replace(EMULATED, kvm=kvm))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    settings = made(tmp_path)
    (tmp_path / "machines.yaml").write_text(settings.text())
    assert vagrant_settings.read(tmp_path / "machines.yaml") == settings
    assert settings.plan == plan(2)
    assert vagrant_settings.read(tmp_path / "nothing") is None


def test_the_file_for_use_by_hand_has_the_same_form_and_the_plans_addresses() -> None:
    by_hand = vagrant_settings.read(Path(vagrant_settings.__file__).parent / "machines.yaml")
    assert by_hand is not None
    assert by_hand.plan == plan(2)
    assert by_hand.machines == vagrant_settings.machines(plan(2))


def test_a_file_of_another_form_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "machines.yaml").write_text("box: x\nsize: 3\n")
    with pytest.raises(MachineError, match="cannot be read") as raised:
        vagrant_settings.read(tmp_path / "machines.yaml")
    assert "lab down --purge" in raised.value.cure


def test_the_helpers_cards_are_in_the_control_plane() -> None:
    machines = vagrant_settings.machines(plan(1))
    assert machines == {
        "control-1": ["192.168.56.10", "192.168.56.200", "192.168.56.201"],
        "worker-1": ["192.168.56.11"],
    }


def test_two_labs_of_one_host_have_other_names(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    assert one.prefix != other.prefix
    assert one.network != other.network


def test_the_box_that_was_built_comes_with_its_key_and_without_a_catalogue(tmp_path: Path) -> None:
    built, catalogues = made(tmp_path), made(tmp_path, box=None)
    assert (built.box, built.box_url) == (BOX.name, "file:///cache/box/lab.box")
    assert built.key == str(tmp_path / "key")
    assert built.script == ""
    assert (catalogues.key, catalogues.cmdline, catalogues.box_url) == ("", "", "")
    assert catalogues.script == "lab-network", "beside the Vagrantfile, wherever this code moves"


@pytest.mark.parametrize(("kvm", "driver"), [(True, "kvm"), (False, "qemu")])
def test_the_driver_is_what_the_probe_found(tmp_path: Path, kvm: bool, driver: str) -> None:
    assert made(tmp_path, kvm=kvm).libvirt["driver"] == driver


@pytest.mark.parametrize("kvm", [True, False])
@pytest.mark.parametrize(("architecture", "of_a_pc"), [("amd64", True), ("arm64", False)])
def test_what_only_a_pc_has_is_left_out_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, of_a_pc: bool, kvm: bool
) -> None:
    monkeypatch.setattr(store, "architecture", lambda: architecture)
    options = yaml.safe_load(made(tmp_path, kvm=kvm).text())["libvirt"]
    assert (options.get("features"), options.get("inputs")) == ((None, None) if of_a_pc else ([], []))


def test_machines_are_added_and_those_that_there_are_stay(tmp_path: Path) -> None:
    known = dataclasses.replace(
        made(tmp_path), machines=vagrant_settings.machines(moved(plan(1), "192.168.57.0/24"))
    )
    grown = vagrant_settings.grown(known, 4)
    assert list(grown.machines) == ["control-1", "worker-1", "worker-2", "worker-3"]
    assert grown.machines["worker-3"] == ["192.168.57.13"]
    assert dataclasses.replace(grown, machines=known.machines) == known
    with pytest.raises(MachineError, match="there are 4 virtual machines, and 2 nodes are fewer"):
        vagrant_settings.grown(grown, 2)


def test_libvirt_may_start_a_program_of_ours_unless_something_confines_it(tmp_path: Path) -> None:
    says = tmp_path / "enabled"
    says.write_text("Y\n")
    assert vagrant_settings.confined((says,))
    says.write_text("N\n")
    assert not vagrant_settings.confined((says, tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("says", "root"),
    [
        ('user = "root"\ngroup = "root"\n', True),
        ('#user = "root"\n', False),
        ('user = "libvirt-qemu"\n', False),
    ],
)
def test_a_program_of_ours_is_started_only_by_a_libvirt_that_runs_qemu_as_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, root: bool
) -> None:
    """Another user may not enter the state folder: `cannot execute binary …/emulator: Permission denied`."""
    file = tmp_path / "qemu.conf"
    assert not vagrant_settings.as_root(file)
    file.write_text(says)
    assert vagrant_settings.as_root(file) is root
    monkeypatch.setattr(vagrant_settings, "confined", lambda: False)
    monkeypatch.setattr(vagrant_settings, "as_root", lambda: root)
    assert ("emulator_path" in made(tmp_path).libvirt) is root
    assert "emulator_path" not in made(tmp_path, kvm=True).libvirt


def test_the_emulator_passes_all_words_on_but_gives_tcg_a_smaller_cache(tmp_path: Path) -> None:
    text = vagrant_settings.emulator()
    line = next(line for line in text.splitlines() if line.startswith("exec "))
    script = tmp_path / "emulator"
    script.write_text(text.replace(line, "printf '%s\\n' \"$@\""))
    said = subprocess.run(
        ["sh", script, "-accel", "tcg", "-name", "a  b"], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == ["-accel", "tcg,thread=multi,tb-size=128", "-name", "a  b"]


def test_the_settings_are_plain_yaml_for_ruby(tmp_path: Path) -> None:
    assert yaml.safe_load(made(tmp_path).text())["machines"]["worker-1"] == ["192.168.56.11"]
