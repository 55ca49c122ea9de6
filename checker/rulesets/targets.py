"""What a rule does with a packet that meets it.

`act` gives the packet afterwards: several, equally likely, where the kernel chooses one. `ends` is the
verdict with which the packet leaves the base chain, "" where it goes on with the next rule. Jumps and
RETURN are the walk's business: a target does not know the chain it stands in.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from checker.rulesets.memory import masked
from checker.rulesets.packet import ANY_PORT, NO_INTERFACE, InFlight, Span, endpoint, span_text
from checker.rulesets.prefix import Address

FULL = 0xFFFFFFFF
WIDEST_CHOICE = 256


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `text` is its normal form, `words` its meaning."""

    ends: ClassVar[str] = ""

    @property
    def text(self) -> str:
        """The normal form in iptables' notation."""
        return ""

    @property
    def words(self) -> str:
        """What it does, for people."""
        return "go on"

    @property
    def changes_nothing(self) -> bool:
        """Whether a packet's way is the same without it, so that an unknown match does no harm."""
        return False

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """The packet afterwards."""
        return (packet,)


@dataclass(frozen=True, slots=True)
class Verdict(Target):
    """ACCEPT, DROP and RETURN. What RETURN ends depends on the chain, so it is the walk's business."""

    name: Literal["ACCEPT", "DROP", "RETURN"]

    @property
    def text(self) -> str:
        """As printed."""
        return f"-j {self.name}"

    @property
    def words(self) -> str:
        """As iptables calls it."""
        return self.name


@dataclass(frozen=True, slots=True)
class Jump(Target):
    """`-j CHAIN`, and `-g CHAIN`, which does not come back to this chain."""

    chain: str
    goto: bool = False

    @property
    def text(self) -> str:
        """As printed."""
        return f"-{'g' if self.goto else 'j'} {self.chain}"

    @property
    def words(self) -> str:
        """The chain."""
        return f"{'on for good in' if self.goto else 'to'} chain {self.chain}"


@dataclass(frozen=True, slots=True)
class Reject(Target):
    """Answered with an error."""

    ends: ClassVar[str] = "REJECT"
    reply: str

    @property
    def text(self) -> str:
        """The usual reply is called differently by the two families, so it is left out."""
        return "-j REJECT" + ("" if self.reply == "port-unreachable" else f" --reject-with {self.reply}")

    @property
    def words(self) -> str:
        """With the error the sender gets."""
        return f"REJECT ({self.reply})"


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


@dataclass(frozen=True, slots=True)
class SetMark(Target):
    """`MARK`: clear the bits of `mask`, then exclusive-or `value`; all its forms come down to that."""

    value: int
    mask: int

    @property
    def text(self) -> str:
        """As printed."""
        return f"-j MARK --set-xmark {self.value:#x}/{self.mask:#x}"

    @property
    def words(self) -> str:
        """By the name of the usual forms."""
        if self.mask == 0:
            return f"flip mark {self.value:#x}"
        return f"mark it {masked(self.value, FULL if self.value == self.mask else self.mask)}"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """The packet with its new mark."""
        return (replace(packet, mark=(packet.mark & ~self.mask & FULL) ^ self.value),)


@dataclass(frozen=True, slots=True)
class SetConnectionMark(Target):
    """`CONNMARK`: set the connection's mark, save the packet's into it, or restore the packet's from it."""

    action: Literal["set-xmark", "save-mark", "restore-mark"]
    first: int
    second: int

    @property
    def text(self) -> str:
        """As printed."""
        if self.action == "set-xmark":
            return f"-j CONNMARK --set-xmark {self.first:#x}/{self.second:#x}"
        return f"-j CONNMARK --{self.action} --nfmask {self.first:#x} --ctmask {self.second:#x}"

    @property
    def words(self) -> str:
        """In words."""
        return {
            "set-xmark": f"mark the connection {masked(self.first, self.second)}",
            "save-mark": "keep the mark with the connection",
            "restore-mark": "take the mark from the connection",
        }[self.action]

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """The arithmetic is xt_connmark's."""
        if not packet.tracked:
            return (packet,)
        if self.action == "set-xmark":
            return (replace(packet, connmark=(packet.connmark & ~self.second & FULL) ^ self.first),)
        if self.action == "save-mark":
            kept = (packet.connmark & ~self.second & FULL) ^ (packet.mark & self.first)
            return (replace(packet, connmark=kept),)
        return (replace(packet, mark=(packet.mark & ~self.first & FULL) ^ (packet.connmark & self.second)),)


@dataclass(frozen=True, slots=True)
class NoTrack(Target):
    """`CT --notrack`, `NOTRACK`: no connection is kept, so nat never sees the packet."""

    @property
    def text(self) -> str:
        """The older target prints differently and does the same."""
        return "-j CT --notrack"

    @property
    def words(self) -> str:
        """In words."""
        return "do not track its connection"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """Its only state is UNTRACKED."""
        return (replace(packet, ctstates=frozenset({"UNTRACKED"})),)


@dataclass(frozen=True, slots=True)
class Note(Target):
    """LOG, NFLOG, TRACE and others that look and let the packet go on."""

    name: str
    options: str = ""

    @property
    def text(self) -> str:
        """As printed."""
        return f"-j {self.name} {self.options}".rstrip()

    @property
    def words(self) -> str:
        """Its name."""
        return f"noted by {self.name}"

    @property
    def changes_nothing(self) -> bool:
        """It only looks."""
        return True


@dataclass(frozen=True, slots=True)
class UnknownTarget(Target):
    """A target that is not followed here (TPROXY, NFQUEUE, …): a walk that comes to it cannot go on."""

    ends: ClassVar[str] = "UNDECIDED"
    name: str
    options: str = ""

    @property
    def text(self) -> str:
        """As written."""
        return f"-j {self.name} {self.options}".rstrip()

    @property
    def words(self) -> str:
        """Its name."""
        return f"{self.name} {self.options}".rstrip()
