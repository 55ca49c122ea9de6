from __future__ import annotations

import pytest

from labs.proxy.ipvs.sets import LONGEST, SETS, creation, kernel_name, networks
from labs.proxy.state import Family


@pytest.mark.parametrize("family", Family)
def test_every_name_fits_the_kernel_and_none_is_taken_twice(family: Family) -> None:
    names = {kernel_name(name, family) for name in SETS}
    assert len(names) == len(SETS)
    assert max(map(len, names)) <= LONGEST


def test_ipv6_sets_have_names_of_their_own() -> None:
    assert kernel_name("KUBE-CLUSTER-IP", Family.IPV6) == "KUBE-6-CLUSTER-IP"
    assert kernel_name("KUBE-LOAD-BALANCER-SOURCE-CIDR", Family.IPV6) == "KUBE-6-LOAD-BALANCER-SOURCE-CID"


def test_the_addresses_on_the_link_come_last_since_they_refuse() -> None:
    assert list(SETS)[-1] == "KUBE-IPVS-IPS"


def test_sets_of_addresses_have_a_family_and_sets_of_ports_a_range() -> None:
    lines = [creation(SETS[name], Family.IPV6) for name in ("KUBE-CLUSTER-IP", "KUBE-HEALTH-CHECK-NODE-PORT")]
    assert lines == [
        "create KUBE-6-CLUSTER-IP hash:ip,port family inet6 hashsize 1024 maxelem 65536",
        "create KUBE-6-HEALTH-CHECK-NODE-PORT bitmap:port range 0-65535",
    ]


@pytest.mark.parametrize(
    ("cidr", "members"),
    [
        ("198.51.100.0/24", ("198.51.100.0/24",)),
        ("198.51.100.7/32", ("198.51.100.7",)),
        ("0.0.0.0/0", ("0.0.0.0/1", "128.0.0.0/1")),
        ("fd00::/32", ("fd00::/32",)),
        ("fd00::7/128", ("fd00::7",)),
        ("::/0", ("::/1", "8000::/1")),
    ],
)
def test_a_network_is_written_as_the_kernel_takes_and_prints_it(cidr: str, members: tuple[str, ...]) -> None:
    assert networks(cidr) == members
