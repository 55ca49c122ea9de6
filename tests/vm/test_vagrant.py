"""Against a stand-in for the program `vagrant` that keeps its machines' states in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vm import fabric, forward, kvm, remains, vagrant_cli, vagrant_settings
from vm.box import store
from vm.box.store import Box
from vm.errors import HostCannot, MachineError
from vm.kvm import Acceleration
from vm.plan import plan
from vm.vagrant import Vagrant

PLUGIN = "1795452275,,plugin-name,vagrant-libvirt\n1795452275,vagrant-libvirt,plugin-version,0.11.2\n"
PROGRAM = """\
#!/bin/sh
cd "$VAGRANT_CWD" || exit 9
echo "$*" >>asked
case $1 in
plugin) [ ! -e plugins ] || cat plugins ;;
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
    for name in control-1 worker-1; do
        mkdir -p .vagrant/machines/$name/virtualbox
        echo 1 >.vagrant/machines/$name/virtualbox/id
    done
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
    assert vagrant.settings_for(None, 3) == first
    assert vagrant.settings_for(3, 3).nodes == 3
    with pytest.raises(MachineError, match="are fewer"):
        vagrant.settings_for(1, 3)


def test_remains_of_an_interrupted_up_are_removed_and_it_goes_on(vagrant: Vagrant) -> None:
    virsh = provide(vagrant, "virsh")
    (vagrant.folder / "refuses").write_text(
        "Volume for domain is already created. Please run 'vagrant destroy'"
    )
    said = up(vagrant)
    assert said == ["remains of an interrupted `lab up` are removed", "worker-1 answers"]
    settings = vagrant.settings()
    assert settings is not None
    for name in ("control-1", "worker-1"):
        assert f"undefine {settings.prefix}{name} --snapshots-metadata" in virsh.read_text()
        assert f"vol-delete {settings.prefix}{name}.img --pool default" in virsh.read_text()
    assert f"net-undefine {settings.network}" in virsh.read_text()


