"""portRange as kube-proxy reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.portrange import port_range


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("", range(0)),
        ("0", range(0)),
        ("0-0", range(0)),
        ("32800-33000", range(32800, 33001)),
        ("32800+10", range(32800, 32811)),
        ("32800", range(32800, 32801)),
        (" 1-65535 ", range(1, 65536)),
    ],
)
def test_the_forms_there_are(text: str, ports: range) -> None:
    assert port_range(text) == ports


@pytest.mark.parametrize("text", ["a", "1-", "-1", "1:2", "1-2-3"])
def test_what_is_no_range_says_what_one_is(text: str) -> None:
    with pytest.raises(ValueError, match="a range such as 32800-33000, or empty"):
        port_range(text)


@pytest.mark.parametrize("text", ["2-1", "0-5", "1-65536", "65535+1"])
def test_ports_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ports from 1 to 65535, the first not above the last"):
        port_range(text)


@given(st.integers(1, 65535), st.integers(0, 65535))
def test_both_forms_mean_the_same(first: int, more: int) -> None:
    last = min(first + more, 65535)
    assert port_range(f"{first}-{last}") == port_range(f"{first}+{last - first}")
