"""Matches on what the kernel knows beside the packet: connection, mark, dice, lists, sets, counters."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, Literal

from checker.rulesets.headers import Side
from checker.rulesets.match import Answer, Match, opposite
from checker.rulesets.packet import InFlight
from checker.rulesets.prefix import Prefix


@dataclass(frozen=True, slots=True)
class ConnectionState(Match):
    """`conntrack --ctstate` and its forerunner `state --state`."""

    module: ClassVar[str] = "conntrack"
    states: frozenset[str]

    @property
    def option(self) -> str:
        """States in alphabetical order."""
        return f"--ctstate {','.join(sorted(self.states))}"

    @property
    def phrase(self) -> str:
        """In words."""
        return f"of a connection that is {' or '.join(sorted(self.states))}"

    def test(self, packet: InFlight) -> Answer:
        """DNAT and SNAT count as states of a packet whose connection has been translated."""
        return not self.states.isdisjoint(packet.ctstates)


@dataclass(frozen=True, slots=True)
class Mark(Match):
    """`mark --mark`: a number the kernel carries with the packet; it never leaves the machine."""

    module: ClassVar[str] = "mark"
    value: int
    mask: int

    @property
    def option(self) -> str:
        """As printed: hexadecimal, a full mask left out."""
        return f"--mark {masked(self.value, self.mask)}"

    @property
    def phrase(self) -> str:
        """In words."""
        return f"marked {masked(self.value, self.mask)}"

    def test(self, packet: InFlight) -> Answer:
        """The mark as the rules before have left it."""
        return packet.mark & self.mask == self.value


@dataclass(frozen=True, slots=True)
class ConnectionMark(Match):
    """`connmark --mark`: the mark that the connection keeps; 0 for a new one."""

    module: ClassVar[str] = "connmark"
    value: int
    mask: int

    @property
    def option(self) -> str:
        """As printed: hexadecimal, a full mask left out."""
        return f"--mark {masked(self.value, self.mask)}"

    @property
    def phrase(self) -> str:
        """In words."""
        return f"of a connection marked {masked(self.value, self.mask)}"

    def test(self, packet: InFlight) -> Answer:
        """Known for a new connection only."""
        return packet.connmark & self.mask == self.value if packet.opens else None

    def holds(self, packet: InFlight) -> Answer:
        """Without a connection neither the match nor its negation holds."""
        if not packet.tracked:
            return False
        answer = self.test(packet)
        return opposite(answer) if self.negated else answer


def masked(value: int, mask: int) -> str:
    """A mark as iptables prints it."""
    return f"{value:#x}" if mask == 0xFFFFFFFF else f"{value:#x}/{mask:#x}"


DICE = 1 << 31


@dataclass(frozen=True, slots=True)
class Random(Match):
    """`statistic --mode random`. The kernel keeps a 31-bit number: 1/3 is 715827883 of 2147483648."""

    module: ClassVar[str] = "statistic"
    faces: int

    @property
    def probability(self) -> Fraction:
        """Exact, as the kernel throws the dice, not as the rule was meant."""
        return Fraction(self.faces, DICE)

    @property
    def text(self) -> str:
        """Here `!` stands between the mode and the probability."""
        return f"-m statistic --mode random {'! ' if self.negated else ''}{self.option}"

    @property
    def option(self) -> str:
        """Eleven decimals, as printed: enough to tell any two of the kernel's values apart."""
        return f"--probability {self.faces / DICE:.11f}"

    @property
    def phrase(self) -> str:
        """As a fraction of those that come this far."""
        return f"by chance {near(self.probability)}"

    def test(self, packet: InFlight) -> Answer:
        """A probability is the answer."""
        return self.probability if self.faces not in {0, DICE} else self.faces == DICE


def near(share: Fraction) -> str:
    """A share for people: the small fraction it stands for, if it stands for one, else per cent."""
    small = share.limit_denominator(1000)
    return str(small) if abs(small - share) < Fraction(1, 10**8) else f"{float(share):.4%}"


@dataclass(frozen=True, slots=True)
class Nth(Match):
    """`statistic --mode nth`: every so many packets one, counted by the rule itself."""

    module: ClassVar[str] = "statistic"
    every: int
    packet: int

    @property
    def text(self) -> str:
        """Here `!` stands between the mode and the number."""
        return f"-m statistic --mode nth {'! ' if self.negated else ''}{self.option}"

    @property
    def option(self) -> str:
        """The packet that the count starts with is left out where it is 0, as printed."""
        return f"--every {self.every}" + (f" --packet {self.packet}" if self.packet else "")

    @property
    def phrase(self) -> str:
        """In words."""
        return f"one in {self.every} packets that come this far"

    def test(self, packet: InFlight) -> Answer:
        """Where the counter stands is not known: of many connections it is this share."""
        return Fraction(1, self.every) if self.every > 1 else True


