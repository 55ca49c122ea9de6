"""What chains are called; values of the real one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.nftables.names import LONGEST, endpoint_base, service_base
from labs.proxy.state import Endpoint, ServicePortName


@pytest.mark.parametrize(
    ("name", "base"),
    [
        (ServicePortName("ns1", "svc1", "p80"), "ULMVA6XW-ns1/svc1/tcp/p80"),
        (ServicePortName("ns2", "svc2", "p80"), "42NFTM6N-ns2/svc2/tcp/p80"),
        (ServicePortName("ns3", "svc3", "p80"), "4AT6LBPK-ns3/svc3/tcp/p80"),
        (ServicePortName("ns4", "svc4", "p80"), "LAUZTJTB-ns4/svc4/tcp/p80"),
        (ServicePortName("ns5", "svc5", "p80"), "HVFWP5L3-ns5/svc5/tcp/p80"),
        (ServicePortName("default", "kubernetes", "https"), "2QRHZV4L-default/kubernetes/tcp/https"),
        (ServicePortName("default", "web", "http"), "SUSTUHLJ-default/web/tcp/http"),
    ],
)
def test_a_service_port_s_chains_are_called_as_the_real_one_calls_them(
    name: ServicePortName, base: str
) -> None:
    assert service_base(name) == base


def test_an_endpoint_s_too() -> None:
    name = ServicePortName("ns1", "svc1", "p80")
    assert endpoint_base(name, Endpoint("10.180.0.1", 80)) == "5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80"


def test_the_port_may_have_no_name() -> None:
    assert service_base(ServicePortName("ns", "svc", "", "UDP")).endswith("-ns/svc/udp/")


def test_colons_of_an_address_become_dots() -> None:
    base = endpoint_base(ServicePortName("ns", "svc", "p"), Endpoint("fd00::1", 80))
    assert base.endswith("-ns/svc/tcp/p__fd00..1/80")


def test_a_long_name_is_cut_and_the_hash_keeps_two_apart() -> None:
    names = [ServicePortName("n" * 63, "s" * 63, f"{'p' * 14}{end}") for end in "ab"]
    endpoint = Endpoint("fd00:1111:2222:3333:4444:5555:6666:7777", 65535)
    long = [endpoint_base(ServicePortName("n" * 63, "s" * 110, name.port), endpoint) for name in names]
    assert {len(base) for base in long} == {LONGEST}
    assert all(base.endswith("...") for base in long)
    assert len(set(long)) == 2


@given(st.text("abc-.", min_size=1, max_size=253), st.text("abc-", max_size=63))
def test_every_name_fits_the_kernel(namespace: str, service: str) -> None:
    base = endpoint_base(ServicePortName(namespace, service, "http"), Endpoint("10.0.0.1", 80))
    assert len("endpoint-" + base) <= 255
    assert ":" not in base
