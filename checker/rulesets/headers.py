"""Matches on the packet itself: addresses, protocol, ports, flags, and the interfaces it uses."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from checker.rulesets.match import Answer, Match
from checker.rulesets.packet import InFlight, Span, is_local
from checker.rulesets.prefix import Address, Prefix

Side = Literal["source", "destination"]
FROM_TO = {"source": "from", "destination": "to"}


@dataclass(frozen=True, slots=True)
class AddressIn(Match):
    """`-s` and `-d`."""

    side: Side
    prefix: Prefix

    @property
    def option(self) -> str:
        """As printed: always with the length of the prefix."""
        return f"-{self.side[0]} {self.prefix.text}"

    @property
    def phrase(self) -> str:
        """A single address without its `/32`."""
        where = self.prefix.text.partition("/")[0] if self.prefix.single else self.prefix.text
        return f"{FROM_TO[self.side]} {where}"

    def test(self, packet: InFlight) -> Answer:
        """Whether the address, as it is now, lies in the prefix."""
        if self.side == "destination":
            return self.prefix.covers(packet.destination)
        return self.prefix.covers(packet.source) if packet.source_known else None


@dataclass(frozen=True, slots=True)
class Protocol(Match):
    """`-p`."""

    name: str

    @property
    def option(self) -> str:
        """By name where it has one."""
        return f"-p {self.name}"

    @property
    def phrase(self) -> str:
        """Its name."""
        return self.name

    def test(self, packet: InFlight) -> Answer:
        """Whether the packet is of this protocol."""
        return packet.protocol == self.name


@dataclass(frozen=True, slots=True)
class Ports(Match):
    """`--dport`, `--sport` and multiport's lists of them."""

    side: Literal["source", "destination", "either"]
    spans: tuple[Span, ...]

    @property
    def option(self) -> str:
        """One span as tcp and udp write it, several as multiport does."""
        spans = ",".join(f"{low}" if low == high else f"{low}:{high}" for low, high in self.spans)
        letter = {"source": "s", "destination": "d", "either": ""}[self.side]
        return f"--{letter}port {spans}" if self._plain else f"--{letter}ports {spans}"

    @property
    def _plain(self) -> bool:
        return len(self.spans) == 1 and self.side != "either"

    @property
    def text(self) -> str:
        """Multiport's options need their module; the protocol's own do not."""
        return f"{'' if self._plain else '-m multiport '}{'! ' if self.negated else ''}{self.option}"

    @property
    def phrase(self) -> str:
        """`port 80`, `port 30000 to 32767`, `source port …`."""
        spans = " or ".join(f"{low}" if low == high else f"{low} to {high}" for low, high in self.spans)
        kind = {"source": "source port", "destination": "port", "either": "source or destination port"}
        return f"{kind[self.side]} {spans}"

    def test(self, packet: InFlight) -> Answer:
        """Whether a port lies in a span; not known if all one knows of it is a span across the edge."""
        ports = {
            "source": (packet.source_ports,),
            "destination": (packet.destination_ports,),
            "either": (packet.source_ports, packet.destination_ports),
        }[self.side]
        pairs = [(port, span) for port in ports for span in self.spans]
        if any(low <= port[0] and port[1] <= high for port, (low, high) in pairs):
            return True
        return None if any(low <= port[1] and port[0] <= high for port, (low, high) in pairs) else False


@dataclass(frozen=True, slots=True)
class Interface(Match):
    """`-i` and `-o`; a trailing `+` stands for any ending."""

    side: Literal["in", "out"]
    name: str

    @property
    def option(self) -> str:
        """The name with its `+`."""
        return f"-{self.side[0]} {self.name}"

    @property
    def phrase(self) -> str:
        """`coming in by eth0`."""
        name = f"any {self.name[:-1]}…" if self.name.endswith("+") else self.name
        return f"coming in by {name}" if self.side == "in" else f"going out by {name}"

    def test(self, packet: InFlight) -> Answer:
        """Not known where the asker did not say by which interface the packet comes or goes."""
        name = packet.in_interface if self.side == "in" else packet.out_interface
        if not name:
            return None
        return name.startswith(self.name[:-1]) if self.name.endswith("+") else name == self.name


