"""A virtual machine, reached by ssh; and the ssh configuration by which it is.

Vagrant says how to log in; what is added makes all commands share one connection a machine: the first opens
it and takes as long as a login does, those after it take a round trip. The connection closes by itself when
nobody has used it for a while.

The helpers (client, balancer) are no machines of their own: a network and a host name inside of control-1.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from vm import command
from vm.machine import Reached

FOLDER = "vagrant"  # in the state folder
CONFIG = "ssh_config"
SETTINGS = "machines.yaml"
LONGEST = 80  # bytes of a socket's path, less what ssh appends while it makes one (unix(7): 108)
SHARED = """\
  ControlMaster auto
  ControlPath {sockets}/%n
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
    lines = SHARED.format(sockets=sockets(folder))
    return re.sub(r"(?m)^(Host .*\n)", lambda found: found[1] + lines, config)


def sockets(folder: Path) -> Path:
    """Where ssh's sockets are: in the folder, unless its path is too long for a socket."""
    names = max(map(len, ("control-1", "worker-50")))
    if len(os.fsencode(folder)) + 1 + names <= LONGEST:
        return folder
    mark = sha256(os.fsencode(folder)).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"lab-ssh-{os.getuid()}-{mark}"
    private.mkdir(mode=0o700, exist_ok=True)
    return private


def hang_up(config: Path, hosts: Sequence[str]) -> None:
    """Close the shared connections, those that there are."""
    leaving = [command.start(["ssh", "-F", str(config), "-O", "exit", host]) for host in hosts]
    for each in leaving:
        each.finish(check=False)
