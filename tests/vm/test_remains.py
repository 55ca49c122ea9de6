from __future__ import annotations

import os
from pathlib import Path

import pytest

from vm import remains, vagrant_settings
from vm.box.store import Box
from vm.kvm import Acceleration
from vm.plan import plan
from vm.vagrant_settings import Settings

BOX = Box(Path("/cache/box"), "kube-proxy-lab-bookworm-amd64-1a2b", "amd64", "6.1", "now")
IMAGE = f"{BOX.name}_vagrant_box_image_0_1763907120_box.img"
# As virsh 9.0 prints lists.
VIRSH = """\
#!/bin/sh
shift 2
echo "$*" >>{notes}
case $1 in
list) printf '{prefix}control-1\\n{prefix}worker-1\\nsomebody-elses\\n\\n' ;;
vol-list) printf ' Name   Path\\n------------------\\n{volumes}\\n' ;;
net-destroy) echo 'error: failed to get network' >&2; exit 1 ;;
esac
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return vagrant_settings.make(tmp_path, plan(1), BOX, Acceleration(True, "KVM"))


def virsh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, volumes: str) -> Path:
    notes, program = tmp_path / "asked", tmp_path / "bin/virsh"
    program.parent.mkdir()
    program.write_text(VIRSH.format(notes=notes, prefix=settings.prefix, volumes=volumes))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return notes


def test_only_machines_of_this_lab_are_its_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    virsh(tmp_path, monkeypatch, settings, "")
    assert remains.domains(settings) == ["control-1", "worker-1"]


@pytest.mark.parametrize(
    ("others", "forgotten"), [("", True), ("lab-0f0f0f-worker-1.img /pool/x", False)], ids=["alone", "shared"]
)
def test_what_was_made_of_a_lab_without_machines_is_removed_and_the_image_unless_others_rest_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, others: str, forgotten: bool
) -> None:
    notes = virsh(tmp_path, monkeypatch, settings, f" {IMAGE}   /pool/{IMAGE}\\n debian.img /x\\n{others}")
    remains.remove_all(settings)
    asked = notes.read_text().splitlines()
    assert f"net-undefine {settings.network}" in asked, "although it could not be destroyed"
    assert f"vol-delete {settings.prefix}worker-1.img --pool default" in asked
    assert (f"vol-delete {IMAGE} --pool default" in asked) is forgotten
    assert not any("debian.img" in line for line in asked)


def test_a_machine_without_all_of_its_cards_was_never_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """As virsh 9.0 prints them: control-1 lacks the helpers' cards, worker-1 has all of its two."""
    program = tmp_path / "bin/virsh"
    program.parent.mkdir()
    program.write_text(f"""#!/bin/sh
case $4 in
*-control-1|*-worker-1)
    echo ' Interface   Type      Source            Model    MAC'
    echo '---------------------------------------------------------------------'
    echo ' -           network   vagrant-libvirt   virtio   52:54:00:1f:6d:21'
    echo ' -           network   {settings.network}        virtio   02:00:c0:a8:38:0a'
    echo ;;
*) echo 'error: failed to get domain' >&2; exit 1 ;;
esac
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert remains.unfinished(settings) == ["control-1"]


def test_without_a_provider_there_are_no_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert remains.domains(settings) == []
    remains.remove_all(settings)
