"""Addresses and masks."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.rulesets.prefix import address, prefix


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("10.96.0.10", "10.96.0.10/32"),
        ("10.244.7.9/16", "10.244.0.0/16"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("10.1.2.3/255.0.255.0", "10.0.2.0/255.0.255.0"),
        ("fd00::1", "fd00::1/128"),
        ("FD00:0:0::5/64", "fd00::/64"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_prefix_is_printed_as_iptables_prints_it(written: str, printed: str) -> None:
    assert prefix(written).text == printed


def test_a_mask_with_holes_covers_by_its_bits() -> None:
    assert prefix("10.0.2.0/255.0.255.0").covers(address("10.77.2.1"))
    assert not prefix("10.0.2.0/255.0.255.0").covers(address("10.77.3.1"))


def test_a_prefix_covers_no_address_of_the_other_family() -> None:
    assert not prefix("0.0.0.0/0").covers(address("::1"))


@given(
    st.ip_addresses(v=4) | st.ip_addresses(v=6),
    st.ip_addresses(v=4) | st.ip_addresses(v=6),
    st.integers(0, 128),
)
def test_covering_agrees_with_the_standard_library(base: object, other: object, length: int) -> None:
    network = ip_network(f"{base}/{min(length, ip_address(str(base)).max_prefixlen)}", strict=False)
    assert prefix(str(network)).covers(address(str(other))) == (ip_address(str(other)) in network)


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "web", "10.0.0", "fd00::/129", "10.0.0.0/ff"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        prefix(wrong)
