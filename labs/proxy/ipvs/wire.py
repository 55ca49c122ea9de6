"""Virtual and real servers in the kernel's format, and back (include/uapi/linux/ip_vs.h)."""

from __future__ import annotations

import socket
import struct
import sys
from ipaddress import ip_address

from labs.proxy.ipvs.genetlink import Message, attribute, attributes
from labs.proxy.ipvs.servers import HASHED, Load, RealKey, ServerKey, Step, VirtualServer
from labs.proxy.state import Family

NAME, VERSION = "IPVS", 1

GET_SERVICE, GET_REAL, SET_CONFIG, GET_CONFIG = 4, 8, 12, 13
COMMANDS = {"service": {"add": 1, "set": 2, "del": 3}, "real": {"add": 5, "set": 6, "del": 7}}
SERVICE, REAL = 1, 2
TIMEOUTS = (4, 5, 6)  # TCP, TCP after FIN, UDP

AF, PROTOCOL, ADDRESS, PORT, SCHEDULER, FLAGS, TIMEOUT, NETMASK = 1, 2, 3, 4, 6, 7, 8, 9
R_ADDRESS, R_PORT, R_METHOD, R_WEIGHT, R_MOST, R_LEAST, R_ACTIVE, R_INACTIVE = range(1, 9)
R_FAMILY = 11
MASQUERADING = 0
"""The forwarding method: translate the address, as kube-proxy wants it; endpoints listen at other ports."""

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}
NAMES = {int(number): name for name, number in PROTOCOLS.items()}
AFS = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}


def _u16(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=H", value))


def _u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def _at(kinds: tuple[int, int], ip: str, port: int) -> bytes:
    """An address, in sixteen bytes whatever its family, and a port in network byte order."""
    packed = ip_address(ip).packed
    return attribute(kinds[0], packed.ljust(16, b"\0")) + attribute(kinds[1], struct.pack("!H", port))


def _af(ip: str) -> int:
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def message(step: Step) -> Message:
    """The message that asks for this step."""
    service = _key(step.server.key)
    if step.real is None:
        more = b"" if step.verb == "del" else _settings(step.server)
        return Message(COMMANDS["service"][step.verb], attribute(SERVICE, service + more))
    real = _at((R_ADDRESS, R_PORT), step.real.ip, step.real.port) + _u16(R_FAMILY, _af(step.real.ip))
    if step.verb != "del":
        real += _u32(R_METHOD, MASQUERADING) + _u32(R_WEIGHT, step.weight)
        real += _u32(R_MOST, 0) + _u32(R_LEAST, 0)
    return Message(COMMANDS["real"][step.verb], attribute(SERVICE, service) + attribute(REAL, real))


def _key(key: ServerKey) -> bytes:
    family = _u16(AF, _af(key.ip)) + _u16(PROTOCOL, PROTOCOLS[key.protocol])
    return family + _at((ADDRESS, PORT), key.ip, key.port)


def _settings(server: VirtualServer) -> bytes:
    """Persistence is for a whole client: the mask is an address for IPv4 and a length for IPv6."""
    mask = 128 if ":" in server.key.ip else 0xFFFFFFFF
    flags = attribute(FLAGS, struct.pack("=II", server.flags, 0xFFFFFFFF))
    scheduler = attribute(SCHEDULER, server.scheduler.encode() + b"\0")
    return scheduler + flags + _u32(TIMEOUT, server.timeout) + _u32(NETMASK, mask)


def every_service() -> Message:
    """Asks for all virtual servers."""
    return Message(GET_SERVICE)


def reals_of(key: ServerKey) -> Message:
    """Asks for the real servers of one."""
    return Message(GET_REAL, attribute(SERVICE, _key(key)))


def timeouts(tcp: int, tcp_fin: int, udp: int) -> Message:
    """Sets the time-outs of connections, in seconds; those that are 0 stay as they are."""
    values = zip(TIMEOUTS, (tcp, tcp_fin, udp), strict=True)
    return Message(SET_CONFIG, b"".join(_u32(kind, value) for kind, value in values))


def read_timeouts(body: bytes) -> tuple[int, ...]:
    """The answer to GET_CONFIG: TCP, TCP after FIN, UDP, in seconds."""
    found = attributes(body)
    return tuple(_number(found[kind]) for kind in TIMEOUTS)


def read_service(body: bytes, family: Family) -> VirtualServer | None:
    """A virtual server; None if it is of the other family or stands for a firewall mark."""
    found = attributes(attributes(body)[SERVICE])
    if ADDRESS not in found or _number(found[AF]) != AFS[family]:
        return None
    key = ServerKey(
        NAMES[_number(found[PROTOCOL])],
        _ip(found[ADDRESS], family),
        int.from_bytes(found[PORT], "big"),
    )
    scheduler = found[SCHEDULER].rstrip(b"\0").decode()
    return VirtualServer(key, scheduler, _number(found[FLAGS][:4]) & ~HASHED, _number(found[TIMEOUT]))


def read_real(body: bytes, family: Family) -> tuple[RealKey, Load]:
    """A real server and what it has to do."""
    found = attributes(attributes(body)[REAL])
    key = RealKey(_ip(found[R_ADDRESS], family), int.from_bytes(found[R_PORT], "big"))
    return key, Load(*(_number(found[kind]) for kind in (R_WEIGHT, R_ACTIVE, R_INACTIVE)))


def _number(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)


def _ip(data: bytes, family: Family) -> str:
    return str(ip_address(data[: 4 if family is Family.IPV4 else 16]))
