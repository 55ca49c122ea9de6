"""Generic netlink: how a program talks to a part of the kernel that has a name, such as «IPVS».

A message is two headers and attributes; an attribute is its length, its kind and a value that may itself
be attributes. Everything is in the machine's own byte order unless the attribute says otherwise. Many
messages may go in one send; the kernel works through them before it returns, answers each that fails, and
each that asks for an answer: so only the last one asks, and a batch costs two system calls.

(include/uapi/linux/netlink.h, genetlink.h)
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

NETLINK_GENERIC = 16
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
GENERIC = struct.Struct("=BBH")  # command, version, reserved
ATTRIBUTE = struct.Struct("=HH")  # length, kind

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
ERROR, DONE = 2, 3  # types of messages
KIND = 0x3FFF  # without the bits «nested» and «network byte order»

CONTROLLER, GET_FAMILY, FAMILY_ID, FAMILY_NAME = 0x10, 3, 1, 2

BATCH = 64
"""Messages a send: failures of all of them must fit into the socket's buffer."""
BUFFER = 1 << 18
PATIENCE = 10.0
"""Seconds; the kernel answers in microseconds, so without an answer something is very wrong."""


class Message(NamedTuple):
    """A command and its attributes, already in bytes."""

    command: int
    attributes: bytes = b""


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in these bytes, by kind."""
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, at)
        found[kind & KIND] = data[at + 4 : at + length]
        at += (max(length, 4) + 3) & ~3
    return found


class GenericNetlink:
    """A conversation with one family, in the network namespace in which it was begun. Raises OSError.

    Asking for a family that is not there makes the kernel load its module: look first whether it is.
    """

    def __init__(self, family: str, version: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self._sequence = 0
        self._version = 1
        try:
            self._socket.settimeout(PATIENCE)
            self._socket.bind((0, 0))
            self._family = CONTROLLER
            name = attribute(FAMILY_NAME, family.encode() + b"\0")
            answer = attributes(next(self.ask(Message(GET_FAMILY, name))))
            self._family, self._version = int.from_bytes(answer[FAMILY_ID], sys.byteorder), version
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, messages: Sequence[Message]) -> dict[int, OSError]:
        """Have the kernel do all of these in order; what failed, by position. The others are done."""
        failed: dict[int, OSError] = {}
        for start in range(0, len(messages), BATCH):
            first = self._sequence + 1
            part = messages[start : start + BATCH]
            flags = [REQUEST] * (len(part) - 1) + [REQUEST | ACK]
            self._socket.send(b"".join(map(self._packed, part, flags)))
            for sequence, code in self._acknowledgements():
                if code:
                    failed[start + sequence - first] = OSError(code, os.strerror(code))
        return failed

    def ask(self, message: Message, *, every: bool = False) -> Iterator[bytes]:
        """The answers' attributes: one, or of ``every`` object there is."""
        self._socket.send(self._packed(message, REQUEST | (DUMP if every else ACK)))
        with closing(self._messages()) as answers:
            for kind, sequence, body in answers:
                if sequence != self._sequence:  # left over from a dump that nobody read to its end
                    continue
                if kind in (ERROR, DONE):
                    _check(body)
                    return
                yield body[GENERIC.size :]

    def _packed(self, message: Message, flags: int) -> bytes:
        self._sequence += 1
        body = GENERIC.pack(message.command, self._version, 0) + message.attributes
        return HEADER.pack(HEADER.size + len(body), self._family, flags, self._sequence, 0) + body

    def _acknowledgements(self) -> Iterator[tuple[int, int]]:
        """(sequence number, error code), until that of the last message."""
        for kind, sequence, body in self._messages():
            if kind == ERROR:
                yield sequence, -struct.unpack_from("=i", body)[0]
                if sequence == self._sequence:
                    return

    def _messages(self) -> Generator[tuple[int, int, bytes], None, None]:
        """(type, sequence number, what follows the header)."""
        while True:
            data, at = self._socket.recv(BUFFER), 0
            while at + HEADER.size <= len(data):
                length, kind, _, sequence, _ = HEADER.unpack_from(data, at)
                yield kind, sequence, data[at + HEADER.size : at + length]
                at += (length + 3) & ~3


def _check(body: bytes) -> None:
    """Raise what the kernel answered, unless it is 0."""
    code = -struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
    if code:
        raise OSError(code, os.strerror(code))
