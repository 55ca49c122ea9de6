"""The packet that a walk sends through the rules: as it starts, and as it is at one moment on its way.

`Packet` is what the asker knows. `InFlight` is what a rule sees: addresses after NAT, the mark as it is now.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from checker.rulesets.prefix import Address, address

# No interface can be called so: iptables and `ip link` both take a name that starts with `-` for an option.
NO_INTERFACE = "-"

Span = tuple[int, int]
ANY_PORT: Span = (0, 65535)


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a connection, and what its node knows about it.

    `local` are the node's own addresses (loopback is known without saying). `in_interface`,
    `out_interface`: "" is *not known*, and a rule that asks for it cannot be decided. `masquerade_as` is
    the address the node takes when it masquerades this packet, "" if not known. `recent` is what lists that
    remember clients hold beside what the rules' own text says, all of it fresh: lists of iptables' `recent`
    and sets of nft by their names, and `"10.96.0.10:80 10.244.1.5:8080"` for clients that a persistent
    virtual server of IPVS keeps at a real one. `bridge_port` is the port of a bridge the packet came in by,
    "" for none. A packet of protocol `icmp` or `ipv6-icmp` is an echo request.
    """

    source: str
    destination: str
    protocol: str = "tcp"
    source_port: int = 40000
    destination_port: int = 0
    in_interface: str = ""
    out_interface: str = ""
    ctstate: str = "NEW"
    mark: int = 0
    local: Collection[str] = ()
    masquerade_as: str = ""
    recent: Mapping[str, Collection[str]] = field(default_factory=dict)
    bridge_port: str = ""


class Set(Protocol):
    """An ipset, as the `set` match asks it."""

    def holds(self, packet: "InFlight", parts: str) -> bool | None:
        """Whether it holds these parts (`dst,dst,src`) of the packet; None where that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class InFlight:
    """A packet at one moment.

    A port is a span, of one port until a rule took one of a range and nobody knows which. An interface is ""
    where it is not known and NO_INTERFACE where there is none: what is made here came in by none, and before
    routing none leads out. `opens` is whether it opens a connection, whatever state the rules see.
    `sets` are the node's ipsets, `noted` what the walk itself put into sets of nft, `virtual` the virtual
    server of IPVS that has taken it.
    """

    source: Address
    destination: Address
    protocol: str
    source_ports: Span
    destination_ports: Span
    in_interface: str
    out_interface: str
    ctstates: frozenset[str]
    mark: int
    local: frozenset[Address]
    recent: Mapping[str, frozenset[Address]]
    sets: Mapping[str, "Set"] = field(default_factory=dict)
    noted: frozenset[tuple[str, tuple[object, ...]]] = frozenset()
    virtual: tuple[str, Address, int] | None = None
    connmark: int = 0
    bridge_port: str = ""
    redirected: bool = False
    source_known: bool = True
    opens: bool = True

    @property
    def tracked(self) -> bool:
        """Whether the kernel knows a connection for it: before conntrack looked at it, it does not."""
        return self.ctstates.isdisjoint({"INVALID", "UNTRACKED"})

    @property
    def for_this_node(self) -> bool:
        """Whether the routing decision is *deliver here*."""
        return is_local(self.destination, self.local)

    @property
    def to(self) -> str:
        """Where it goes now: `10.244.1.5:8080`, `[fd00::5]:8080`; without the port where there is none."""
        return endpoint(self.destination, span_text(self.destination_ports))


def endpoint(where: Address, port: str) -> str:
    """An address and port in the way of rules and URLs: IPv6 in brackets."""
    if not port:
        return where.text
    return f"[{where.text}]:{port}" if where.version == 6 else f"{where.text}:{port}"


def span_text(ports: Span) -> str:
    """`8080`, `80-90`; nothing for port 0, which a packet without ports has."""
    low, high = ports
    return "" if high == 0 else str(low) if low == high else f"{low}-{high}"


def is_local(where: Address, local: Collection[Address]) -> bool:
    """Whether the node holds the address: its own, 127.0.0.0/8 or ::1."""
    loopback = where.value >> 24 == 127 if where.version == 4 else where.value == 1
    return loopback or where in local


def in_flight(packet: Packet) -> InFlight:
    """The packet as its first rule sees it. Raises ValueError where an address is none."""
    return InFlight(
        source=address(packet.source),
        destination=address(packet.destination),
        protocol=packet.protocol,
        source_ports=(packet.source_port, packet.source_port),
        destination_ports=(packet.destination_port, packet.destination_port),
        in_interface=packet.in_interface,
        out_interface=packet.out_interface,
        ctstates=frozenset({packet.ctstate}),
        mark=packet.mark,
        local=frozenset(address(each) for each in packet.local),
        recent={name: frozenset(map(address, entries)) for name, entries in packet.recent.items()},
        bridge_port=packet.bridge_port,
        opens=packet.ctstate == "NEW",
    )
