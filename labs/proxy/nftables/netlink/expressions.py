"""What a rule is made of for the kernel: steps that load registers, compare them, and do something.

Registers: 0 is the verdict; data of any size is loaded from register 1 on, four bytes to a register, and the
second to fourth of these are called 9, 10, 11, … by the kernel.
"""

from __future__ import annotations

import struct

from labs.proxy.netlink import attribute, nested, number, string

VERDICT = 0
FIRST = 1
SECOND = 9  # four bytes after the first

EQUAL, NOT_EQUAL = 0, 1
NETWORK, TRANSPORT = 1, 2  # headers that a payload is loaded from
MARK, IIFNAME, L4PROTO = 3, 6, 16  # keys of meta
STATE, STATUS = 0, 2  # keys of ct
STATE_NEW, STATUS_DNAT = 8, 32
SOURCE, DESTINATION = 1, 2  # flags of fib
ADDRESS_TYPE, LOCAL = 3, 2  # what fib is asked, and its answer for an address of this host
RANDOM = 1  # kind of numgen
FULLY_RANDOM = 0x10  # flag of masquerade
DNAT = 1
INVERTED = 1  # flag of lookup
UPDATE = 1  # operation of dynset
PORT_UNREACHABLE = {"ip": 3, "ip6": 4}  # ICMP codes
FAMILIES = {"ip": 2, "ip6": 10}

VERDICTS = {"drop": 0, "accept": 1, "jump": -3, "goto": -4}


def register(at: int) -> int:
    """The register that begins so many bytes after the first."""
    return FIRST if at == 0 else 8 + at // 4


def expression(name: str, *attributes: bytes) -> bytes:
    """One step."""
    return nested(1, string(1, name), nested(2, *attributes))


def verdict(text: str) -> bytes:
    """``drop`` or ``goto CHAIN``, as data."""
    word, _, chain = text.partition(" ")
    code = attribute(1, struct.pack(">i", VERDICTS[word]))
    return nested(2, code, string(2, chain)) if chain else nested(2, code)


def decide(text: str) -> bytes:
    """End the rule with this verdict."""
    return expression("immediate", number(1, VERDICT), nested(2, verdict(text)))


def load(data: bytes, into: int = FIRST) -> bytes:
    """A constant."""
    return expression("immediate", number(1, into), nested(2, attribute(1, data)))


def payload(header: int, offset: int, length: int, into: int = FIRST) -> bytes:
    """Bytes of the packet."""
    return expression("payload", number(1, into), number(2, header), number(3, offset), number(4, length))


def meta(key: int, into: int = FIRST) -> bytes:
    """What is known of the packet beside its bytes."""
    return expression("meta", number(2, key), number(1, into))


def set_mark() -> bytes:
    """The packet's mark becomes what is in the first register."""
    return expression("meta", number(2, MARK), number(3, FIRST))


def conntrack(key: int) -> bytes:
    """What connection tracking knows."""
    return expression("ct", number(2, key), number(1, FIRST))


def compare(data: bytes, operation: int = EQUAL) -> bytes:
    """Go on only if the first register is, or is not, this."""
    return expression("cmp", number(1, FIRST), number(2, operation), nested(3, attribute(1, data)))


def bits(mask: bytes, flip: bytes) -> bytes:
    """Keep the bits of the mask in the first register, flip those."""
    registers = number(1, FIRST) + number(2, FIRST) + number(3, len(mask))
    return expression("bitwise", registers, nested(4, attribute(1, mask)), nested(5, attribute(1, flip)))


def lookup(name: str, *attributes: bytes) -> bytes:
    """Go on only if what the registers hold is in this set."""
    return expression("lookup", string(1, name), number(2, FIRST), *attributes)


def lookup_verdict(name: str) -> bytes:
    """Go where this map leads."""
    return lookup(name, number(3, VERDICT))


def lookup_data(name: str) -> bytes:
    """Load what this map has for it."""
    return lookup(name, number(3, FIRST))


def lookup_not(name: str) -> bytes:
    """Go on only if it is not in this set."""
    return lookup(name, number(5, INVERTED))


def random(modulus: int) -> bytes:
    """A number below this."""
    return expression("numgen", number(1, FIRST), number(2, modulus), number(3, RANDOM), number(4, 0))


def dnat(family: str, port: int) -> bytes:
    """Translate the destination to the address in the first register and the port in that one."""
    return expression("nat", number(1, DNAT), number(2, FAMILIES[family]), number(3, FIRST), number(5, port))


def masquerade() -> bytes:
    """Translate the source to the address that the packet leaves by."""
    return expression("masq", number(1, FULLY_RANDOM))


def reject(family: str) -> bytes:
    """Tell the sender that nobody listens there."""
    return expression("reject", number(1, 0), attribute(2, bytes([PORT_UNREACHABLE[family]])))


def address_type(of: int) -> bytes:
    """What kind of address the source or destination is for this host."""
    return expression("fib", number(1, FIRST), number(2, ADDRESS_TYPE), number(3, of))


def remember(name: str) -> bytes:
    """Put what the registers hold into this set, or begin its time anew."""
    return expression("dynset", string(1, name), number(3, UPDATE), number(4, FIRST))
