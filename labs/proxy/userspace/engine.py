"""What all sockets of one proxier share: the poller, the balancer, the pipes, the list of what is open."""

from __future__ import annotations

import asyncio
import logging
import resource
from dataclasses import dataclass, field
from typing import Protocol

from labs.proxy.userspace.balancer import LoadBalancerRR
from labs.proxy.userspace.pipes import Pipes
from labs.proxy.userspace.poller import Poller

log = logging.getLogger(__name__)

DESCRIPTORS = 64_000
"""Open files that the real one asks for; without more than the usual 1,024 it could serve 500 connections."""


class Closable(Protocol):
    """Something under way that can be ended at once."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Made within a running event loop, closed in it."""

    poller: Poller
    balancer: LoadBalancerRR
    pipes: Pipes
    open: set[Closable] = field(default_factory=set)

    @staticmethod
    def start(balancer: LoadBalancerRR) -> Engine:
        """An engine for this event loop."""
        allow_descriptors()
        return Engine(Poller(asyncio.get_running_loop()), balancer, Pipes())

    def close(self) -> None:
        """End all that is under way."""
        for each in tuple(self.open):
            each.close()
        self.pipes.close()
        self.poller.close()


def allow_descriptors() -> None:
    """Raise this process's limit of open files as far as an ordinary user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        log.info("Open files: up to %d", wanted)
