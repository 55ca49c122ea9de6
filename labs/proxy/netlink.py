"""Netlink: messages between a program and the kernel, made of attributes.

A message is a header and attributes; an attribute is its length, its kind and a value, which may itself be
attributes. Headers are in the machine's own byte order; values are as the part of the kernel wants them.
(include/uapi/linux/netlink.h)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
ATTRIBUTE = struct.Struct("=HH")  # length, kind

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
ERROR, DONE = 2, 3  # types of messages
INTERRUPTED = 0x10  # flag of an answer: something changed while it was read

NESTED = 0x8000
KIND = 0x3FFF  # without the bits «nested» and «network byte order»


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    length = len(value)
    return ATTRIBUTE.pack(4 + length, kind) + value + bytes(-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | NESTED, b"".join(attributes))


def string(kind: int, value: str) -> bytes:
    """A text, ended by a zero byte."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """32 bits in network byte order."""
    return attribute(kind, value.to_bytes(4, "big"))


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, value) of the attributes in these bytes."""
    at = 0
    while at + 4 <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, at)
        yield kind & KIND, data[at + 4 : at + length]
        at += (max(length, 4) + 3) & ~3


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """A whole message, its body already padded."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence number, body) of the messages in these bytes."""
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, at)
        yield kind, flags, sequence, data[at + HEADER.size : at + length]
        at += (max(length, HEADER.size) + 3) & ~3
