"""With an `ssh` that listens where the real one would, and stays as long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from socket import create_server

import pytest

from vm import forward
from vm.errors import HostCannot

NOTES = ".vagrant/machines/control-1/libvirt/pids"
# Options: -S SOCKET … -L ADDRESS:PORT:… MACHINE, in the background; or -O check MACHINE.
SSH = """\
import os, socket, sys, time
words = sys.argv[1:]
pid = words[words.index("-S") + 1] + ".pid"
if "-O" in words:
    sys.exit(f"Master running (pid={open(pid).read()})")
try:
    door = socket.create_server(("127.0.0.1", int(words[words.index("-L") + 1].split(":")[1])))
except OSError:
    sys.exit("Could not request local forwarding.")
if child := os.fork():
    open(pid, "w").write(str(child))
    sys.exit()
os.setsid()
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    (tmp_path / "ssh.py").write_text(SSH)
    program.write_text(f'#!/bin/bash\nexec -a ssh {sys.executable} {tmp_path}/ssh.py "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    place = tmp_path / "lab"
    place.mkdir()
    yield place
    forward.end(place, "*")


def test_a_forwarded_port_is_known_as_the_labs_own_until_it_is_ended(folder: Path) -> None:
    port = forward.free_port()
    assert not forward.taken(port)
    forward.begin(folder, port, "control-1")
    assert forward.taken(port)
    assert forward.ours(folder, port)
    assert not forward.ours(folder, port + 1)
    forward.end(folder, "worker-1")
    assert forward.ours(folder, port)
    forward.end(folder, "control-1")
    assert not list((folder / NOTES).iterdir())
    wait_until(lambda: not forward.taken(port))


def test_another_programs_port_leads_nowhere_and_is_said_so(folder: Path) -> None:
    with closing(create_server(("127.0.0.1", 0))) as door:
        port = door.getsockname()[1]
        assert not forward.leads(folder, port, "libvirt")
        assert forward.leads(folder, port, "virtualbox"), "there the machine's own process listens"
        with pytest.raises(HostCannot, match=f"port {port} of this host cannot lead to control-1") as raised:
            forward.begin(folder, port, "control-1")
    assert "ss -ltnp" in raised.value.cure


def test_a_process_that_has_the_number_of_an_ssh_that_is_gone_is_left_alone(folder: Path) -> None:
    note = folder / NOTES / "ssh_6443.pid"
    note.parent.mkdir(parents=True)
    note.write_text(str(os.getpid()))
    assert not forward.ours(folder, 6443)
    forward.end(folder, "*")  # this process is no ssh: or this test would end here
    assert not note.exists()


@pytest.mark.parametrize("port", [6443, 6444])
def test_an_ssh_that_forwards_something_else_is_left_alone(folder: Path, port: int) -> None:
    """After a reboot the number that was noted may be that of the user's own ssh."""
    note = folder / NOTES / "ssh_6443.pid"
    note.parent.mkdir(parents=True)
    words = ["ssh", "-c", "import time; time.sleep(30)", "-L", f"127.0.0.1:{port}:192.168.121.5:6443"]
    with subprocess.Popen(words, executable=sys.executable) as process:
        note.write_text(str(process.pid))
        wait_until(lambda: Path(f"/proc/{process.pid}/cmdline").read_text().startswith("ssh"))
        assert forward.ours(folder, 6443) is (port == 6443)
        forward.end(folder, "*")
        if port == 6443:
            assert process.wait(5) == -signal.SIGTERM
        else:
            assert process.poll() is None
        process.kill()
    assert not note.exists()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
