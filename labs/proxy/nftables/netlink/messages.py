"""An operation, as messages of the kernel's nf_tables.

An anonymous set comes before its rule. Its name is ours: «__map%d» would have the kernel look for a free
number by reading the name of every set there is, which is half of its time with 10,000 of them.
"""

from __future__ import annotations

import itertools
import re
import struct
import sys
from collections.abc import Callable, Iterable, Iterator

from labs.proxy.netlink import REQUEST, attribute, message, nested, number, string
from labs.proxy.nftables.netlink import expressions, grammar, values
from labs.proxy.nftables.objects import TABLE
from labs.proxy.nftables.transaction import Operation

NFTABLES = 10
"""The number of nf_tables among netfilter's parts."""
BATCH_BEGIN, BATCH_END = 0x10, 0x11
CREATE, APPEND = 0x400, 0x800

KINDS = {"table": 0, "chain": 3, "rule": 6, "set": 9, "map": 9, "element": 12}
"""The message that adds one; two more is the one that deletes it."""
GET = 1
DELETE = 2

ANONYMOUS, CONSTANT, INTERVAL, MAP, TIMEOUT, DYNAMIC = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
INTERVAL_END = 1  # flag of an element
VERDICTS = 0xFFFFFF00  # type of a map's data
LARGEST_DYNAMIC = 65535  # elements of a set that packets add to, as nft says it
LARGEST_ATTRIBUTE = 0x8000
INTEGER = 4  # nft's number of the type
HOST_ORDER = 1
HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}

COMMENT, SET_COMMENT, KEY_ORDER = 0, 7, 0  # kinds of what nft notes for itself in user data

SET_NAME = re.compile(r"__(?:map|set)(\d+)")

Body = tuple[int, int, bytes]
"""(message, flags, attributes)"""


class Messages:
    """Operations of one family as messages; numbers the anonymous sets."""

    def __init__(self, family: str, taken: Iterable[str] = ()) -> None:
        self.family = family
        numbers = [int(found[1]) for name in taken if (found := SET_NAME.fullmatch(name))]
        self._numbers = itertools.count(max(numbers, default=-1) + 1)
        self._ids = itertools.count(1)

    def bodies(self, operation: Operation) -> Iterator[Body]:
        """What the operation asks of the kernel; raises grammar.Unknown."""
        verb, kind, name, rest = operation
        if verb == "flush":
            yield KINDS["rule"] + DELETE, 0, string(1, TABLE) + string(2, name)
        elif kind == "rule":
            yield from self._rule(name, rest)
        elif kind == "element":
            flags = (KINDS[kind], CREATE) if verb == "add" else (KINDS[kind] + DELETE, 0)
            yield (*flags, string(1, TABLE) + string(2, name) + nested(3, element(rest)))
        elif verb == "delete":
            yield KINDS[kind] + DELETE, 0, string(1, TABLE) + NAMED[kind](name)
        else:
            identity = number(10, next(self._ids)) if kind in ("set", "map") else b""
            yield KINDS[kind], CREATE, string(1, TABLE) + ADDED[kind](name, rest) + identity

    def _rule(self, chain: str, text: str) -> Iterator[Body]:
        rule = grammar.read(text, self.family, lambda: f"__map{next(self._numbers)}")
        for made in rule.sets:
            identity = number(10, next(self._ids))
            yield KINDS["set"], CREATE, string(1, TABLE) + anonymous(made, self.family) + identity
            for entries in grouped(anonymous_elements(made)):
                body = string(1, TABLE) + string(2, made.name) + nested(3, *entries)
                yield KINDS["element"], CREATE, body
        body = string(1, TABLE) + string(2, chain) + nested(4, *rule.steps)
        yield KINDS["rule"], CREATE | APPEND, body + noted(7, COMMENT, rule.comment)

    def framed(self, body: Body, sequence: int) -> bytes:
        """The whole message."""
        kind, flags, attributes = body
        head = struct.pack(">BBH", expressions.FAMILIES[self.family], 0, 0)
        return message(NFTABLES << 8 | kind, REQUEST | flags, sequence, head + attributes)


def edge(kind: int) -> bytes:
    """The message that begins or ends a transaction."""
    return message(kind, REQUEST, 0, struct.pack(">BBH", 0, 0, NFTABLES))


