"""Values as bytes and back."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.nftables.netlink import values

keys = {
    "ipv4_addr": st.ip_addresses(v=4).map(str),
    "ipv6_addr": st.ip_addresses(v=6).map(str),
    "inet_proto": st.sampled_from(["tcp", "udp", "sctp"]),
    "inet_service": st.integers(0, 65535).map(str),
}
types = st.lists(st.sampled_from(list(keys)), min_size=1, max_size=4).filter(
    lambda found: found != ["inet_proto"]
)


@given(types, st.data())
def test_a_value_comes_back_as_it_went(names: list[str], data: st.DataObject) -> None:
    text = " . ".join(data.draw(keys[name]) for name in names)
    parts = values.types(" . ".join(names))
    encoded = values.encode(text)
    assert len(encoded) == values.size(parts)
    assert values.decode(encoded, parts) == text


@given(types)
def test_a_type_s_number_tells_its_parts(names: list[str]) -> None:
    parts = values.types(" . ".join(names))
    assert values.parts_of(values.type_number(parts)) == parts


def test_a_type_of_somebody_else_s_is_not_guessed() -> None:
    assert values.parts_of(9 << values.TYPE_BITS | 13) is None


networks = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda found: str(ip_network(found, strict=False))
    ),
    min_size=1,
    max_size=6,
)


@given(networks, st.ip_addresses(v=4))
def test_borders_are_those_of_the_networks_together(found: list[str], address: object) -> None:
    borders = values.intervals(found)
    assert borders == sorted(set(borders))
    assert borders[0][0] == bytes(4)  # the kernel is told of the first address
    for one in (address, *(ip_network(network).broadcast_address for network in found)):
        inside = any(one in ip_network(network) for network in found)  # type: ignore[operator]
        before = [ends for at, ends in borders if at <= one.packed]  # type: ignore[attr-defined]
        assert before[-1] is not inside


def test_neighbours_are_one() -> None:
    found = values.intervals(["192.0.2.0/25", "192.0.2.128/25", "192.0.2.7"])
    assert found == [
        (bytes(4), True),
        (ip_address("192.0.2.0").packed, False),
        (ip_address("192.0.3.0").packed, True),
    ]
