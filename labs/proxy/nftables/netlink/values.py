"""What stands in sets and is compared in rules, as bytes.

The kernel keeps a value in registers of four bytes: a part of a concatenation is padded to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
NAMES = {number: name for name, number in PROTOCOLS.items()}


@dataclass(frozen=True, slots=True)
class Type:
    """What nft calls it, nft's number for it (so that ``nft list`` can print it), its size in bytes."""

    name: str
    number: int
    size: int

    @property
    def padded(self) -> int:
        """Its size in registers."""
        return (self.size + 3) & ~3


TYPES = {
    found.name: found
    for found in (
        Type("ipv4_addr", 7, 4),
        Type("ipv6_addr", 8, 16),
        Type("inet_proto", 12, 1),
        Type("inet_service", 13, 2),
    )
}
TYPE_BITS = 6
"""A concatenation's number is its parts' numbers, six bits each."""


def types(text: str) -> list[Type]:
    """``ipv4_addr . inet_proto . inet_service``"""
    return [TYPES[name] for name in text.split(" . ")]


def type_number(parts: list[Type]) -> int:
    """nft's number for the type of these parts together."""
    number = 0
    for part in parts:
        number = number << TYPE_BITS | part.number
    return number


def parts_of(number: int) -> list[Type] | None:
    """The other way round; None if there is a type among them that is not ours."""
    known = {found.number: found for found in TYPES.values()}
    parts: list[Type] = []
    while number:
        part = known.get(number & (1 << TYPE_BITS) - 1)
        if part is None:
            return None
        parts.insert(0, part)
        number >>= TYPE_BITS
    return parts


def size(parts: list[Type]) -> int:
    """Bytes of a value; only one that stands alone is not padded."""
    return parts[0].size if len(parts) == 1 else sum(part.padded for part in parts)


def encode(text: str) -> bytes:
    """``10.0.0.1 . tcp . 80`` as bytes; a value that stands alone is not padded."""
    parts = [one(part) for part in text.split(" . ")]
    return parts[0] if len(parts) == 1 else b"".join(part + bytes(-len(part) % 4) for part in parts)


def one(text: str) -> bytes:
    """An address, a protocol's name, or a port."""
    if text in PROTOCOLS:
        return bytes([PROTOCOLS[text]])
    return int(text).to_bytes(2, "big") if text.isdecimal() else ip_address(text).packed


def decode(data: bytes, parts: list[Type]) -> str:
    """The text of a value of these types."""
    found, at = [], 0
    for part in parts:
        found.append(_decoded(data[at : at + part.size], part))
        at += part.padded
    return " . ".join(found)


def _decoded(data: bytes, part: Type) -> str:
    if part.name.endswith("_addr"):
        return str(ip_address(data))
    number = int.from_bytes(data, "big")
    return NAMES.get(number, str(number)) if part.name == "inet_proto" else str(number)


def intervals(networks: list[str]) -> list[tuple[bytes, bool]]:
    """The borders of these networks, merged: (address, whether an interval ends before it).

    The kernel wants to know of the first address, too, where no interval begins there.
    """
    found = sorted(map(ip_network, networks), key=lambda network: int(network.network_address))
    ranges: list[tuple[int, int]] = []
    for network in found:
        first, after = int(network.network_address), int(network.broadcast_address) + 1
        if ranges and first <= ranges[-1][1]:
            first, after = ranges[-1][0], max(after, ranges.pop()[1])
        ranges.append((first, after))
    borders = [(0, True)] if ranges[0][0] else []
    for first, after in ranges:
        borders += [(first, False), (after, True)]
    width = found[0].max_prefixlen // 8
    return [(at.to_bytes(width, "big"), ends) for at, ends in borders if at < 1 << width * 8]