def noted(kind: int, what: int, comment: str) -> bytes:
    """A comment, as nft keeps it in user data."""
    if not comment:
        return b""
    value = comment.encode() + b"\0"
    return attribute(kind, bytes([what, len(value)]) + value)


def commented(text: str) -> str:
    """The comment in a definition."""
    found = re.search(r'comment "([^"]*)"', text)
    return found[1] if found else ""


def table(_: str, rest: str) -> bytes:
    """Beside its name."""
    return number(2, 0) + noted(6, COMMENT, commented(rest))


def chain(name: str, rest: str) -> bytes:
    """A chain, hung into the kernel if it says where."""
    body = string(3, name) + noted(12, COMMENT, commented(rest))
    base = re.search(r"type (\w+) hook (\w+) priority (-?\d+)", rest)
    if not base:
        return body
    hook = nested(4, number(1, HOOKS[base[2]]), attribute(2, struct.pack(">i", int(base[3]))))
    return body + hook + string(7, base[1])


def set_(name: str, rest: str) -> bytes:
    """A set or a map to verdicts."""
    keys, _, verdicts = re.search(r"type (.+?) ;", rest)[1].partition(" : ")  # type: ignore[index]
    parts = values.types(keys)
    timeout = re.search(r"timeout (\d+)s", rest)
    flags = (MAP if verdicts else 0) | (TIMEOUT | DYNAMIC if timeout else 0)
    body = string(2, name) + number(3, flags) + number(4, values.type_number(parts))
    body += number(5, values.size(parts))
    if verdicts:
        body += number(6, VERDICTS)
    if timeout:
        body += nested(9, number(1, LARGEST_DYNAMIC))
        body += attribute(11, struct.pack(">Q", int(timeout[1]) * 1000))
    return body + noted(13, SET_COMMENT, commented(rest))


def anonymous(made: grammar.Anonymous, family: str) -> bytes:
    """A set that belongs to a rule."""
    address = values.TYPES["ipv4_addr" if family == "ip" else "ipv6_addr"]
    common = string(2, made.name)
    if made.borders:
        flags = number(3, ANONYMOUS | CONSTANT | INTERVAL)
        return common + flags + number(4, address.number) + number(5, address.size)
    port = values.TYPES["inet_service"]
    data = number(6, VERDICTS) if not made.size else number(6, values.type_number([address, port]))
    if made.size:
        data += number(7, made.size)
    keys = number(3, ANONYMOUS | CONSTANT | MAP) + number(4, INTEGER) + number(5, 4)
    order = bytes([KEY_ORDER, 4]) + HOST_ORDER.to_bytes(4, sys.byteorder)
    return common + keys + data + nested(9, number(1, len(made.entries))) + attribute(13, order)


def anonymous_elements(made: grammar.Anonymous) -> Iterator[bytes]:
    """Its elements."""
    for key, data in made.entries:
        value = expressions.verdict(data) if isinstance(data, str) else attribute(1, data)
        yield nested(1, nested(1, attribute(1, key)), nested(2, value))
    for key, ends in made.borders:
        yield nested(1, nested(1, attribute(1, key)), *([number(3, INTERVAL_END)] if ends else []))


def grouped(elements: Iterable[bytes]) -> Iterator[list[bytes]]:
    """As many as fit into one attribute: its length has 16 bits."""
    group: list[bytes] = []
    for element in elements:
        if group and sum(map(len, group)) + len(element) > LARGEST_ATTRIBUTE:
            yield group
            group = []
        group.append(element)
    yield group


ELEMENT = re.compile(r'\{ (?P<key>.+?)(?: comment "(?P<comment>[^"]*)")?(?: : (?P<verdict>[^:]+?))? \}')


def element(rest: str) -> bytes:
    """An element with its comment and, in a map, its verdict."""
    found = ELEMENT.fullmatch(rest)
    if not found:
        raise grammar.Unknown(rest)
    body = nested(1, attribute(1, values.encode(found["key"])))
    if found["verdict"]:
        body += nested(2, expressions.verdict(found["verdict"]))
    return nested(1, body + noted(6, COMMENT, found["comment"] or ""))


ADDED = {"table": table, "chain": chain, "set": set_, "map": set_}
NAMED: dict[str, Callable[[str], bytes]] = {
    "table": lambda _: b"",
    "chain": lambda name: string(3, name),
    "set": lambda name: string(2, name),
    "map": lambda name: string(2, name),
}
