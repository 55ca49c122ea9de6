"""On which port to listen for a Service port: the kernel chooses, or a free one of a range.

A range is for nodes whose firewall wants to know. A port of it is taken at random, so that a restarted
proxy seldom meets the connections that still linger on the ports it had before. The real one keeps
sixteen ports ready by a goroutine and waits for it up to a second; here all is done within one event
loop, in which nobody could give a port back meanwhile.
"""

from __future__ import annotations

import random
from itertools import chain
from typing import Protocol

from labs.errors import LabError


class NoPortsLeft(LabError):
    """All ports of the range are in use."""

    def __init__(self, ports: range) -> None:
        super().__init__(
            "port allocation failed; there are no remaining ports left to allocate in the accepted range "
            f"{ports.start}-{ports.stop - 1}",
            "widen `portRange`, or leave it empty",
        )


class PortAllocator(Protocol):
    """Hands out ports to listen on."""

    def allocate(self) -> int:
        """A port that nobody else was given; 0 lets the kernel choose."""

    def release(self, port: int) -> None:
        """Take a port back."""


class KernelAllocator:
    """The kernel chooses from its ephemeral ports."""

    def allocate(self) -> int:
        """Zero: bind to any."""
        return 0

    def release(self, port: int) -> None:
        """Nothing was taken."""


class RangeAllocator:
    """Each port of a range once; raises ValueError for an empty one."""

    def __init__(self, ports: range, choose: random.Random | None = None) -> None:
        if not ports:
            raise ValueError("the range of ports is empty")
        self._ports = ports
        self._used: set[int] = set()
        self._choose = choose or random.Random()

    def allocate(self) -> int:
        """A free port: a random one, or the next above it, or the first below; raises NoPortsLeft."""
        start = self._choose.randrange(len(self._ports))
        for port in chain(self._ports[start:], self._ports[:start]):
            if port not in self._used:
                self._used.add(port)
                return port
        raise NoPortsLeft(self._ports)

    def release(self, port: int) -> None:
        """Let it be given again; one that was not given is no matter."""
        self._used.discard(port)


def allocator(ports: range) -> PortAllocator:
    """The allocator for ``portRange``."""
    return RangeAllocator(ports) if ports else KernelAllocator()
