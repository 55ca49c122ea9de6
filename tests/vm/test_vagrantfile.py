from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vm import command, vagrant_settings
from vm.errors import CommandFailed
from vm.kvm import Acceleration
from vm.plan import plan
from vm.vagrant import VAGRANTFILE, Vagrant
from vm.vagrant_cli import Spoken

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


@pytest.mark.parametrize(
    ("provider", "wrong"),
    [
        ("parallels", ("provider.cpus", "provider.processors")),
        ("vmware_desktop", ("provider.vmx[", "provider.vm[")),
        ("qemu", ("qemu.smp", "qemu.cpus")),
    ],
)
def test_the_vagrantfile_names_settings_as_the_plug_ins_of_other_providers_do(
    environment: dict[str, str], tmp_path: Path, provider: str, wrong: tuple[str, str]
) -> None:
    plugins = Path(__file__).with_name("provider_plugins.rb").read_text()
    text = VAGRANTFILE.read_text()
    settings = vagrant_settings.read(VAGRANTFILE.with_name("machines.yaml"))
    assert settings is not None
    (tmp_path / "machines.yaml").write_text(replace(settings, script="").text())
    (tmp_path / "Vagrantfile").write_text(plugins + text)
    validated(tmp_path, environment, provider)
    (tmp_path / "Vagrantfile").write_text(plugins + text.replace(*wrong))
    with pytest.raises(AssertionError):
        validated(tmp_path, environment, provider)


def test_on_virtualbox_the_fabric_is_a_network_of_this_labs_own(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Not one of the host's, which two labs would share with the same addresses."""
    settings = VAGRANTFILE.with_name("machines.yaml").read_text().replace("script: box/", 'script: "" # ')
    (tmp_path / "machines.yaml").write_text(settings)
    of_the_host = VAGRANTFILE.read_text().replace(":private_network", ":public_network")
    (tmp_path / "Vagrantfile").write_text(of_the_host)
    with pytest.raises(AssertionError, match=r"[Ii]nternal network|intnet"):
        validated(tmp_path, environment, "virtualbox")


@pytest.mark.parametrize("kvm", [True, False])
def test_what_lab_up_writes_is_valid_too(environment: dict[str, str], tmp_path: Path, kvm: bool) -> None:
    vagrant = Vagrant(tmp_path / "lab")
    vagrant.write(vagrant_settings.make(vagrant.folder, plan(3), None, Acceleration(kvm, "")))
    validated(vagrant.folder, environment, "libvirt")


class Slowly(BaseHTTPRequestHandler):
    """A box that takes three seconds to come."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(12 * 2**16))
        self.end_headers()
        for _ in range(12):
            self.wfile.write(bytes(2**16))
            time.sleep(0.25)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


def test_vagrant_is_not_silent_while_it_downloads(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    heard: list[str] = []
    stream = command.stream

    def listen(argv: list[str], write: Callable[[str], object], **more: Any) -> int:
        return stream(argv, lambda text: (heard.append(text), write(text)), **more)

    monkeypatch.setattr(command, "stream", listen)
    said: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Slowly) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/x.box"
        with pytest.raises(CommandFailed) as raised:  # what came is no box
            Spoken(tmp_path, said.append)._call_vagrant_command(["box", "add", "--name", "x", address])
        server.shutdown()
    assert any("Progress:" in text for text in heard), raised.value.stderr
    assert "Progress:" not in raised.value.stderr
    assert said == [f"the box is downloaded: {address}"]
