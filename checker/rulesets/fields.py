"""What an expression of nft reads from a packet: one table of fields, each with its name in nft and in words.

A field that is not in the table can be written down but not read: its value is not known, and a rule that
hangs on it is undecided.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from checker.rulesets.headers import address_type
from checker.rulesets.packet import NO_INTERFACE, InFlight
from checker.rulesets.prefix import Address
from checker.rulesets.values import ABSENT, Draw, Flags, Value

Read = Callable[[InFlight], Value]
PORTED = frozenset({"tcp", "udp", "sctp", "dccp", "udplite"})
STATES = ("new", "established", "related", "invalid", "untracked")


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be read: `name` as nft writes it, `words` for people, `need` its protocol.

    `draw` is what it is drawn from, where it is no part of the packet but a number made for it.
    """

    name: str
    words: str
    read: Read
    need: str = ""
    draw: Draw | None = None

    @property
    def sentence(self) -> str:
        """How a comparison with it is said, {} standing for the value."""
        return SENTENCES.get(self.words, f"{self.words} {{}}")

    def value(self, packet: InFlight) -> Value:
        """What the packet has, ABSENT where it is of another protocol."""
        return ABSENT if self.need and packet.protocol != self.need else self.read(packet)


SENTENCES: Mapping[str, str] = {
    "source": "from {}",
    "destination": "to {}",
    "protocol": "{}",
    "mark": "marked {}",
    "state of the connection": "of a connection that is {}",
    "status of the connection": "of a connection with {}",
    "incoming interface": "coming in by {}",
    "outgoing interface": "going out by {}",
    "type of the source address": "from an address of type {}",
    "type of the destination address": "to an address of type {}",
}


def unknown(name: str) -> Field:
    """A field that is not in the table."""
    return Field(name, name, lambda packet: None)


def _address(version: int, side: str) -> Read:
    def read(packet: InFlight) -> Value:
        found: Address = getattr(packet, side)
        if found.version != version:
            return ABSENT
        return None if side == "source" and not packet.source_known else (found.value, found.value)

    return read


def _port(side: str) -> Read:
    """The transport header's first or second two octets: of other protocols they are no ports."""

    def read(packet: InFlight) -> Value:
        return getattr(packet, f"{side}_ports") if packet.protocol in PORTED else None

    return read


def _type_of(side: str) -> Read:
    def read(packet: InFlight) -> Value:
        if side == "source" and not packet.source_known:
            return None
        # A subnet's broadcast address, blackhole and unreachable routes look like unicast from here.
        found = address_type(getattr(packet, side), packet)
        unicast = Flags(frozenset({"unicast"}), frozenset({"local", "multicast"}))
        return unicast if found == "UNICAST" else found.lower()

    return read


def _interface(side: str) -> Read:
    """Where there is none nft compares with an empty name."""

    def read(packet: InFlight) -> Value:
        name: str = getattr(packet, f"{side}_interface")
        return None if not name else "" if name == NO_INTERFACE else name

    return read


def _state(packet: InFlight) -> Value:
    return next((state for state in STATES if state.upper() in packet.ctstates), None)


def _status(packet: InFlight) -> Value:
    if not packet.tracked:
        return ABSENT
    on = frozenset(name.lower() for name in packet.ctstates & {"DNAT", "SNAT"})
    first = frozenset({"seen-reply", "assured"}) if packet.opens else frozenset[str]()
    return Flags(on, (frozenset({"dnat", "snat"}) | first) - on)


def _connection_mark(packet: InFlight) -> Value:
    if not packet.tracked:
        return ABSENT
    return (packet.connmark, packet.connmark) if packet.opens else None


def _tcp_flags(packet: InFlight) -> Value:
    syn = Flags(frozenset({"syn"}), frozenset({"fin", "rst", "psh", "ack", "urg"}))
    return syn if packet.opens else None


def _family(packet: InFlight) -> Value:
    return f"ipv{packet.destination.version}"


