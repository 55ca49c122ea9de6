"""Addresses as people write them."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.addresses import address, addresses, cidr, cidrs, contains
from labs.proxy.state import Family


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("172.30.0.041", "172.30.0.41"),
        ("0.0.0.0", "0.0.0.0"),
        (" 10.0.0.1 ", "10.0.0.1"),
        ("fd00::1", ""),
        ("None", ""),
        ("", ""),
        ("300.1.1.1", ""),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ],
)
def test_an_ipv4_address_is_made_canonical_or_left_out(text: str, found: str) -> None:
    assert address(text, Family.IPV4) == found


def test_an_ipv6_address_is_made_canonical() -> None:
    assert address("FD00:0:0::1", Family.IPV6) == "fd00::1"
    assert address("10.0.0.1", Family.IPV6) == ""


@given(st.ip_addresses(v=4), st.data())
def test_leading_zeros_change_nothing(ip: IPv4Address, data: st.DataObject) -> None:
    padded = ".".join(octet.zfill(data.draw(st.integers(1, 3))) for octet in str(ip).split("."))
    assert address(padded, Family.IPV4) == str(ip)


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    assert address(text, Family.IPV4) == address(address(text, Family.IPV4), Family.IPV4)
    assert cidr(text, Family.IPV6) == cidr(cidr(text, Family.IPV6), Family.IPV6)


def test_lists_keep_one_family() -> None:
    assert addresses(["10.0.0.1", "fd00::1", "x"], Family.IPV6) == ("fd00::1",)
    assert cidrs([" 203.0.113.0/25", "fd00::/8", "1.2.3.4", "10.1.2.3/8"], Family.IPV4) == (
        "203.0.113.0/25",
        "10.0.0.0/8",
    )


def test_an_empty_address_is_in_no_network() -> None:
    assert contains("10.0.0.0/8", "10.1.1.1")
    assert not contains("10.0.0.0/8", "")
