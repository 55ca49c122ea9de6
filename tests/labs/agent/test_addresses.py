from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.agent.addresses import Addresses, NoAddressLeft, next_free

NET = ip_network("10.244.1.0/28")
HOSTS = [ip_address("10.244.1.0") + number for number in range(2, 15)]


@pytest.mark.parametrize(
    ("used", "last", "expected"),
    [
        ([], None, "10.244.1.2"),
        ([], "10.244.1.2", "10.244.1.3"),
        ([], "10.244.1.14", "10.244.1.2"),
        (["10.244.1.3"], "10.244.1.2", "10.244.1.4"),
        (["10.244.1.2", "10.244.1.14"], "10.244.1.13", "10.244.1.3"),
        ([], "10.9.9.9", "10.244.1.2"),
    ],
)
def test_the_next_address_follows_the_last_one(used: list[str], last: str | None, expected: str) -> None:
    found = next_free(NET, {ip_address(text) for text in used}, ip_address(last) if last else None)
    assert str(found) == expected


@given(st.sets(st.sampled_from(HOSTS)), st.none() | st.sampled_from(HOSTS))
def test_an_address_is_free_or_there_is_none(used: set, last: object) -> None:  # type: ignore[type-arg]
    found = next_free(NET, used, last)  # type: ignore[arg-type]
    if len(used) == len(HOSTS):
        assert found is None
    else:
        assert found in set(HOSTS) - used


def test_a_pod_keeps_its_address_over_a_restart_of_the_agent(tmp_path: Path) -> None:
    first = Addresses(tmp_path, str(NET)).reserve("a")
    assert Addresses(tmp_path, str(NET)).reserve("a") == first


def test_two_ranges_share_a_folder_and_each_goes_its_own_way(tmp_path: Path) -> None:
    both = Addresses(tmp_path, str(NET), 0), Addresses(tmp_path, "fd00:244:0:1::/64", 1)
    both[1].reserve("only in one")
    assert [one.reserve("a") for one in both] == ["10.244.1.2", "fd00:244:0:1::3"]
    assert both[0].owners() == {"a": "10.244.1.2"}
    both[0].release("a")
    assert both[1].owners() == {"only in one": "fd00:244:0:1::2", "a": "fd00:244:0:1::3"}
    assert [one.reserve("b") for one in both] == ["10.244.1.3", "fd00:244:0:1::4"]


def test_a_released_address_is_given_out_last(tmp_path: Path) -> None:
    addresses = Addresses(tmp_path, str(NET))
    first = addresses.reserve("a")
    addresses.release("a")
    others = [addresses.reserve(f"pod-{number}") for number in range(len(HOSTS) - 1)]
    assert first not in others
    assert addresses.reserve("last") == first


def test_a_full_node_says_so(tmp_path: Path) -> None:
    addresses = Addresses(tmp_path, "10.244.1.0/29")
    for number in range(5):
        addresses.reserve(f"pod-{number}")
    with pytest.raises(NoAddressLeft, match=r"10\.244\.1\.0/29: all 5 addresses are in use"):
        addresses.reserve("one more")


def test_releasing_what_a_pod_does_not_have_does_nothing(tmp_path: Path) -> None:
    addresses = Addresses(tmp_path, str(NET))
    addresses.release("nobody")
    assert addresses.owners() == {}
