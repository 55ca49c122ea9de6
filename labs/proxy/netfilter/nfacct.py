"""The kernel's accounting objects (nfacct), by netlink: the program ``nfacct`` is rarely installed.

The messages are those of linux/netfilter/nfnetlink_acct.h. An object belongs to a network namespace; making
and asking are answered at once, so nothing here waits. A kernel without them says so by an error.
"""

from __future__ import annotations

import socket
import struct

NETLINK_NETFILTER = 12
SUBSYSTEM = 7  # NFNL_SUBSYS_ACCT
NEW, GET = 0, 1
NAME, PACKETS, BYTES = 1, 2, 3
ERROR = 2  # NLMSG_ERROR, which is also the answer «done» with code 0
REQUEST, ACKNOWLEDGE, EXCLUSIVE, CREATE = 0x1, 0x4, 0x200, 0x400

HEAD = struct.Struct("=IHHII")  # length, type, flags, sequence, port
FAMILY = struct.Struct("!BBH")  # address family, version, resource
ATTRIBUTE = struct.Struct("=HH")  # length, kind
NUMBER = struct.Struct("!Q")
EEXIST = -17


class Nfacct:
    """The counters of the network namespace that this process is in."""

    def ensure(self, name: str) -> bool:
        """Make it if it is missing; whether it is there."""
        zero = attribute(PACKETS, NUMBER.pack(0)) + attribute(BYTES, NUMBER.pack(0))
        code, _ = self._ask(NEW, REQUEST | ACKNOWLEDGE | CREATE | EXCLUSIVE, named(name) + zero)
        return code in (0, EEXIST)

    def packets(self, name: str) -> int | None:
        """How many packets it has counted; None if it is not there."""
        code, found = self._ask(GET, REQUEST, named(name))
        return NUMBER.unpack(found[PACKETS])[0] if code == 0 and PACKETS in found else None

    def _ask(self, what: int, flags: int, body: bytes) -> tuple[int, dict[int, bytes]]:
        """The kernel's error code, 0 for none, and the attributes of its answer."""
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as made:
                made.settimeout(1)
                made.send(message(what, flags, body))
                return answer(made.recv(4096))
        except OSError as error:  # no netlink at all, or not for us
            return -(error.errno or 1), {}


def named(name: str) -> bytes:
    """The attribute that says which counter."""
    return attribute(NAME, name.encode() + b"\0")


def attribute(kind: int, value: bytes) -> bytes:
    """A netlink attribute, filled up to four bytes."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def message(what: int, flags: int, body: bytes) -> bytes:
    """A whole request."""
    size = HEAD.size + FAMILY.size + len(body)
    return HEAD.pack(size, SUBSYSTEM << 8 | what, flags, 1, 0) + FAMILY.pack(0, 0, 0) + body


def answer(data: bytes) -> tuple[int, dict[int, bytes]]:
    """The error code of an answer, or 0 and its attributes."""
    size, kind, _, _, _ = HEAD.unpack_from(data)
    if kind == ERROR:
        return struct.unpack_from("=i", data, HEAD.size)[0], {}
    found, at = {}, HEAD.size + FAMILY.size
    while at < size:
        length, name = ATTRIBUTE.unpack_from(data, at)
        found[name & 0x3FFF] = data[at + ATTRIBUTE.size : at + length]
        at += max(length, ATTRIBUTE.size) + (-length % 4)
    return 0, found
