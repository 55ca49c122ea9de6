"""Rules that look something up: whether a set holds it, which verdict or translation a map has for it.

These are the matches and targets of nft. A `Choice` stands for a verdict map, for a translation by map, and
for a virtual server that chooses a real one: each way that it may go is an `Option` with its share.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction

from checker.rulesets.fields import Drawn, Key
from checker.rulesets.match import Answer, Match, opposite
from checker.rulesets.packet import InFlight
from checker.rulesets.prefix import Address
from checker.rulesets.target import Target
from checker.rulesets.values import Elements, Parts, Value


@dataclass(frozen=True, slots=True)
class Holds(Match):
    """A field, or several, compared with a value, an interval, a set: all of them are sets of elements."""

    key: Key
    elements: Elements[None]
    notation: str
    value: str
    set_name: str = ""

    @property
    def option(self) -> str:
        """As nft writes it, operator included."""
        return self.notation

    @property
    def text(self) -> str:
        """The operator says whether it is negated."""
        return self.notation

    @property
    def phrase(self) -> str:
        """`from 10.244.0.0/16`, `to an address of set cluster-ips`."""
        return self.key.sentence(self.value)

    def test(self, packet: InFlight) -> Answer:
        """The share of the values that the elements hold: yes or no where nothing is drawn."""
        return self._share(self.key.each(packet), packet)

    def _share(self, drawn: Drawn, packet: InFlight) -> Answer:
        total = Fraction(0)
        for share, values in drawn:
            found = self._found(values, packet)
            if found is None:
                return None
            total += share if found else 0
        return total if 0 < total < 1 else total == 1

    def _found(self, values: tuple[Value, ...], packet: InFlight) -> bool | None:
        found, _ = self.elements.find(values)
        if not found and self.set_name and _remembered(self.set_name, values, packet):
            return True
        return found

    def holds(self, packet: InFlight) -> Answer:
        """What the packet does not have is neither equal nor different: the rule does not hold."""
        drawn = self.key.each(packet)
        if not drawn:
            return False
        answer = self._share(drawn, packet)
        return opposite(answer) if self.negated else answer


def _remembered(name: str, values: tuple[Value, ...], packet: InFlight) -> bool:
    """Whether the walk, or the one who asks, has put it into the set; a set of addresses can be given.

    The name has the table's before it; who asks says the set's alone.
    """
    if (name, values) in packet.noted:
        return True
    listed = packet.recent.get(name.rpartition(" ")[2], frozenset())
    return any(values == ((each.value, each.value),) for each in listed)


@dataclass(frozen=True, slots=True)
class Tracked(Match):
    """That the packet has a connection: without one, a rule that reads from it goes no further."""

    @property
    def option(self) -> str:
        """Nobody writes it."""
        return ""

    @property
    def phrase(self) -> str:
        """In words."""
        return "of a connection that is known"

    def test(self, packet: InFlight) -> Answer:
        """As the packet is now."""
        return packet.tracked


@dataclass(frozen=True, slots=True)
class Remember(Target):
    """`update @set { ip saddr }`, `add @set …`: the packet's values are put into a set."""

    set_name: str
    key: Key
    notation: str

    @property
    def text(self) -> str:
        """As nft writes it."""
        return self.notation

    @property
    def words(self) -> str:
        """In words."""
        return f"its {self.key.words} is noted in set {self.set_name.rpartition(' ')[2]}"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """Rules behind this one find it in the set."""
        noted = {(self.set_name, values) for _, values in self.key.each(packet)}
        return (replace(packet, noted=packet.noted | noted),)


@dataclass(frozen=True, slots=True)
class Option:
    """One of the things that a choice may do: with which share, and by which element of the map.

    `assumed` says why the share is not certain, where it is taken evenly for want of knowledge.
    """

    share: Fraction
    element: str
    target: Target
    assumed: str = ""


Options = tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Choice(Target):
    """What is done is looked up. `options` are None where what is looked up is not known."""

    notation: str = ""
    in_words: str = ""

    @property
    def text(self) -> str:
        """As nft writes it."""
        return self.notation

    @property
    def words(self) -> str:
        """What is asked where."""
        return self.in_words

    def options(self, packet: InFlight) -> Options | None:
        """The ways that this packet may go; none where nothing is found."""
        return ()

    def holds(self, packet: InFlight) -> Answer:
        """The chance that something is found."""
        options = self.options(packet)
        if options is None:
            return None
        total = sum((option.share for option in options), Fraction(0))
        return total if 0 < total < 1 else total == 1


@dataclass(frozen=True, slots=True)
class ByMap(Choice):
    """A map's element decides: a verdict of a `vmap`, a destination of `dnat to … map`.

    `map_name` is "" for a map that is written in the rule itself.
    """

    key: Key = field(default_factory=lambda: Key(()))
    elements: Elements[Target] = field(default_factory=Elements)
    map_name: str = ""

    @property
    def chains(self) -> tuple[str, ...]:
        """Every chain of every element."""
        return tuple(dict.fromkeys(chain for target in self.elements.data for chain in target.chains))

    def _element(self, parts: Parts, target: Target) -> str:
        return f"{element_text(self.key, parts)} : {target.words}"

    def options(self, packet: InFlight) -> Options | None:
        """An option an element that may be found, with the share of the values that lead to it."""
        found: dict[Parts, Option] = {}
        for share, values in self.key.each(packet):
            answer, item = self.elements.find(values)
            if answer is None:
                return None
            if item:
                parts, target = item
                before = found[parts].share if parts in found else Fraction(0)
                found[parts] = Option(before + share, self._element(parts, target), target)
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class InOrder(Target):
    """Several things one after the other, with conditions between them: once one does not hold, no more."""

    steps: tuple[Match | Target, ...]

    @property
    def text(self) -> str:
        """Each step's."""
        return " ".join(step.text for step in self.steps if step.text)

    @property
    def words(self) -> str:
        """Each step's."""
        return ", then ".join(
            f"if {step.words}" if isinstance(step, Match) else step.words for step in self.steps
        )

    @property
    def chains(self) -> tuple[str, ...]:
        """Every step's."""
        return tuple(chain for step in self.steps if isinstance(step, Target) for chain in step.chains)

    @property
    def changes_nothing(self) -> bool:
        """If no step does."""
        return all(step.changes_nothing for step in self.steps if isinstance(step, Target))


def element_text(key: Key, parts: Parts) -> str:
    """An element as nft lists it: `10.96.0.10 . tcp . 80`."""
    fields = key.fields if len(key.fields) == len(parts) else (None,) * len(parts)
    return " . ".join(
        _part_text(field.name if field else "", part) for field, part in zip(fields, parts, strict=True)
    )


def _part_text(name: str, part: Value) -> str:
    if not isinstance(part, tuple):
        return str(part)
    low, high = (_number_text(name, number) for number in part)
    return low if low == high else f"{low}-{high}"


def _number_text(name: str, number: int) -> str:
    return Address(6 if name.startswith("ip6") else 4, number).text if name.endswith("addr") else str(number)
