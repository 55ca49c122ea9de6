"""What the rules depend on beside the state: the operator's settings and what this host can do."""

from __future__ import annotations

from dataclasses import dataclass

from labs.proxy.localdetector import LocalDetector
from labs.proxy.netfilter import masquerade
from labs.proxy.state import Family

NO_DETECTOR = LocalDetector()


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the rules.

    ``node_port_addresses`` None means that NodePorts are served on every local address; a tuple names
    the local addresses that serve them. ``counters`` are the names of the nfacct counters that exist:
    a rule that names another makes the whole restore fail.
    """

    family: Family = Family.IPV4
    masquerade_bit: int = 14
    masquerade_all: bool = False
    detector: LocalDetector = NO_DETECTOR
    localhost_node_ports: bool = True
    node_port_addresses: tuple[str, ...] | None = None
    random_fully: bool = True
    drop_invalid: bool = True
    counters: frozenset[str] = frozenset()

    @property
    def mark(self) -> str:
        """The mark of packets to masquerade, as the real one writes it: 0x00004000."""
        return masquerade.mark_text(self.masquerade_bit)

    @property
    def serves_localhost(self) -> bool:
        """Whether NodePorts answer on 127.0.0.1; no kernel can route that for IPv6."""
        return self.localhost_node_ports and self.family is Family.IPV4

    @property
    def from_pod(self) -> str:
        """The match for packets from this cluster's pods, empty if they cannot be told apart."""
        return masquerade.from_pod(self.detector)

    @property
    def not_from_pod(self) -> str:
        """The match for packets from elsewhere."""
        return masquerade.not_from_pod(self.detector)
