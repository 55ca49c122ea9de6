"""A virtual machine, reached by ssh; and the ssh configuration by which it is.

Vagrant says how to log in; what is added makes all commands share one connection a machine: the first opens
it and takes as long as a login does, those after it take a round trip. The connection closes by itself when
nobody has used it for a while.

The helpers (client, balancer) are no machines of their own: a network and a host name inside of control-1.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from vm import command
from vm.errors import MachineError
from vm.machine import Reached

FOLDER = "vagrant"  # in the state folder
CONFIG = "ssh_config"
SETTINGS = "machines.yaml"
LONGEST = 80  # bytes of a socket's path, less what ssh appends while it makes one (unix(7): 108)
SHARED = """\
  ControlMaster auto
  ControlPath "{sockets}/%n"
  ControlPersist 30m
  ServerAliveInterval 5
  ServerAliveCountMax 4
  ConnectTimeout 30
"""


@dataclass(frozen=True)
class VirtualMachine(Reached):
    """A machine behind `ssh -F config host`; with ``namespace``, the helper of that name in it."""

    name: str
    config: Path
    host: str
    namespace: str = ""

    login: ClassVar[tuple[str, ...]] = ("bash", "-l")
    patience: ClassVar[float] = 10.0  # its processor may be emulated

    def before(self, argv: Sequence[str], *, interactive: bool) -> list[str]:
        """As root, by sudo: nobody logs in as root. ssh gets one line, for the shell on the other side."""
        terminal = ["-t"] if interactive and os.isatty(0) and os.isatty(1) else []
        words = ["sudo", "-n", "-H", "--", *self._entered(), *argv]
        return ["ssh", "-F", str(self.config), *terminal, self.host, "--", shlex.join(words)]

    def _entered(self) -> list[str]:
        if not self.namespace:
            return []
        kinds = {"net": "/run/netns", "uts": "/run/lab/uts"}
        return ["nsenter", *(f"--{kind}={path}/{self.namespace}" for kind, path in kinds.items()), "--"]


def shared(config: str, folder: Path) -> str:
    """Vagrant's ssh configuration, with one connection a machine; ``folder`` keeps the sockets."""
    lines = SHARED.format(sockets=literal(sockets(folder)))
    return re.sub(r"(?m)^(Host .*\n)", lambda found: found[1] + lines, config)


def literal(path: Path) -> str:
    """A socket's path as ssh takes it, to whom % begins a token."""
    return str(path).replace("%", "%%")


def sockets(folder: Path) -> Path:
    """Where ssh's sockets are: in the folder, unless its path is too long for a socket.

    Raises MachineError where somebody else was first at that other place, which has a known name.
    """
    place = _place(folder)
    if place != folder:
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
        found = place.lstat()
        if (found.st_mode, found.st_uid) != (stat.S_IFDIR | 0o700, os.getuid()):
            raise MachineError(
                f"{place}, for ssh's sockets, is no folder that only you may enter",
                f"remove it; or choose a LAB_HOME whose path is shorter than {LONGEST - 20} characters",
            )
    return place


def forget(folder: Path) -> None:
    """Remove the place of the sockets, if it is not the folder itself."""
    place = _place(folder)
    if place != folder:
        shutil.rmtree(place, ignore_errors=True)


def _place(folder: Path) -> Path:
    names = max(map(len, ("control-1", "worker-50")))
    if len(os.fsencode(folder)) + 1 + names <= LONGEST:
        return folder
    mark = sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"lab-ssh-{os.getuid()}-{mark}"


def hang_up(config: Path, hosts: Sequence[str]) -> None:
    """Close the shared connections, those that there are."""
    leaving = [command.start(["ssh", "-F", str(config), "-O", "exit", host]) for host in hosts]
    for each in leaving:
        each.finish(check=False)