def test_an_up_that_was_killed_before_its_first_machine_begins_anew_in_the_same_network(
    vagrant: Vagrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vagrant makes the network first; a second one of that name elsewhere it refuses for good."""
    network = vagrant.folder / "network"
    network.touch()
    monkeypatch.setattr(store, "find", lambda: None)
    provide(vagrant, "virsh", f'case "$*" in *"net-undefine lab-"*) rm -f {network} ;; esac')
    monkeypatch.setattr(
        fabric, "addresses", lambda: {"virbr1": ["192.168.56.1/24"]} if network.exists() else {}
    )
    said: list[str] = []
    made = vagrant.settings_for(2, 3, said.append)
    assert (made.plan.fabric, said) == ("192.168.56.0/24", [])


def test_a_machine_that_was_never_finished_is_made_anew(
    vagrant: Vagrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    (vagrant.folder / "state").write_text("shutoff")
    note = vagrant.folder / ".vagrant/machines/worker-1/libvirt/id"
    note.parent.mkdir(parents=True)
    note.write_text("1")
    monkeypatch.setattr(remains, "unfinished", lambda _: ["worker-1"])
    monkeypatch.setattr(forward, "leads", lambda *_: True)
    said = up(vagrant)
    assert said[0] == "worker-1 was never finished: it is made anew"
    lines = (vagrant.folder / "asked").read_text().splitlines()
    assert lines.index("destroy worker-1 --force --no-color") < lines.index("up --no-color")


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


@pytest.mark.parametrize(
    ("plugins", "architecture", "box", "said"),
    [
        (PLUGIN, "amd64", "kube-proxy-lab-x", ["KVM boots"]),
        (
            "",
            "amd64",
            "debian/bookworm64",
            ["the box that was built is for libvirt: the catalogue's is taken"],
        ),
        (
            PLUGIN,
            "arm64",
            "bento/debian-12",
            ["the box that was built is for amd64, not arm64: not taken", "KVM boots"],
        ),
    ],
    ids=["libvirt", "another provider", "another architecture"],
)
def test_the_box_that_was_built_is_taken_where_it_fits_and_kvm_is_tried_for_libvirt_alone(
    vagrant: Vagrant,
    monkeypatch: pytest.MonkeyPatch,
    plugins: str,
    architecture: str,
    box: str,
    said: list[str],
) -> None:
    (vagrant.folder / "plugins").write_text(plugins)
    built = Box(Path("/cache/box"), "kube-proxy-lab-x", "amd64", "6.1", "now", store.contents())
    monkeypatch.setattr(store, "find", lambda: built)
    monkeypatch.setattr(store, "architecture", lambda: architecture)
    monkeypatch.setattr(fabric, "addresses", dict)
    monkeypatch.setattr(kvm, "remembered", lambda: Acceleration(True, "KVM boots"))
    (vagrant.folder / "machines.yaml").unlink()
    told: list[str] = []
    assert vagrant.settings_for(None, 3, told.append).box == box
    assert told == said


def test_the_key_is_that_of_the_box_that_machines_are_made_of(
    vagrant: Vagrant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that another box has left in the folder would lock everybody out of the new machines."""
    boxes = [Box(tmp_path / name, name, "amd64", "6.1", "now") for name in ("old", "new")]
    for box in boxes:
        box.folder.mkdir()
        box.key.write_text(f"the key of {box.name}")
        monkeypatch.setattr(store, "find", lambda box=box: box)
        vagrant.write(vagrant_settings.make(vagrant.folder, plan(1), box, Acceleration(True, "KVM")))
        assert (vagrant.folder / "key").read_text() == f"the key of {box.name}"
    vagrant.write(vagrant_settings.make(vagrant.folder, plan(1), boxes[0], Acceleration(True, "KVM")))
    assert (vagrant.folder / "key").read_text() == "the key of new", "machines of the old box keep theirs"


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox"])
def test_a_port_that_another_program_has_taken_meanwhile_is_left_to_it(
    vagrant: Vagrant, provider: str
) -> None:
    known = vagrant.settings()
    assert known is not None
    note = vagrant.folder / f".vagrant/machines/control-1/{provider}/id"
    note.parent.mkdir(parents=True)
    note.write_text("1")
    assert vagrant.settings_for(None, 3) == known
    with listening(vagrant):
        said: list[str] = []
        other = vagrant.settings_for(None, 3, said.append)
    assert other.api_port != known.api_port
    taken = f"port {known.api_port} of this host is another program's by now"
    assert said == [f"{taken}: the API server's is {other.api_port}"]
    (vagrant.folder / "state").write_text("running")
    with listening(vagrant):
        own = vagrant.settings_for(None, 3) == known
    assert own is (provider == "virtualbox"), "there it is the machine's own process that listens"


def test_whose_vagrants_usual_network_is_is_said(vagrant: Vagrant, monkeypatch: pytest.MonkeyPatch) -> None:
    (vagrant.folder / "plugins").write_text(PLUGIN)
    monkeypatch.setattr(store, "find", lambda: None)
    monkeypatch.setattr(fabric, "addresses", lambda: {"eth1": ["192.168.121.7/24"]})
    monkeypatch.setattr(kvm, "remembered", lambda: Acceleration(True, "KVM boots"))
    (vagrant.folder / "machines.yaml").unlink()
    said: list[str] = []
    made = vagrant.settings_for(None, 3, said.append)
    assert made.libvirt["management_network_address"] == "192.168.123.0/24"
    assert said[-1] == "Vagrant's own network is 192.168.123.0/24: eth1 has the usual one"


def test_what_the_user_has_set_for_other_machines_is_not_for_these(
    vagrant: Vagrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGRANT_DOTFILE_PATH", "/elsewhere")
    monkeypatch.setenv("VAGRANT_VAGRANTFILE", "Vagrantfile.mine")
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "qemu+ssh://else/system")
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "libvirt")
    program = Path(os.environ["PATH"].split(":")[0]) / "vagrant"
    program.write_text(PROGRAM.replace("cd ", "env >$VAGRANT_CWD/environment\ncd ", 1))
    vagrant.status()
    seen = (vagrant.folder / "environment").read_text().splitlines()
    assert f"VAGRANT_DOTFILE_PATH={vagrant.folder}/.vagrant" in seen
    assert "LIBVIRT_DEFAULT_URI=qemu:///system" in seen
    assert "VAGRANT_DEFAULT_PROVIDER=libvirt" in seen, "the choice of a provider is the user's"
    assert not any(line.startswith("VAGRANT_VAGRANTFILE=") for line in seen)


