"""What a zygote is asked to start.

A ``Spawn`` says everything about a process before there is one: its program, its namespaces, where its
output goes, and whether it comes back when it dies. It is data, so that it can cross a socket: the agent asks
the zygote of its machine for a pod's container; `lab up` asks the lab's own for the machines.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

JSON = Any  # what json.loads gives; mypy has no word for it


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the machine, or memory, seen at ``target`` by one process and its children."""

    source: str
    target: str
    kind: Literal["bind", "tmpfs"] = "bind"
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class Root:
    """What the first process of a machine sees as `/`: the host read-only, with places and files of its own.

    ``files`` are contents by path; ``programs`` are names of commands and where the host has them.
    ``sysctls`` are values by their path under /proc/sys, set in the machine's network namespace, so that
    nothing depends on what the host's kernel was set to.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spawn:
    """One process to start; ``name`` is unique in its zygote until it is forgotten.

    Program: ``entry`` is "package.module:function", called as ``function(**arguments)`` in the forked child,
    where the packages are imported already; its return value (None is 0) is the exit code. Or ``argv``,
    executed. ``title`` is what ps, ss and netstat show.

    Namespaces: ``netns`` is the path of a network namespace to enter; ``hostname`` brings a UTS namespace;
    ``mounts`` or ``private`` a mount namespace, where missing mount points appear; ``root`` makes the child
    the first process of a machine, with a PID namespace and a root of its own; ``enter`` is the pid of a
    process whose mount, network and UTS namespaces are joined instead (`kubectl exec`).

    Output: to the descriptors that come with the request; else to the file ``log`` in the CRI's format, or to
    the file ``plain_log`` as it is; else nowhere. A terminal as descriptor 0 becomes the controlling one.
    ``sockets`` names listening sockets of the zygote; ``entry`` gets them as ``sockets={name: descriptor}``.
    """

    name: str
    title: str
    entry: str = ""
    arguments: Mapping[str, JSON] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    netns: str = ""
    hostname: str = ""
    private: bool = False
    mounts: tuple[Mount, ...] = ()
    root: Root | None = None
    enter: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    log: str = ""
    plain_log: str = ""
    restart: bool = False
    sockets: tuple[str, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """The request as JSON values; what has its default is left out."""
        silent = asdict(Spawn("", ""))
        return {
            key: value
            for key, value in asdict(self).items()
            if key in ("name", "title") or value != silent[key]
        }

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> Spawn:
        """The inverse of ``to_json``; raises TypeError for another shape."""
        fields = dict(value)
        for key in ("argv", "sockets"):
            fields[key] = tuple(fields.get(key, ()))
        fields["mounts"] = tuple(Mount(**mount) for mount in fields.get("mounts", ()))
        fields["root"] = Root(**fields["root"]) if fields.get("root") is not None else None
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Child:
    """A process that a zygote has started; ``status`` is None while it runs, then as ``Popen.returncode``."""

    pid: int
    status: int | None = None


def describe(status: int) -> str:
    """An exit status in words: `code 1`, `SIGKILL`."""
    return f"code {status}" if status >= 0 else signal.Signals(-status).name