def _ether(packet: InFlight) -> Value:
    return "ip" if packet.destination.version == 4 else "ip6"


def _protocol(packet: InFlight) -> Value:
    return packet.protocol


def _header_protocol(version: int) -> Read:
    return lambda packet: packet.protocol if packet.destination.version == version else ABSENT


def _echo(packet: InFlight) -> Value:
    """An icmp packet of a walk is an echo request."""
    return "echo-request"


FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("ip saddr", "source", _address(4, "source")),
        Field("ip daddr", "destination", _address(4, "destination")),
        Field("ip protocol", "protocol", _header_protocol(4)),
        Field("ip6 saddr", "source", _address(6, "source")),
        Field("ip6 daddr", "destination", _address(6, "destination")),
        Field("ip6 nexthdr", "protocol", _header_protocol(6)),
        Field("th sport", "source port", _port("source")),
        Field("th dport", "port", _port("destination")),
        *(Field(f"{each} sport", f"{each} source port", _port("source"), each) for each in sorted(PORTED)),
        *(Field(f"{each} dport", f"{each} port", _port("destination"), each) for each in sorted(PORTED)),
        Field("tcp flags", "tcp flags", _tcp_flags, "tcp"),
        Field("icmp type", "icmp type", _echo, "icmp"),
        Field("icmpv6 type", "icmp type", _echo, "ipv6-icmp"),
        Field("meta l4proto", "protocol", _protocol),
        Field("meta protocol", "protocol of the network", _ether),
        Field("meta nfproto", "family", _family),
        Field("meta mark", "mark", lambda packet: (packet.mark, packet.mark)),
        Field("meta iifname", "incoming interface", _interface("in")),
        Field("meta oifname", "outgoing interface", _interface("out")),
        Field("meta iif", "incoming interface", _interface("in")),
        Field("meta oif", "outgoing interface", _interface("out")),
        Field("ct state", "state of the connection", _state),
        Field("ct status", "status of the connection", _status),
        Field("ct mark", "mark of the connection", _connection_mark),
        Field("ct direction", "direction", lambda packet: "original" if packet.opens else None),
        Field("fib saddr type", "type of the source address", _type_of("source")),
        Field("fib daddr type", "type of the destination address", _type_of("destination")),
    )
}


Drawn = list[tuple[Fraction, tuple[Value, ...]]]


@dataclass(frozen=True, slots=True)
class Key:
    """What a rule asks a set or map for: one field, or several joined by dots; each with the bits asked."""

    fields: tuple[Field, ...]
    masks: tuple[int | None, ...] = ()
    text: str = ""

    @property
    def words(self) -> str:
        """`source`, `(destination, protocol, port)`."""
        names = [field.words for field in self.fields]
        return names[0] if len(names) == 1 else f"({', '.join(names)})"

    def sentence(self, value: str) -> str:
        """`from 10.244.0.0/16`, `marked 0x4000 (of the bits 0x4000)`, `(source, protocol) in set x`."""
        if len(self.fields) > 1:
            return f"{self.words} {value}"
        mask = self.masks[0] if self.masks else None
        bits = "" if mask is None else f" (of the bits {mask:#x})"
        return self.fields[0].sentence.replace("{}", value) + bits

    def each(self, packet: InFlight) -> Drawn:
        """The values with their shares: one, or one for each number that may be drawn; none where ABSENT."""
        found: Drawn = [(Fraction(1), ())]
        for field, mask in zip(self.fields, self.masks or (None,) * len(self.fields), strict=True):
            value = field.value(packet)
            if value is ABSENT:
                return []
            drawn = value.each() if isinstance(value, Draw) else [(Fraction(1), _masked(value, mask))]
            found = [(share * chance, (*values, one)) for chance, one in drawn for share, values in found]
        return found


def _masked(value: Value, mask: int | None) -> Value:
    if mask is None:
        return value
    if not isinstance(value, tuple) or value[0] != value[1]:
        return None
    return value[0] & mask, value[0] & mask
