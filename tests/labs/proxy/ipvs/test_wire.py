from __future__ import annotations

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.ipvs import wire
from labs.proxy.ipvs.genetlink import attribute, attributes
from labs.proxy.ipvs.servers import HASHED, RealKey, ServerKey, Step, VirtualServer
from labs.proxy.state import Family

PORTS = st.integers(1, 65535)
KEYS = {
    Family.IPV4: st.builds(
        ServerKey, st.sampled_from(["tcp", "udp", "sctp"]), st.ip_addresses(v=4).map(str), PORTS
    ),
    Family.IPV6: st.builds(
        ServerKey, st.sampled_from(["tcp", "udp", "sctp"]), st.ip_addresses(v=6).map(str), PORTS
    ),
}


@given(st.data(), st.sampled_from(Family))
def test_a_virtual_server_is_read_as_it_is_written(data: st.DataObject, family: Family) -> None:
    server = VirtualServer(
        data.draw(KEYS[family]),
        data.draw(st.sampled_from(["rr", "wlc"])),
        data.draw(st.sampled_from([0, 1, 0x11])),
        data.draw(st.integers(0, 86400)),
    )
    written = wire.message(Step("add", server)).attributes
    assert wire.read_service(written, family) == server
    other = Family.IPV6 if family is Family.IPV4 else Family.IPV4
    assert wire.read_service(written, other) is None


@given(st.ip_addresses(v=6).map(str), PORTS, st.integers(0, 100))
def test_a_real_server_is_read_as_the_kernel_writes_it(ip: str, port: int, weight: int) -> None:
    server = VirtualServer(ServerKey("tcp", "fd00::1", 80))
    written = wire.message(Step("add", server, RealKey(ip, port), weight)).attributes
    loads = b"".join(
        attribute(kind, struct.pack("=I", count))
        for kind, count in ((wire.R_ACTIVE, 3), (wire.R_INACTIVE, 4))
    )
    found = attribute(wire.REAL, attributes(written)[wire.REAL] + loads)
    assert wire.read_real(found, Family.IPV6) == (RealKey(str(ip), port), (weight, 3, 4))


def test_the_kernels_own_flag_is_not_part_of_the_server() -> None:
    server = VirtualServer(ServerKey("tcp", "10.96.0.10", 80), flags=1 | HASHED, timeout=60)
    written = wire.message(Step("add", server)).attributes
    found = wire.read_service(written, Family.IPV4)
    assert found is not None
    assert found.flags == 1


def test_a_server_by_firewall_mark_is_somebody_elses() -> None:
    mark = attribute(wire.SERVICE, attribute(wire.AF, struct.pack("=H", socket.AF_INET)))
    assert wire.read_service(mark, Family.IPV4) is None


def test_persistence_is_for_one_whole_client_in_either_family() -> None:
    masks = [
        attributes(attributes(wire.message(Step("add", VirtualServer(key))).attributes)[wire.SERVICE])[
            wire.NETMASK
        ]
        for key in (ServerKey("tcp", "10.96.0.10", 80), ServerKey("tcp", "fd00::1", 80))
    ]
    assert masks == [bytes([255] * 4), struct.pack("=I", 128)]


@given(st.lists(st.tuples(st.integers(1, 1000), st.binary(max_size=40)), unique_by=lambda pair: pair[0]))
def test_attributes_are_read_as_they_are_written(pairs: list[tuple[int, bytes]]) -> None:
    assert attributes(b"".join(attribute(kind, value) for kind, value in pairs)) == dict(pairs)
