"""Targets that translate addresses: DNAT and REDIRECT on the way in, SNAT and MASQUERADE on the way out."""

from dataclasses import dataclass, replace
from typing import ClassVar

from checker.rulesets.packet import ANY_PORT, NO_INTERFACE, InFlight, Span, endpoint, span_text
from checker.rulesets.prefix import Address
from checker.rulesets.target import Target

WIDEST_CHOICE = 256


@dataclass(frozen=True, slots=True)
class Range:
    """Where to translate to: addresses and ports from-to, either may be missing; and the options after it."""

    addresses: tuple[Address, ...] = ()
    ports: Span | None = None
    options: tuple[str, ...] = ()

    @property
    def port_text(self) -> str:
        """`8080`, `80-90` or nothing."""
        return span_text(self.ports) if self.ports else ""

    @property
    def text(self) -> str:
        """As iptables writes it: `10.0.0.1-10.0.0.3:80-90`, `[fd00::5]:8080`, `:8080`."""
        if not self.addresses:
            return f":{self.port_text}" if self.ports else ""
        low, high = self.addresses[0], self.addresses[-1]
        if low == high:
            return endpoint(low, self.port_text)
        inner = f"{low.text}-{high.text}"
        return inner if not self.ports else endpoint_range(inner, low.version, self.port_text)

    def ports_for(self, ports: Span) -> Span:
        """The port that a packet to this one gets: its own if that is in the range, else any of the range."""
        if self.ports is None:
            return ports
        within = self.ports[0] <= ports[0] and ports[1] <= self.ports[1]
        return ports if within and "--random" not in self.options else self.ports

    def each_address(self) -> tuple[Address | None, ...]:
        """Every address of the range, the first 256 of a wide one; None: it stays as it is."""
        if not self.addresses:
            return (None,)
        low, high = self.addresses[0], self.addresses[-1]
        last = min(high.value, low.value + WIDEST_CHOICE - 1)
        return tuple(Address(low.version, value) for value in range(low.value, last + 1))


def endpoint_range(addresses: str, version: int, ports: str) -> str:
    """A range of addresses with ports."""
    return f"[{addresses}]:{ports}" if version == 6 else f"{addresses}:{ports}"


@dataclass(frozen=True, slots=True)
class Dnat(Target):
    """A new destination; the connection remembers it, so only its first packet comes here."""

    ends: ClassVar[str] = "ACCEPT"
    binds: ClassVar[bool] = True
    to: Range

    @property
    def text(self) -> str:
        """As printed."""
        return " ".join(("-j DNAT --to-destination", self.to.text, *self.to.options))

    @property
    def words(self) -> str:
        """With the new destination."""
        return f"DNAT to {self.to.text}"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """From a range the kernel picks by a hash of the connection: over many, each address as often."""
        return tuple(
            _redirected(packet, where or packet.destination, self.to) for where in self.to.each_address()
        )


def _redirected(packet: InFlight, where: Address, to: Range) -> InFlight:
    ports = to.ports_for(packet.destination_ports)
    # The kernel calls a connection translated only if its destination is another one than before.
    changed = (where, ports) != (packet.destination, packet.destination_ports)
    return replace(
        packet,
        destination=where,
        destination_ports=ports,
        redirected=True,
        ctstates=packet.ctstates | {"DNAT"} if changed else packet.ctstates,
    )


@dataclass(frozen=True, slots=True)
class Redirect(Target):
    """DNAT to the node itself: to 127.0.0.1 or ::1 on the way out, else to the address it came in by."""

    ends: ClassVar[str] = "ACCEPT"
    binds: ClassVar[bool] = True
    to: Range

    @property
    def text(self) -> str:
        """As printed."""
        ports = ("--to-ports", self.to.port_text) if self.to.ports else ()
        return " ".join(("-j REDIRECT", *ports, *self.to.options))

    @property
    def words(self) -> str:
        """With the port."""
        return f"REDIRECT to this node's port {self.to.port_text or '(the same)'}"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """Which address the interface has is not known: the node's first of the family stands for it."""
        version = packet.destination.version
        loopback = Address(version, 0x7F000001 if version == 4 else 1)
        own = sorted((each for each in packet.local if each.version == version), key=lambda each: each.value)
        where = own[0] if own and packet.in_interface != NO_INTERFACE else loopback
        return (_redirected(packet, where, self.to),)


@dataclass(frozen=True, slots=True)
class Snat(Target):
    """A given source address."""

    ends: ClassVar[str] = "ACCEPT"
    binds: ClassVar[bool] = True
    to: Range

    @property
    def text(self) -> str:
        """As printed."""
        return " ".join(("-j SNAT --to-source", self.to.text, *self.to.options))

    @property
    def words(self) -> str:
        """With the new source."""
        return f"SNAT to {self.to.text}"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """As DNAT, for the source."""
        return tuple(
            replace(
                packet,
                source=each or packet.source,
                source_ports=ANY_PORT,
                ctstates=packet.ctstates if each == packet.source else packet.ctstates | {"SNAT"},
            )
            for each in self.to.each_address()
        )


@dataclass(frozen=True, slots=True)
class Masquerade(Target):
    """SNAT to the address of the interface that the packet leaves by."""

    ends: ClassVar[str] = "ACCEPT"
    binds: ClassVar[bool] = True
    to: Range

    @property
    def text(self) -> str:
        """As printed."""
        ports = ("--to-ports", self.to.port_text) if self.to.ports else ()
        return " ".join(("-j MASQUERADE", *ports, *self.to.options))

    @property
    def words(self) -> str:
        """In words."""
        return "MASQUERADE: the source becomes the node's own address"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """The new source is the walk's to say, if it is known at all."""
        return (
            replace(packet, source_known=False, source_ports=ANY_PORT, ctstates=packet.ctstates | {"SNAT"}),
        )
