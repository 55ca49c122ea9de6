"""What the objects depend on beside the state: the operator's settings and what this node has."""

from __future__ import annotations

from dataclasses import dataclass

from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.state import Family

NO_DETECTOR = LocalDetector()


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the rules.

    ``node_port_addresses`` None means that NodePorts are served on every local address, a tuple names those
    that serve them.
    """

    family: Family = Family.IPV4
    masquerade_bit: int = 14
    masquerade_all: bool = False
    detector: LocalDetector = NO_DETECTOR
    node_port_addresses: tuple[str, ...] | None = None

    @property
    def ip(self) -> str:
        """The family as nft names it, for tables and for matches alike."""
        return "ip" if self.family is Family.IPV4 else "ip6"

    @property
    def address(self) -> str:
        """The type of an address."""
        return "ipv4_addr" if self.family is Family.IPV4 else "ipv6_addr"

    @property
    def mark(self) -> str:
        """The mark of packets to masquerade, as ``nft list`` prints it: 0x00004000."""
        return f"{1 << self.masquerade_bit:#010x}"

    @property
    def masquerade(self) -> str:
        """Mark a packet: whether to masquerade is known before routing, the address to use only after."""
        return f"mark set mark or {self.mark}"

    @property
    def from_pod(self) -> str:
        """The match for packets from this cluster's pods, empty if they cannot be told apart."""
        return self._match("")

    @property
    def not_from_pod(self) -> str:
        """The match for packets from elsewhere."""
        return self._match("!= ")

    def _match(self, negation: str) -> str:
        """Interfaces by name: ``iif``, which the real one writes, needs them to exist and knows no prefix."""
        value = self.detector.value
        return {
            LocalBy.NOTHING: "",
            LocalBy.CIDR: f"{self.ip} saddr {negation}{value}",
            LocalBy.BRIDGE: f'iifname {negation}"{value}"',
            LocalBy.INTERFACE_PREFIX: f'iifname {negation}"{value}*"',
        }[self.detector.by]
