"""Against a stand-in for the program `vagrant` that keeps its machines' states in a file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from vm import vagrant_cli, vagrant_settings
from vm.errors import HostCannot, MachineError
from vm.kvm import Acceleration
from vm.plan import plan
from vm.vagrant import Vagrant

PROGRAM = """\
#!/bin/sh
cd "$VAGRANT_CWD" || exit 9
echo "$*" >>asked
case $1 in
status)
    [ ! -e unusable ] || { cat unusable; exit 1; }
    for name in control-1 worker-1; do
        echo "1,$name,state,$(cat state 2>/dev/null || echo not_created)"
    done ;;
up)
    [ ! -e sleeps ] || { echo "==> worker-1: Waiting for domain to get an IP address..."; exec sleep 60; }
    if [ -e refuses ]; then cat refuses; rm refuses; exit 1; fi
    printf '==> box: Progress: 10%%\\r==> box: Progress: 99%%\\n'
    echo "==> worker-1: Machine booted and ready!"
    mkdir -p .vagrant/machines/worker-1/libvirt
    echo 1 >.vagrant/machines/worker-1/libvirt/id
    echo running >state ;;
reload) echo "==> control-1: Machine booted and ready!" ;;
ssh-config) printf 'Host worker-1\\n  HostName 127.0.0.1\\n' ;;
halt) echo shutoff >state ;;
destroy) rm -rf state .vagrant ;;
esac
"""


@pytest.fixture
def vagrant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vagrant:
    """Machines that are not made yet."""
    program = tmp_path / "bin/vagrant"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    made = Vagrant(tmp_path / "lab")
    made.write(vagrant_settings.make(made.folder, plan(1), None, Acceleration(True, "KVM")))
    return made


def up(vagrant: Vagrant) -> list[str]:
    said: list[str] = []
    vagrant.up(said.append)
    return said


def asked(vagrant: Vagrant) -> list[str]:
    return [line.split()[0] for line in (vagrant.folder / "asked").read_text().splitlines()]


def test_machines_are_made_and_their_ssh_configuration_is_written(vagrant: Vagrant) -> None:
    assert not vagrant.exists()
    assert up(vagrant) == ["worker-1 answers"]
    assert vagrant.exists()
    assert vagrant.status() == {"control-1": "running", "worker-1": "running"}
    config = vagrant.ssh_config()
    assert "ControlMaster auto" in config.read_text()
    assert config.stat().st_mode & 0o777 == 0o600


def test_the_settings_of_machines_that_there_are_stay(vagrant: Vagrant) -> None:
    first = vagrant.settings()
    up(vagrant)
    assert vagrant.settings_for(None) == first
    assert vagrant.settings_for(3).nodes == 3
    with pytest.raises(MachineError, match="are fewer"):
        vagrant.settings_for(1)


def test_remains_of_an_interrupted_up_are_removed_and_it_goes_on(vagrant: Vagrant) -> None:
    (vagrant.folder / "refuses").write_text(
        "Volume for domain is already created. Please run 'vagrant destroy'"
    )
    said = up(vagrant)
    assert said == ["remains of an interrupted `lab up` are removed", "worker-1 answers"]
    assert asked(vagrant).count("destroy") == 2, "one for each machine that is not made"


def test_another_failure_is_told_with_its_cure_and_leaves_the_machines_alone(vagrant: Vagrant) -> None:
    (vagrant.folder / "refuses").write_text("cannot write: No space left on device\n")
    with pytest.raises(HostCannot, match="the disk is full"):
        up(vagrant)
    assert "destroy" not in asked(vagrant)
    assert up(vagrant) == ["worker-1 answers"]


def test_machines_that_run_are_left_alone_while_their_port_leads_somewhere(vagrant: Vagrant) -> None:
    up(vagrant)
    with listening(vagrant):
        assert up(vagrant) == []
    assert asked(vagrant).count("up") == 1
    assert up(vagrant) == ["the API server's port is forwarded anew", "control-1 answers"]
    assert "reload" in asked(vagrant)


def test_halted_machines_are_booted_again(vagrant: Vagrant) -> None:
    up(vagrant)
    (vagrant.folder / "ssh_config").unlink()  # nobody is there to ask to power off
    vagrant.halt()
    assert vagrant.status()["worker-1"] == "shutoff"
    assert up(vagrant) == ["worker-1 answers"]


def test_destroyed_machines_are_gone(vagrant: Vagrant) -> None:
    up(vagrant)
    vagrant.destroy()
    assert not vagrant.exists()


def test_without_vagrant_the_error_says_what_to_install(
    vagrant: Vagrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(HostCannot, match="Vagrant is not installed") as raised:
        vagrant.status()
    assert "apt-get install vagrant" in raised.value.cure


def test_a_machine_that_never_gets_an_address_is_given_up_with_a_reason(
    vagrant: Vagrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vagrant_cli, "SILENCE", 1)
    (vagrant.folder / "sleeps").touch()
    with pytest.raises(MachineError, match="worker-1 was started, but never got an address") as raised:
        up(vagrant)
    assert "firewall" in raised.value.cure


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "ends",
    ["echo Vagrant exited after cleanup due to external interrupt.; exit 1", "echo odd; exit 1", "exit 0"],
)
def test_an_interruption_reaches_vagrant_and_then_the_caller(
    vagrant: Vagrant, signum: signal.Signals, ends: str
) -> None:
    program = Path(os.environ["PATH"].split(":")[0]) / "vagrant"
    text = PROGRAM.replace("exec sleep 60", "touch waits; while :; do sleep 0.05; done")
    program.write_text(text.replace("#!/bin/sh\n", f"#!/bin/sh\ntrap 'touch heard; {ends}' INT\n"))
    (vagrant.folder / "sleeps").touch()
    threading.Thread(target=interrupt_when_there, args=(vagrant.folder / "waits", signum)).start()
    with pytest.raises(KeyboardInterrupt):
        up(vagrant)
    assert (vagrant.folder / "heard").exists(), "Vagrant tidies up on a Ctrl-C, not on other signals"


def test_a_provider_that_cannot_be_used_is_told_as_soon_as_states_are_asked(vagrant: Vagrant) -> None:
    """As Vagrant 2.3.4 answers `status --machine-readable`: on stdout, in a quoting of its own."""
    (vagrant.folder / "unusable").write_text(
        "1795451431,,ui,error,The provider\n"
        "1795451431,,error-exit,Vagrant::Errors::ProviderNotUsable,The provider 'virtualbox' that was "
        "requested to back the machine\\n'control-1' is reporting that it isn't usable on this system. The\\n"
        "reason is shown below:\\n\\nVirtualBox is complaining that the kernel module is not loaded. "
        "Please\\nrun `VBoxManage --version`%!(VAGRANT_COMMA) or open the VirtualBox GUI\n"
    )
    with pytest.raises(HostCannot, match="VirtualBox has no kernel module") as raised:
        up(vagrant)
    assert "vboxconfig" in raised.value.cure
    (vagrant.folder / "unusable").write_text(
        "1,,error-exit,Odd,The moon%!(VAGRANT_COMMA) it is\\nin the wrong house.\n"
    )
    with pytest.raises(HostCannot, match=r"The moon, it is\nin the wrong house\."):
        vagrant.status()


def test_an_ssh_that_outlived_its_machine_no_longer_holds_the_port(vagrant: Vagrant, tmp_path: Path) -> None:
    pids = vagrant.folder / ".vagrant/machines/control-1/libvirt/pids"
    pids.mkdir(parents=True)
    (pids / "ssh_6443.pid").write_text(str(os.getpid()))
    up(vagrant)  # this process is no ssh: it is left alone, or this test would end here
    assert asked(vagrant).count("up") == 1


@pytest.mark.parametrize(("state", "ends"), [("running", False), ("shutoff", True)])
def test_a_forwarded_port_is_let_go_when_its_machine_does_not_run(
    vagrant: Vagrant, tmp_path: Path, state: str, ends: bool
) -> None:
    pids = vagrant.folder / ".vagrant/machines/control-1/libvirt/pids"
    pids.mkdir(parents=True)
    (vagrant.folder / "state").write_text(state)
    forward = tmp_path / "ssh"
    shutil.copy("/bin/sleep", forward)
    with listening(vagrant), subprocess.Popen([forward, "30"]) as process:
        (pids / "ssh_6443.pid").write_text(str(process.pid))
        up(vagrant)
        assert (process.poll() is not None or process.wait(5) is not None) if ends else process.poll() is None
        process.kill()


def interrupt_when_there(path: Path, signum: signal.Signals) -> None:
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(os.getpid(), signum)


def listening(vagrant: Vagrant) -> object:
    import contextlib
    import socket

    settings = vagrant.settings()
    assert settings is not None
    door = socket.create_server(("127.0.0.1", settings.api_port))
    return contextlib.closing(door)
