"""Expressions of `nft -j`: what is read from a packet (a Key), and what it is compared with (Parts).

libnftables-json(5) describes the form. An expression that is not known here becomes a field that cannot be
read, so that rules which hang on it are undecided; only a form that is no expression at all is an error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checker.rulesets.fields import FIELDS, Field, Key, unknown
from checker.rulesets.nft_text import expression as text_of
from checker.rulesets.packet import Span
from checker.rulesets.prefix import address, prefix
from checker.rulesets.protocols import PROTOCOLS
from checker.rulesets.values import ANYTHING, Draw, Part, Parts

Json = Any

HIGHEST = (1 << 128) - 1
# nft 1.0.1 prints the ports of `th` as raw bits of the transport header.
RAW = {"th,0,16": "th sport", "th,16,16": "th dport"}
FULLY = (1 << 32) - 1

_PROTOCOLS = {int(number): name for number, name in PROTOCOLS.items() if number.isdigit()}
NAMED: Mapping[str, Mapping[int, str]] = {
    "meta l4proto": _PROTOCOLS,
    "ip protocol": _PROTOCOLS,
    "ip6 nexthdr": _PROTOCOLS,
    "icmp type": {8: "echo-request"},
    "icmpv6 type": {128: "echo-request"},
}


class CannotRead(ValueError):
    """A value that no element of a set or map can be made of here."""


def key_of(left: Json) -> Key:
    """The fields that an expression reads; a field with a mask before it (`meta mark & 0x4000`) too."""
    parts = left["concat"] if isinstance(left, dict) and "concat" in left else [left]
    fields, masks = zip(*map(_masked_field, parts), strict=True)
    return Key(fields, masks, text_of(left))


def _masked_field(given: Json) -> tuple[Field, int | None]:
    if isinstance(given, dict) and "&" in given and len(given["&"]) == 2:
        inner, mask = given["&"]
        if isinstance(mask, int):
            return field_of(inner), mask
    return field_of(given), None


def field_of(given: Json) -> Field:
    """One field by its name in nft, a drawn number, or one that cannot be read."""
    name = text_of(given)
    if isinstance(given, dict) and "numgen" in given:
        return _drawn(given["numgen"], name)
    raw = given.get("payload", {}) if isinstance(given, dict) else {}
    name = RAW.get(f"{raw.get('base')},{raw.get('offset')},{raw.get('len')}", name)
    return FIELDS.get(name) or unknown(name)


def _drawn(given: Json, name: str) -> Field:
    """Of many packets each number gets the same share, whether drawn at random or taken in turn."""
    draw = Draw(given["mod"], given.get("offset", 0))
    words = "a random number" if given["mode"] == "random" else "the next number in turn"
    return Field(name, f"{words} below {given['mod']}", lambda packet: draw, draw=draw)


def parts_of(value: Json, key: Key | None = None) -> Parts:
    """An element's parts, one a field. Raises CannotRead."""
    inner = value.get("elem", value) if isinstance(value, dict) else value
    if isinstance(inner, dict) and "val" in inner:
        inner = inner["val"]
    given = inner["concat"] if isinstance(inner, dict) and "concat" in inner else [inner]
    names = [field.name for field in key.fields] if key else []
    if given == [ANYTHING]:
        return (ANYTHING,)
    return tuple(
        part_of(each, name) for each, name in zip(given, names or [""] * len(given), strict=len(names) > 0)
    )


def part_of(value: Json, name: str = "") -> Part:
    """A single value, an interval or a prefix. Raises CannotRead."""
    if isinstance(value, bool) or not isinstance(value, int | str | dict):
        raise CannotRead(f"{value!r} is no value that can be compared")
    if isinstance(value, int):
        return NAMED.get(name, {}).get(value, (value, value))
    if isinstance(value, str):
        return _word(value, name)
    if "prefix" in value:
        return span_of(f"{value['prefix']['addr']}/{value['prefix']['len']}")
    if "range" in value:
        low, high = (part_of(each, name) for each in value["range"])
        if isinstance(low, tuple) and isinstance(high, tuple):
            return low[0], high[1]
    raise CannotRead(f"{text_of(value)} is no value that can be compared")


def _word(value: str, name: str) -> Part:
    """Addresses are numbers; all else that is written as a word stays one."""
    if value.startswith("@"):
        raise CannotRead(f"{value} is a set")
    if name.endswith("addr") or (not name and _is_address(value)):
        return span_of(value)
    if name in {"meta l4proto", "ip protocol", "ip6 nexthdr"}:
        return PROTOCOLS.get(value, value)
    return (int(value, 0),) * 2 if value[:2] == "0x" else value


def _is_address(value: str) -> bool:
    return ":" in value or (value.count(".") == 3 and value.replace(".", "").replace("/", "").isdigit())


def span_of(text: str) -> Span:
    """An address or a prefix as the span of its numbers."""
    if "/" not in text:
        value = address(text).value
        return value, value
    found = prefix(text)
    bits = 32 if found.version == 4 else 128
    return found.value, found.value | (~found.mask & ((1 << bits) - 1))


@dataclass(frozen=True, slots=True)
class Linear:
    """`(base & mask) ^ value`: what every way of setting a mark comes down to. No base: a number."""

    base: str
    mask: int
    value: int

    def then(self, operator: str, number: int) -> "Linear":
        """With one more operation."""
        if operator == "&":
            return Linear(self.base, self.mask & number, self.value & number)
        if operator == "|":
            return Linear(self.base, self.mask & ~number, (self.value & ~number) | number)
        return Linear(self.base, self.mask, self.value ^ number)


def linear(value: Json) -> Linear:
    """A new mark as a function of an old one. Raises CannotRead for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Linear("", 0, value)
    if isinstance(value, dict) and text_of(value) in {"meta mark", "ct mark"}:
        return Linear(text_of(value), FULLY, 0)
    for operator, inner in _operations(value):
        first, *numbers = sorted(inner, key=lambda each: isinstance(each, int))
        found = linear(first)
        if all(isinstance(number, int) for number in numbers):
            for number in numbers:
                found = found.then(operator, number)
            return found
    raise CannotRead(f"{text_of(value)} is no mark that can be reckoned")


def _operations(value: Json) -> Iterator[tuple[str, list[Json]]]:
    if isinstance(value, dict):
        for operator in ("&", "|", "^"):
            if operator in value:
                yield operator, value[operator]
