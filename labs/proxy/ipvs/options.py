"""What this mode does depends on beside the state: the operator's settings and what this host is."""

from __future__ import annotations

from dataclasses import dataclass

from labs.proxy.localdetector import LocalDetector
from labs.proxy.state import Family

DEFAULT_SCHEDULER = "rr"
NO_DETECTOR = LocalDetector()


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of rules, sets and servers.

    ``node_port_addresses`` are the node's addresses that serve NodePorts. ``local_addresses`` are all of
    the node's own except those on kube-ipvs0: what is there already must not be bound once more.
    """

    family: Family = Family.IPV4
    masquerade_bit: int = 14
    masquerade_all: bool = False
    detector: LocalDetector = NO_DETECTOR
    random_fully: bool = True
    scheduler: str = DEFAULT_SCHEDULER
    node_port_addresses: tuple[str, ...] = ()
    local_addresses: frozenset[str] = frozenset()
