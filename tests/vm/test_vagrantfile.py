from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from vm import command, vagrant_settings
from vm.kvm import Acceleration
from vm.plan import plan
from vm.vagrant import VAGRANTFILE, Vagrant

pytestmark = pytest.mark.skipif(not shutil.which("vagrant"), reason="Vagrant is not installed")

VIRTUALBOX = '#!/bin/sh\n[ "$1" != --version ] || echo 7.0.18r162988\n'


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of this user's Vagrant; and a VirtualBox, of which validation only wants the version."""
    program = tmp_path / "bin/VBoxManage"
    program.parent.mkdir()
    program.write_text(VIRTUALBOX)
    program.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "VAGRANT_HOME": str(tmp_path / "vagrant"),
        "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot"),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }


def validated(folder: Path, environment: dict[str, str], provider: str) -> None:
    env = {**environment, "VAGRANT_CWD": str(folder), "VAGRANT_DEFAULT_PROVIDER": provider}
    done = command.run(["vagrant", "validate"], env=env, timeout=120, check=False)
    if "could not be found, but was requested" in done.stderr:
        pytest.skip(f"Vagrant's plug-in for {provider} is not installed")
    assert "validated successfully" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox", "parallels", "vmware_desktop", "qemu"])
def test_the_vagrantfile_is_valid_for_each_provider(environment: dict[str, str], provider: str) -> None:
    validated(VAGRANTFILE.parent, environment, provider)


@pytest.mark.parametrize("kvm", [True, False])
def test_what_lab_up_writes_is_valid_too(environment: dict[str, str], tmp_path: Path, kvm: bool) -> None:
    vagrant = Vagrant(tmp_path / "lab")
    vagrant.write(vagrant_settings.make(vagrant.folder, plan(3), None, Acceleration(kvm, "")))
    validated(vagrant.folder, environment, "libvirt")
