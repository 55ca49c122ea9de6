"""A `match` statement of `nft -j`: a field, or several, compared with a value, an interval, a set or flags.

Whatever it is compared with becomes the elements of a set, so that one kind of match does for all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from checker.rulesets.fields import Key
from checker.rulesets.headers import FLAGS, Protocol, TcpFlags
from checker.rulesets.lookups import Holds
from checker.rulesets.match import Match
from checker.rulesets.memory import ConnectionMark, Mark
from checker.rulesets.nft_expression import FULLY, HIGHEST, CannotRead, key_of, part_of, parts_of
from checker.rulesets.nft_text import expression
from checker.rulesets.packet import Span
from checker.rulesets.values import Elements, Parts

Json = Any


@dataclass(frozen=True, slots=True)
class Named:
    """The table that a statement stands in: family and name, and the raw elements of its sets and maps."""

    family: str = "ip"
    table: str = ""
    sets: Mapping[str, list[Json]] = field(default_factory=dict)

    def qualified(self, set_name: str) -> str:
        """A set's name with its table's before it."""
        return f"{self.family} {self.table} {set_name}"

    def entries(self, data: Json) -> list[Json]:
        """The entries of `@name` or of a set written in place. Raises CannotRead for another table's."""
        if isinstance(data, str) and data.startswith("@"):
            if data[1:] not in self.sets:
                raise CannotRead(f"there is no set or map {data[1:]}")
            return self.sets[data[1:]]
        if isinstance(data, dict) and "set" in data:
            return data["set"] if isinstance(data["set"], list) else [data["set"]]
        return [data]


def match_of(inner: Json, notation: str, named: Named) -> Iterator[Match]:
    """The conditions of one statement. Raises CannotRead for what they cannot be made of."""
    left, operator, right = inner["left"], inner["op"], inner["right"]
    if tcp := _tcp_flags(left, operator, right):
        yield from tcp
        return
    key = key_of(left)
    if mark := _mark(key, operator, right):
        yield mark
        return
    spans = _compared(key, operator, right, named)
    negated = operator == "!="
    if negated and any(each.name in FLAG_FIELDS for each in key.fields):
        raise CannotRead(f"{notation}: whether flags are different is not followed here")
    set_name = right[1:] if isinstance(right, str) and right.startswith("@") else ""
    value = f"{WORDS.get(operator, '')}{_plain(key, right, set_name)}"
    of_table = named.qualified(set_name) if set_name else ""
    yield Holds(key, Elements(spans), notation, value, of_table, negated=negated)


def _mark(key: Key, operator: str, right: Json) -> Match | None:
    """A mark compared with a number; that one bit is not 0 is said as that it is set."""
    kind = MARKS.get(key.fields[0].name) if len(key.fields) == 1 else None
    if kind is None or operator not in {"==", "!="} or not isinstance(right, int):
        return None
    mask = key.masks[0] if key.masks and key.masks[0] is not None else FULLY
    one_bit = right == 0 and mask.bit_count() == 1
    return kind(mask if one_bit else right, mask, negated=(operator == "!=") != one_bit)


MARKS: Mapping[str, type[Mark] | type[ConnectionMark]] = {"meta mark": Mark, "ct mark": ConnectionMark}
FLAG_FIELDS = frozenset({"ct status", "tcp flags"})
WORDS = {"<": "below ", ">": "above ", "<=": "at most ", ">=": "at least "}
BOUNDS: Mapping[str, Callable[[int], Span]] = {
    "<": lambda value: (0, value - 1),
    "<=": lambda value: (0, value),
    ">": lambda value: (value + 1, HIGHEST),
    ">=": lambda value: (value, HIGHEST),
}


def _plain(key: Key, right: Json, set_name: str) -> str:
    """What it is compared with, as one says it in a sentence about the key."""
    if set_name:
        alone = len(key.fields) == 1 and key.fields[0].name.endswith("addr")
        return f"an address of set {set_name}" if alone else f"in set {set_name}"
    if isinstance(right, list):
        return " or ".join(map(expression, right))
    marked = isinstance(right, int) and key.fields[0].name.endswith("mark")
    return f"{right:#x}" if marked else expression(right)


def _compared(key: Key, operator: str, right: Json, named: Named) -> tuple[tuple[Parts, None], ...]:
    if operator in BOUNDS:
        bound = part_of(right, key.fields[0].name)
        if not isinstance(bound, tuple):
            raise CannotRead(f"{expression(right)} has no order")
        return (((BOUNDS[operator](bound[0]),), None),)
    flagged = isinstance(right, list) or any(each.name in FLAG_FIELDS for each in key.fields)
    if flagged and operator != "in":
        raise CannotRead(f"{operator} with several flags is not followed here")
    entries = right if isinstance(right, list) else named.entries(right)
    return tuple((parts_of(entry, key), None) for entry in entries)


def _tcp_flags(left: Json, operator: str, right: Json) -> tuple[Match, ...]:
    """`tcp flags & (fin | syn | rst | ack) == syn`: flags looked at, and those of them that are set."""
    if not (isinstance(left, dict) and "&" in left and expression(left["&"][0]) == "tcp flags"):
        return ()
    looked_at, set_flags = _flag_names(left["&"][1]), _flag_names(right)
    if operator not in {"==", "!="} or not (looked_at | set_flags) <= set(FLAGS):
        raise CannotRead("no such tcp flags")
    return (Protocol("tcp"), TcpFlags(looked_at, set_flags, negated=operator == "!="))


def _flag_names(given: Json) -> frozenset[str]:
    names = given.get("|", ()) if isinstance(given, dict) else [given] if isinstance(given, str) else given
    if not isinstance(names, list | tuple):
        raise CannotRead("flags given as a number")
    return frozenset(str(name).upper() for name in names)