@dataclass(frozen=True, slots=True)
class AddressType(Match):
    """`addrtype`: what the routing table says about an address."""

    module: ClassVar[str] = "addrtype"
    side: Side
    types: frozenset[str]

    @property
    def option(self) -> str:
        """Types in alphabetical order."""
        return (
            f"--{self.side[0]}{'rc' if self.side == 'source' else 'st'}-type {','.join(sorted(self.types))}"
        )

    @property
    def phrase(self) -> str:
        """LOCAL is by far the most usual."""
        if self.types == {"LOCAL"}:
            return f"{FROM_TO[self.side]} an address of this node"
        return f"{FROM_TO[self.side]} an address of type {' or '.join(sorted(self.types))}"

    def test(self, packet: InFlight) -> Answer:
        """An address has one type: known here are local, multicast, limited broadcast, else unicast."""
        if self.side == "source" and not packet.source_known:
            return None
        found = address_type(getattr(packet, self.side), packet)
        if found in self.types:
            return True
        # A subnet's broadcast address, blackhole and unreachable routes look like unicast from here.
        return None if found == "UNICAST" and self.types - {"LOCAL", "MULTICAST", "UNICAST"} else False


def address_type(where: Address, packet: InFlight) -> str:
    """LOCAL, MULTICAST, BROADCAST or UNICAST."""
    if is_local(where, packet.local):
        return "LOCAL"
    if where.value >> (28 if where.version == 4 else 120) == (0xE if where.version == 4 else 0xFF):
        return "MULTICAST"
    return "BROADCAST" if where.version == 4 and where.value == 0xFFFFFFFF else "UNICAST"


FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")


@dataclass(frozen=True, slots=True)
class TcpFlags(Match):
    """`--tcp-flags` and `--syn`."""

    looked_at: frozenset[str]
    set_flags: frozenset[str]

    @property
    def option(self) -> str:
        """Flags in the order of the header."""
        return f"--tcp-flags {_flags(self.looked_at)} {_flags(self.set_flags)}"

    @property
    def phrase(self) -> str:
        """A SYN is called one."""
        return f"tcp flags {_flags(self.set_flags)} of {_flags(self.looked_at)}"

    def test(self, packet: InFlight) -> Answer:
        """A connection begins with a SYN; of later packets the flags are not known."""
        if not packet.opens:
            return None
        return {"SYN"} & self.looked_at == self.set_flags


def _flags(flags: frozenset[str]) -> str:
    return ",".join(flag for flag in FLAGS if flag in flags) or "NONE"


ECHO_REQUEST = {"icmp": "8", "ipv6-icmp": "128"}


@dataclass(frozen=True, slots=True)
class IcmpType(Match):
    """`--icmp-type`, `--icmpv6-type`: a number, with the code after `/` where one is asked for."""

    protocol: str
    type: str

    @property
    def option(self) -> str:
        """The option differs between the families."""
        return f"--icmp{'v6' if self.protocol == 'ipv6-icmp' else ''}-type {self.type}"

    @property
    def phrase(self) -> str:
        """Ping is called by its name."""
        return "a ping" if self.type == ECHO_REQUEST[self.protocol] else f"icmp type {self.type}"

    def test(self, packet: InFlight) -> Answer:
        """An icmp packet of a walk is an echo request."""
        return self.type in {ECHO_REQUEST[self.protocol], ECHO_REQUEST[self.protocol] + "/0", "any"}


@dataclass(frozen=True, slots=True)
class Fragment(Match):
    """`-f`: second and later fragments."""

    @property
    def option(self) -> str:
        """It has no value."""
        return "-f"

    @property
    def phrase(self) -> str:
        """In words."""
        return "a later fragment"

    def test(self, packet: InFlight) -> Answer:
        """The packet of a walk is whole."""
        return False
