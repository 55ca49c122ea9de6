"""The kernel's table, read as objects: names, kinds and elements, but no rules, as ``listing`` does."""

from __future__ import annotations

import struct
from typing import Any

from labs.proxy.netlink import attributes
from labs.proxy.nftables.netlink import values
from labs.proxy.nftables.netlink.messages import ANONYMOUS, COMMENT, HOOKS, MAP
from labs.proxy.nftables.objects import TABLE, Chain, Element, Set

HOOK_NAMES = {number: name for name, number in HOOKS.items()}
VERDICT_NAMES = {0: "drop", 1: "accept", -3: "jump", -4: "goto"}
UNKNOWN = "of another"
"""The type of a set that is not ours to read: it differs from every type that we write."""

Found = dict[int, bytes]


def found(body: bytes) -> Found:
    """An answer's attributes, its short header left out."""
    return dict(attributes(body[4:]))


def of_ours(object_: Found) -> bool:
    """Whether it is in our table; the name of the table is the first attribute of all objects."""
    return _string(object_[1]) == TABLE


def chain(object_: Found) -> tuple[str, Chain]:
    """Name and chain."""
    if 4 not in object_:
        return _string(object_[3]), Chain(None)
    hook = dict(attributes(object_[4]))
    at, (priority,) = HOOK_NAMES.get(_number(hook[1]), "?"), struct.unpack(">i", hook[2])
    return _string(object_[3]), Chain(None, f"type {_string(object_[7])} hook {at} priority {priority}")


def is_anonymous(object_: Found) -> bool:
    """Whether a set belongs to a rule."""
    return bool(_flags(object_) & ANONYMOUS)


def name(object_: Found) -> str:
    """A set's name."""
    return _string(object_[2])


def set_(object_: Found) -> Set:
    """A set or map; its elements are asked for apart."""
    parts = values.parts_of(_number(object_[4]))
    keys = " . ".join(part.name for part in parts) if parts else UNKNOWN
    timeout = int.from_bytes(object_.get(11, b""), "big") // 1000
    return Set(f"{keys} : verdict" if _flags(object_) & MAP else keys, timeout)


def elements(object_: Found, type_: str) -> dict[str, Element]:
    """Those of one answer."""
    parts = values.types(type_.removesuffix(" : verdict"))
    return dict(_element(dict(attributes(item)), parts) for _, item in attributes(object_.get(3, b"")))


def _element(item: Found, parts: list[values.Type]) -> tuple[str, Element]:
    key = values.decode(dict(attributes(item[1]))[1], parts)
    return key, Element(_verdict(item.get(2, b"")), _comment(item.get(6, b"")))


def _verdict(data: bytes) -> str:
    given: dict[int, Any] = dict(attributes(data))
    if 2 not in given:
        return ""
    verdict = dict(attributes(given[2]))
    word = VERDICT_NAMES.get(struct.unpack(">i", verdict[1])[0], "?")
    return f"{word} {_string(verdict[2])}" if 2 in verdict else word


def _comment(data: bytes) -> str:
    return _string(data[2 : 2 + data[1]]) if len(data) > 2 and data[0] == COMMENT else ""


def _string(data: bytes) -> str:
    return data.rstrip(b"\0").decode()


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _flags(object_: Found) -> int:
    """A set without any does not tell."""
    return _number(object_.get(3, b""))
