from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vm import command, virtual
from vm.command import Completed
from vm.errors import MachineError
from vm.virtual import VirtualMachine

CONFIG = Path("/lab/vagrant/ssh_config")
WORKER = VirtualMachine("worker-1", CONFIG, "worker-1")
CLIENT = VirtualMachine("client", CONFIG, "control-1", "client")

VAGRANTS = """\
Host control-1
  HostName 192.168.121.5
  User vagrant

Host worker-1
  HostName 192.168.121.6
  User vagrant
"""


def test_commands_are_roots_and_their_words_are_quoted_for_the_shell_over_there() -> None:
    assert WORKER.before(["echo", "a  b", "$x"], interactive=False) == [
        *("ssh", "-F", str(CONFIG), "worker-1", "--"),
        "sudo -n -H -- echo 'a  b' '$x'",
    ]


def test_a_command_has_ten_times_as_long_as_on_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    def run(argv: list[str], *, timeout: float, **_: object) -> Completed:
        limits.append(timeout)
        return Completed(tuple(argv), 0, "", "")

    monkeypatch.setattr(command, "run", run)
    WORKER.run(["true"], timeout=3)
    assert limits == [30]


def test_a_helper_is_a_network_and_a_host_name_inside_of_the_control_plane() -> None:
    words = CLIENT.before(["curl", "http://10.96.0.1"], interactive=False)
    assert words[3] == "control-1"
    assert words[-1] == (
        "sudo -n -H -- nsenter --net=/run/netns/client --uts=/run/lab/uts/client -- curl http://10.96.0.1"
    )


@pytest.mark.parametrize(("terminal", "asked"), [(True, ["-t"]), (False, [])])
def test_a_terminal_over_there_is_asked_for_where_there_is_one_here(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, asked: list[str]
) -> None:
    monkeypatch.setattr("os.isatty", lambda _: terminal)
    assert WORKER.before(["top"], interactive=True)[3:-3] == asked
    assert "-t" not in WORKER.before(["top"], interactive=False)


def test_each_machine_gets_one_connection_for_all_commands() -> None:
    config = virtual.shared(VAGRANTS, Path("/lab/vagrant"))
    control, worker = config.split("\n\n")
    for block in (control, worker):
        assert "ControlMaster auto" in block
        assert 'ControlPath "/lab/vagrant/%n"' in block
    assert "HostName 192.168.121.5" in control
    assert "HostName 192.168.121.6" in worker


@pytest.mark.skipif(not shutil.which("ssh"), reason="ssh is not installed")
def test_a_state_folder_may_have_a_space_and_a_percent_sign(tmp_path: Path) -> None:
    """As macOS has it: ~/Library/Application Support."""
    config = tmp_path / "ssh_config"
    config.write_text(virtual.shared(VAGRANTS, Path("/lab/Application Support/100%home")))
    said = command.run(["ssh", "-G", "-F", str(config), "worker-1"]).stdout
    assert "controlpath /lab/Application Support/100%home/worker-1\n" in said.replace("%%", "%")
    assert "controlpersist 1800\n" in said


def test_a_path_too_long_for_a_socket_is_replaced_by_one_that_only_its_owner_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deep = Path("/home/somebody") / ("a-long-name-of-a-folder/" * 4)
    place = virtual.sockets(deep)
    assert place.parent == tmp_path
    assert place.stat().st_mode & 0o777 == 0o700
    assert virtual.sockets(deep) == place
    assert virtual.sockets(deep / "other") != place
    assert virtual.sockets(Path("/lab/vagrant")) == Path("/lab/vagrant")
    virtual.forget(deep)
    assert not place.exists()
    virtual.forget(tmp_path)
    assert tmp_path.exists(), "sockets in the lab's own folder go with it"


@pytest.mark.parametrize("kind", ["open to others", "a link"])
def test_a_place_for_sockets_that_somebody_else_has_made_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deep = Path("/home/somebody") / ("a-long-name-of-a-folder/" * 4)
    place = virtual.sockets(deep)
    if kind == "a link":
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.chmod(0o755)
    with pytest.raises(MachineError, match="no folder that only you may enter") as raised:
        virtual.sockets(deep)
    assert "LAB_HOME" in raised.value.cure
