"""Virtual and real servers: what IPVS knows, in its own words, and written as ``ipvsadm -Sn`` writes it.

A virtual server is an address and port that clients ask; its real servers are the endpoints it shares
the connections among; the scheduler says how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

PERSISTENT = 0x1
"""A client goes to the same real server for the time-out: Kubernetes' ClientIP affinity."""
HASHED = 0x2
"""Set by the kernel, for its own use."""
MH_PORT = 0x10
"""Scheduler mh hashes the port too; without it all of a client's connections go to one real server."""

WEIGHT = 1
"""Of every endpoint that takes new connections; one that must not has 0."""

SERVICE_OPTION = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}


def at(ip: str, port: int) -> str:
    """ip:port as ipvsadm writes it."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


class ServerKey(NamedTuple):
    """By what the kernel tells virtual servers apart."""

    protocol: str
    ip: str
    port: int

    def __str__(self) -> str:
        return f"{SERVICE_OPTION[self.protocol]} {at(self.ip, self.port)}"


class RealKey(NamedTuple):
    """By what the kernel tells the real servers of one virtual server apart."""

    ip: str
    port: int

    def __str__(self) -> str:
        return at(self.ip, self.port)


@dataclass(frozen=True, slots=True)
class VirtualServer:
    """A virtual server; ``timeout`` is that of persistence, in seconds."""

    key: ServerKey
    scheduler: str = "rr"
    flags: int = 0
    timeout: int = 0

    def __str__(self) -> str:
        persistence = f" -p {self.timeout}" if self.flags & PERSISTENT else ""
        port = " -b mh-port" if self.flags & MH_PORT else ""
        return f"{self.key} -s {self.scheduler}{persistence}{port}"


def virtual_server(key: ServerKey, scheduler: str, affinity_seconds: int) -> VirtualServer:
    """The virtual server of a Service port at one of its addresses."""
    persistent = PERSISTENT if affinity_seconds else 0
    return VirtualServer(key, scheduler, persistent | (MH_PORT if scheduler == "mh" else 0), affinity_seconds)


@dataclass(frozen=True, slots=True)
class Served:
    """A virtual server with the weights of its real servers."""

    server: VirtualServer
    reals: Mapping[RealKey, int] = field(default_factory=dict)


class Load(NamedTuple):
    """What a real server of the kernel's has to do."""

    weight: int
    active: int = 0
    inactive: int = 0

    @property
    def idle(self) -> bool:
        """Whether no connection is left."""
        return not (self.active or self.inactive)


class Step(NamedTuple):
    """One change of the kernel's table: ``verb`` is add, set or del; of the server itself or a real one."""

    verb: str
    server: VirtualServer
    real: RealKey | None = None
    weight: int = WEIGHT

    def __str__(self) -> str:
        if self.real is None:
            letter = {"add": "-A", "set": "-E", "del": "-D"}[self.verb]
            return f"{letter} {self.server.key if self.verb == 'del' else self.server}"
        letter = {"add": "-a", "set": "-e", "del": "-d"}[self.verb]
        weight = "" if self.verb == "del" else f" -m -w {self.weight}"
        return f"{letter} {self.server.key} -r {self.real}{weight}"


def saved(table: Mapping[ServerKey, Served]) -> Iterator[str]:
    """The table as ``ipvsadm -Sn`` prints it, sorted."""
    for _, served in sorted(table.items()):
        yield str(Step("add", served.server))
        for real, weight in sorted(served.reals.items()):
            yield str(Step("add", served.server, real, weight))