def test_after_a_snapshot_was_restored_the_ways_in_are_made_anew(vagrant: Vagrant) -> None:
    said: list[str] = []
    up(vagrant)
    assert not vagrant.has_snapshots()
    vagrant.keep_snapshots(said.append)
    vagrant.keep_snapshots(said.append)
    assert [line.split(" as ")[0] for line in said] == ["snapshots of control-1, worker-1"]
    assert vagrant.has_snapshots()
    (vagrant.folder / "ssh_config").write_text("of old connections")
    ssh = provide(vagrant, "ssh")
    with listening(vagrant):
        vagrant.restore()
    lines = (vagrant.folder / "asked").read_text().splitlines()
    assert lines.count("snapshot save --force made --no-color") == 1
    assert lines.index("snapshot restore made --no-provision --no-color") < lines.index("ssh-config", 4)
    assert ssh.read_text().count("-O exit") == 2, "a connection to each machine is closed"
    assert "ControlMaster" in vagrant.ssh_config().read_text()
    vagrant.destroy()
    assert not vagrant.has_snapshots()


def test_a_machine_that_is_added_gets_a_snapshot_of_its_own(vagrant: Vagrant) -> None:
    up(vagrant)
    vagrant.keep_snapshots(lambda _: None)
    vagrant.write(vagrant.settings_for(3, 3))
    assert not vagrant.has_snapshots()
    note = vagrant.folder / ".vagrant/machines/worker-2/virtualbox/id"
    note.parent.mkdir(parents=True)
    note.write_text("1")
    vagrant.keep_snapshots(lambda _: None)
    assert vagrant.has_snapshots()
    saved = [line for line in (vagrant.folder / "asked").read_text().splitlines() if "save" in line]
    assert saved == [
        "snapshot save --force made --no-color",
        "snapshot save --force worker-2 made --no-color",
    ]


def test_a_machine_that_was_destroyed_by_hand_and_made_anew_gets_another_snapshot(vagrant: Vagrant) -> None:
    up(vagrant)
    vagrant.keep_snapshots(lambda _: None)
    (vagrant.folder / ".vagrant/machines/worker-1/virtualbox/id").unlink()
    assert not vagrant.has_snapshots(), "it has gone with its machine"
    (vagrant.folder / "state").write_text("not_created")
    up(vagrant)
    assert not vagrant.has_snapshots()
    vagrant.keep_snapshots(lambda _: None)
    assert vagrant.has_snapshots()


def test_a_provider_without_snapshots_is_no_error(vagrant: Vagrant) -> None:
    """Vagrant's words are en.yml's snapshot_not_supported."""
    up(vagrant)
    program = Path(os.environ["PATH"].split(":")[0]) / "vagrant"
    refuses = 'snapshot) echo "This provider doesn\'t support snapshots." >&2; exit 1 ;;'
    program.write_text(PROGRAM.replace("status)", f"{refuses}\nstatus)"))
    said: list[str] = []
    vagrant.keep_snapshots(said.append)
    assert len(said) == 1
    assert "doesn't support snapshots" in said[0]
    assert not vagrant.has_snapshots()


@pytest.mark.parametrize(("state", "ends"), [("running", False), ("shutoff", True)])
def test_a_forwarded_port_is_let_go_when_its_machine_does_not_run(
    vagrant: Vagrant, state: str, ends: bool
) -> None:
    pids = vagrant.folder / ".vagrant/machines/control-1/libvirt/pids"
    pids.mkdir(parents=True)
    (vagrant.folder / "state").write_text(state)
    words = ["ssh", "-c", "import time; time.sleep(30)", "-L", "127.0.0.1:6443:192.168.121.5:6443"]
    with listening(vagrant), subprocess.Popen(words, executable=sys.executable) as process:
        (pids / "ssh_6443.pid").write_text(str(process.pid))
        up(vagrant)
        assert (process.poll() is not None or process.wait(5) is not None) if ends else process.poll() is None
        process.kill()


def provide(vagrant: Vagrant, name: str, does: str = "") -> Path:
    """Put a program on the PATH that notes what it is asked for; returns its notes."""
    notes = vagrant.folder / f"{name}.asked"
    program = Path(os.environ["PATH"].split(":")[0]) / name
    program.write_text(f'#!/bin/sh\necho "$*" >>{notes}\n{does}\n')
    program.chmod(0o755)
    return notes


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