@dataclass(frozen=True, slots=True)
class Recent(Match):
    """`recent`: a list of addresses that rules write to (set, update, remove) and ask (rcheck, update)."""

    module: ClassVar[str] = "recent"
    action: Literal["set", "rcheck", "update", "remove"]
    name: str
    side: Side
    mask: Prefix | None = None
    seconds: int = 0
    flags: tuple[str, ...] = ()
    hits: int = 0

    @property
    def option(self) -> str:
        """In the order iptables prints."""
        side = "--rsource" if self.side == "source" else "--rdest"
        seconds = (f"--seconds {self.seconds}",) if self.seconds else ()
        hits = (f"--hitcount {self.hits}",) if self.hits else ()
        mask = (f"--mask {self.mask.text.partition('/')[0]}",) if self.mask else ()
        return " ".join(
            (f"--{self.action}", *seconds, *self.flags, *hits, f"--name {self.name}", *mask, side)
        )

    @property
    def phrase(self) -> str:
        """What is asked or done."""
        who = f"{self.side} address"
        if self.action == "set":
            return f"its {who} is noted in list {self.name}"
        since = f"in the last {self.seconds} seconds" if self.seconds else "ever"
        return f"its {who} is in list {self.name} (seen {since})"

    def test(self, packet: InFlight) -> Answer:
        """`set` is always true. The lists given are fresh, so `seconds` is met; how often is not known."""
        if self.action == "set":
            return True
        if self.side == "source" and not packet.source_known:
            return None
        mask = self.mask.value if self.mask else -1
        asked = getattr(packet, self.side)
        listed = packet.recent.get(self.name, frozenset())
        if not any(
            each.version == asked.version and not (each.value ^ asked.value) & mask for each in listed
        ):
            return False
        return None if self.hits > 1 else True


def noted(matches: tuple[Match, ...], packet: InFlight) -> InFlight:
    """The packet after a rule whose matches held: what `recent` wrote down, later rules can read."""
    for match in matches:
        if isinstance(match, Recent) and match.action in {"set", "update"}:
            entries = packet.recent.get(match.name, frozenset()) | {getattr(packet, match.side)}
            packet = replace(packet, recent={**packet.recent, match.name: entries})
    return packet


@dataclass(frozen=True, slots=True)
class InSet(Match):
    """`set --match-set`: an ipset holds the packet's address, port or both."""

    module: ClassVar[str] = "set"
    name: str
    parts: str

    @property
    def option(self) -> str:
        """The set and what of the packet is looked up in it."""
        return f"--match-set {self.name} {self.parts}"

    @property
    def phrase(self) -> str:
        """In words."""
        return f"whose {self.parts} is in set {self.name}"

    def test(self, packet: InFlight) -> Answer:
        """iptables-save does not show what a set holds: it must be given beside the rules."""
        held = packet.sets.get(self.name)
        return held.holds(packet, self.parts) if held else None


@dataclass(frozen=True, slots=True)
class Counted(Match):
    """`nfacct`: counts and is always true."""

    module: ClassVar[str] = "nfacct"
    name: str

    @property
    def option(self) -> str:
        """The counter's name."""
        return f"--nfacct-name {self.name}"

    @property
    def phrase(self) -> str:
        """In words."""
        return f"counted as {self.name}"

    def test(self, packet: InFlight) -> Answer:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class BridgePort(Match):
    """`physdev`: ports of a bridge; an ordinary routed packet has none."""

    module: ClassVar[str] = "physdev"
    question: str
    port: str = ""

    @property
    def option(self) -> str:
        """The question and, where it asks for one, the port."""
        return f"--{self.question} {self.port}".rstrip()

    @property
    def phrase(self) -> str:
        """In words."""
        return f"of a bridge: {self.question.removeprefix('physdev-')} {self.port}".rstrip()

    def test(self, packet: InFlight) -> Answer:
        """A packet that came by no bridge port meets none of the questions."""
        if not packet.bridge_port:
            return False
        if self.question == "physdev-is-in":
            return True
        return packet.bridge_port == self.port if self.question == "physdev-in" else None
