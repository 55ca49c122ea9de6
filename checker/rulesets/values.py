"""Values as nft and ipset compare them: single ones, intervals, flags, and tuples of them in sets and maps.

A number (an address, a port, a mark) is a span, since of some one knows no more; a name (a protocol, an
interface) is a string. `None` is *cannot be known from here*. ABSENT is what a packet does not have (the
port of tcp in one of udp): a rule that asks for it does not hold, whatever it compares with.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import Final, Generic, TypeVar

from checker.rulesets.packet import Span


class Nothing(Enum):
    """The type of ABSENT."""

    ABSENT = "absent"


ABSENT: Final = Nothing.ABSENT


@dataclass(frozen=True, slots=True)
class Flags:
    """Several bits at once: those that are set and those that are not; of all others nothing is known."""

    on: frozenset[str]
    off: frozenset[str]


@dataclass(frozen=True, slots=True)
class Draw:
    """A number that the kernel makes for each packet: each from `first` on with the same chance."""

    count: int
    first: int = 0

    def each(self) -> Iterator[tuple[Fraction, Span]]:
        """Every number with its share."""
        for number in range(self.first, self.first + self.count):
            yield Fraction(1, self.count), (number, number)


Value = Span | str | Flags | Draw | Nothing | None
# What an element of a set says of one field: a span, a name (with a trailing * for any ending), or anything.
ANYTHING: Final = "*"
Part = Span | str
Parts = tuple[Part, ...]


def within(part: Part, value: Value) -> bool | None:
    """Whether a value is the part's; None where that cannot be known."""
    if part == ANYTHING:
        return True
    if value is None:
        return None
    if isinstance(value, Flags):
        return True if part in value.on else False if part in value.off else None
    if isinstance(part, str):
        return isinstance(value, str) and (
            value.startswith(part[:-1]) if part.endswith("*") else value == part
        )
    return _inside(part, value) if isinstance(value, tuple) else False


def _inside(part: Span, value: Span) -> bool | None:
    if part[0] <= value[0] and value[1] <= part[1]:
        return True
    return None if part[0] <= value[1] and value[0] <= part[1] else False


def all_within(parts: Parts, values: tuple[Value, ...]) -> bool | None:
    """Whether all values are those of an element: no if one is not, else not known if one is not known."""
    if len(parts) != len(values):
        return parts == (ANYTHING,)
    answers = [within(part, value) for part, value in zip(parts, values, strict=True)]
    return False if False in answers else None if None in answers else True


Data = TypeVar("Data")


@dataclass(frozen=True)
class Elements(Generic[Data]):
    """The elements of a set (their data is None) or a map, each with what it is for.

    Equality is that of the elements; a set of thousands is looked up at once where keys are exact.
    """

    items: tuple[tuple[Parts, Data], ...] = ()

    @cached_property
    def _exact(self) -> Mapping[Parts, tuple[Parts, Data]]:
        return {item[0]: item for item in self.items if all(map(_single, item[0]))}

    @cached_property
    def _wide(self) -> tuple[tuple[Parts, Data], ...]:
        return _catch_all_last(item for item in self.items if not all(map(_single, item[0])))

    @cached_property
    def _every(self) -> tuple[tuple[Parts, Data], ...]:
        return _catch_all_last(self.items)

    def find(self, values: tuple[Value, ...]) -> tuple[bool | None, tuple[Parts, Data] | None]:
        """Whether an element has these values, and which; None: it depends on what is not known."""
        if not all(map(_known, values)):
            return _first(self._every, values)
        exact = self._exact.get(values)  # type: ignore[arg-type]
        return _first(self._wide, values) if exact is None else (True, exact)

    @property
    def data(self) -> Iterator[Data]:
        """What the elements are for."""
        return (data for _, data in self.items)


def _catch_all_last(items: Iterable[tuple[Parts, Data]]) -> tuple[tuple[Parts, Data], ...]:
    return tuple(sorted(items, key=lambda each: each[0] == (ANYTHING,)))


def _first(
    items: tuple[tuple[Parts, Data], ...], values: tuple[Value, ...]
) -> tuple[bool | None, tuple[Parts, Data] | None]:
    doubt = False
    for item in items:
        found = all_within(item[0], values)
        if found:
            unsure = doubt and item[0] == (ANYTHING,)
            return (None, None) if unsure else (True, item)
        doubt = doubt or found is None
    return (None if doubt else False), None


def _single(part: Part) -> bool:
    return part[0] == part[1] if isinstance(part, tuple) else not part.endswith("*")


def _known(value: Value) -> bool:
    return isinstance(value, str) or (isinstance(value, tuple) and value[0] == value[1])
