"""Into a machine made of namespaces: `nsenter`, with the right files.

The host sees the lab's first process by its pid. That process's root (/proc/PID/root) has the lab's own /run,
where the lab writes the pid of each machine's first process, and the lab's own /proc, where that pid means
something. So a machine's namespaces are the files /proc/LAB/root/proc/MACHINE/ns/*, and a pod's are one step
deeper. The way through /proc is also how an ordinary user gets in: it takes no more than being the
lab's owner.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vm.errors import CommandNotFound, NotRunning
from vm.lock import Process
from vm.machine import Reached

BIN = "/run/lab/bin"  # in a machine: a folder of the lab's own commands (kubectl)
MACHINES = "/run/lab/machines"  # in the lab: a file a machine, with the pid of its first process
PATH = f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT = ("TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
NAMESPACES = ("user", "mnt", "uts", "net", "pid")
OPTIONS = {"user": "--user", "mnt": "--mount", "uts": "--uts", "net": "--net", "pid": "--pid"}
PROMPT = r"\u@\h:\w\$ "


@dataclass(frozen=True)
class Contained(Reached):
    """A machine of the lab whose first process is ``lab``; with ``pod``, a process of a pod on it."""

    name: str
    lab: Process
    pod: int = 0

    login: ClassVar[tuple[str, ...]] = ("bash", "--noprofile", "--norc", "-i")
    forks: ClassVar[bool] = True  # into the PID namespace

    def inside(self, pid: int) -> Contained:
        """The pod on this machine that the process ``pid`` (as the machine counts) belongs to."""
        return Contained(self.name, self.lab, pid)

    def proc(self) -> Path:
        """Where the host finds the process whose namespaces these are; raises NotRunning."""
        root = Path(f"/proc/{self.lab.pid}/root")
        try:
            if not self.lab.lives:
                raise FileNotFoundError
            init = int((root / MACHINES.lstrip("/") / self.name).read_text())
        except (OSError, ValueError) as error:
            raise NotRunning(
                f"the machine {self.name} is not running", "start the lab with `lab up`"
            ) from error
        proc = root / "proc" / str(init)
        return proc / "root" / "proc" / str(self.pod) if self.pod else proc

    def before(self, argv: Sequence[str], *, interactive: bool) -> list[str]:
        """`nsenter`, the command; in between `env` gives it back the Ctrl-C that `nsenter` ignores."""
        proc = self.proc()
        options = [f"{OPTIONS[kind]}={proc}/ns/{kind}" for kind in NAMESPACES if not _shared(proc, kind)]
        signals = ["env", "--default-signal=INT,QUIT", "--"] if interactive else []
        home = proc / "root/root"
        return [_nsenter(), "--preserve-credentials", *options, f"--wd={home}", "--", *signals, *argv]

    def environment(self) -> Mapping[str, str]:
        """That of a root shell on a server; of the caller's own only the terminal and the language."""
        kept = {key: os.environ[key] for key in KEPT if key in os.environ}
        root = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash"}
        return {"PATH": PATH, **root, "PS1": PROMPT, **kept}


def _shared(proc: Path, kind: str) -> bool:
    """Whether we are in that namespace already: to enter one's own user namespace again is an error."""
    try:
        there = (proc / "ns" / kind).stat().st_ino
    except OSError as error:
        raise NotRunning(f"the process {proc.name} has ended or is not yours: {error.strerror}") from error
    return there == os.stat(f"/proc/self/ns/{kind}").st_ino


def _nsenter() -> str:
    program = shutil.which("nsenter")
    if program is None:
        raise CommandNotFound("nsenter")
    return program
