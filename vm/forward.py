"""The port of this host's loopback that leads to the API server in control-1.

VirtualBox and its like have one in the machine's network card. vagrant-libvirt starts an ssh when it boots a
machine and notes its process number; it does not look whether it got the port, and that ssh ends with its
connection. So whose port it is, is looked at here, and another ssh is started where that one is gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from vm import command, virtual
from vm.errors import CommandFailed, HostCannot

API = 6443  # where the API server listens in the machine
PATIENCE = 60.0  # seconds for an emulated machine to let an ssh in
NOTES = ".vagrant/machines/{machine}/libvirt/pids/ssh_{port}.pid"  # vagrant-libvirt's
ALONE = ("-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o", "ExitOnForwardFailure=yes")


def free_port() -> int:
    """A port of this host's loopback that nobody listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def taken(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def ours(folder: Path, port: int) -> bool:
    """Whether an ssh of that folder's machines has the port."""
    return any(_forwards(pid, note) for note, pid in _noted(folder, "*", str(port)))


def leads(folder: Path, port: int, provider: str) -> bool:
    """Whether the port leads to the machine, as far as can be seen from here; an ssh may be on its way."""
    if provider != "libvirt":
        return taken(port)
    deadline = time.monotonic() + PATIENCE
    while ours(folder, port) and not taken(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    return taken(port) and ours(folder, port)


def begin(folder: Path, port: int, machine: str) -> None:
    """Start an ssh that forwards the port, and note it where vagrant-libvirt looks for its own.

    Raises HostCannot where the port is another program's.
    """
    config, log = folder / virtual.CONFIG, folder / "forward.log"
    path = virtual.literal(virtual.sockets(folder) / "forward")
    words = ["ssh", "-F", str(config), "-S", path]
    lead = [*ALONE, "-f", "-N", "-L", f"127.0.0.1:{port}:127.0.0.1:{API}", machine]
    try:  # what goes to the background would keep our pipes open
        command.run(["sh", "-c", 'exec "$@" >"$0" 2>&1', str(log), *words, *lead], timeout=PATIENCE)
    except CommandFailed as error:
        raise HostCannot(
            f"port {port} of this host cannot lead to {machine}: {log.read_text(errors='replace').strip()}",
            "`ss -ltnp` says who has it; `lab down` and `lab up` take another",
        ) from error
    said = command.run([*words, "-O", "check", machine], check=False)
    if found := re.search(r"pid=(\d+)", said.stdout + said.stderr):
        note = folder / NOTES.format(machine=machine, port=port)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(found[1], encoding="ascii")


def end(folder: Path, machine: str) -> None:
    """End the forwarding to that machine, "*" to any: an ssh may outlive a machine and then has the port."""
    for note, pid in _noted(folder, machine, "*"):
        if _forwards(pid, note):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)
        note.unlink(missing_ok=True)


def _noted(folder: Path, machine: str, port: str) -> Iterator[tuple[Path, int]]:
    for note in folder.glob(NOTES.format(machine=machine, port=port)):
        with contextlib.suppress(OSError, ValueError):
            yield note, int(note.read_text(encoding="ascii"))


def _forwards(pid: int, note: Path) -> bool:
    """Whether it is still that ssh: a process number is soon another's, perhaps of an ssh of the user."""
    port = note.stem.removeprefix("ssh_")
    with contextlib.suppress(OSError):
        program, *words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
        return Path(program).name == "ssh" and any(f":{port}:" in word for word in words)
    return False
