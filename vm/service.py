"""A zygote as a system service: what a virtual machine runs in place of a machine's first process.

A machine made of namespaces is forked off `lab init` and shares its packages. A virtual machine has a first
process of its own, systemd, which starts `python -P -m vm.service FILE` and starts it again when it ends. The
file says what to import and what to run; from there on everything is as elsewhere: the zygote forks the
services, restarts them at once (a fresh Python would take ten seconds on an emulated processor), and the
agent asks it for pods.

It stays in the machine's own mount and network namespaces, so what `ip netns` lists in a shell there are the
agent's sandboxes.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from setproctitle import setproctitle

from vm.conversation import listen
from vm.errors import MachineError
from vm.spawn import JSON, Spawn
from vm.zygote import Zygote

STAGE = "/run/lab"  # where a child puts its volumes together (rootfs.py)


@dataclass(frozen=True, slots=True)
class Service:
    """One zygote: its title, the socket to ask it at ("" for none), modules to share, processes to keep."""

    title: str
    socket: str
    preload: tuple[str, ...]
    processes: tuple[Spawn, ...]

    def to_json(self) -> dict[str, JSON]:
        """As it stands in the file."""
        return {
            "title": self.title,
            "socket": self.socket,
            "preload": list(self.preload),
            "processes": [process.to_json() for process in self.processes],
        }

    @classmethod
    def read(cls, path: Path) -> Service:
        """The service of that file; raises MachineError if it is not one."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            processes = tuple(Spawn.from_json(process) for process in value["processes"])
            return cls(value["title"], value["socket"], tuple(value["preload"]), processes)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MachineError(
                f"{path} does not describe a service: {type(error).__name__}: {error}",
                "`lab up` writes it anew",
            ) from error


def run(service: Service) -> None:
    """Be that zygote until SIGTERM."""
    setproctitle(service.title)
    os.umask(0o022)
    os.makedirs(STAGE, exist_ok=True)
    gc.disable()
    for module in service.preload:
        importlib.import_module(module)
    gc.freeze()  # so that no garbage collection writes to the pages that children share
    gc.enable()
    zygote = Zygote()
    if service.socket:
        listen(zygote, service.socket)
    for process in service.processes:
        zygote.spawn(process)
    zygote.serve()


def main(argv: Sequence[str]) -> int:
    """For systemd: one argument, the file."""
    try:
        run(Service.read(Path(argv[0])))
    except (MachineError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
