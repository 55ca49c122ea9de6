"""What each Service port gets written: the reference's rules literally, and whole payloads in ``payloads/``.

``pytest tests/labs/proxy/userspace --update-golden`` writes the payloads anew. What they do is proved by
tests/live/proxy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.netfilter.ruleset import Write
from labs.proxy.state import ServicePort, ServicePortName
from labs.proxy.userspace import chains
from labs.proxy.userspace.rules import Options, rules

PAYLOADS = Path(__file__).parent / "payloads"
WEB = ServicePortName("default", "web", "http")
DNS = ServicePortName("kube-system", "kube-dns", "dns", "UDP")
NODE = "192.168.56.11"
ALONE = Options("0.0.0.0", NODE)
PODS = LocalDetector(LocalBy.CIDR, "10.244.0.0/16")
EVERYTHING = ServicePort(
    WEB,
    "10.96.0.10",
    80,
    node_port=30080,
    external_ips=("198.51.100.7",),
    load_balancer_ips=("203.0.113.10",),
)


def written(options: Options, *services: ServicePort, port: int = 40001) -> dict[str, tuple[str, ...]]:
    ports = {service.name: port + at for at, service in enumerate(services)}
    found = rules({service.name: service for service in services}, ports, options)
    return {**found["nat"], **found["filter"]}


NAMED = "-m comment --comment default/web:http -p tcp -m tcp"


def test_a_cluster_ip_is_the_reference_s() -> None:
    found = written(ALONE, ServicePort(WEB, "10.96.0.10", 80))
    assert found[chains.PORTALS_CONTAINER] == (
        f"{NAMED} --dport 80 -d 10.96.0.10 -j REDIRECT --to-ports 40001",
    )
    assert found[chains.PORTALS_HOST] == (
        f"{NAMED} --dport 80 -d 10.96.0.10 -j DNAT --to-destination {NODE}:40001",
    )


def test_an_external_ip_is_the_reference_s_three_rules() -> None:
    found = written(ALONE, ServicePort(WEB, "10.96.0.10", 80, external_ips=("198.51.100.7",)))
    to = f"{NAMED} --dport 80 -d 198.51.100.7"
    assert found[chains.PORTALS_CONTAINER][1:] == (
        f"{to} -m physdev ! --physdev-is-in -j REDIRECT --to-ports 40001",
        f"{to} -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 40001",
    )
    assert found[chains.PORTALS_HOST][1:] == (
        f"{to} -m addrtype --dst-type LOCAL -j DNAT --to-destination {NODE}:40001",
    )


def test_a_node_port_is_the_reference_s() -> None:
    found = written(ALONE, ServicePort(WEB, "10.96.0.10", 80, node_port=30080))
    assert found[chains.NODE_PORT_CONTAINER] == (f"{NAMED} --dport 30080 -j REDIRECT --to-ports 40001",)
    assert found[chains.NODE_PORT_HOST] == (f"{NAMED} --dport 30080 -j DNAT --to-destination {NODE}:40001",)
    assert found[chains.NODE_PORT_NON_LOCAL] == (f"{NAMED} --dport 40001 -m state --state NEW -j ACCEPT",)


def test_bound_to_an_address_all_is_translated_to_it() -> None:
    found = written(Options("10.0.0.5", "10.0.0.5", PODS), EVERYTHING)
    rules = [rule for chain, rules in found.items() if chain != chains.NODE_PORT_NON_LOCAL for rule in rules]
    assert rules
    assert all(rule.endswith("-j DNAT --to-destination 10.0.0.5:40001") for rule in rules)
    assert found[chains.PORTALS_POD] == ()


def test_pods_are_sent_to_the_node_s_address() -> None:
    found = written(Options("0.0.0.0", NODE, PODS), EVERYTHING)
    to_node = f"-j DNAT --to-destination {NODE}:40001"
    assert found[chains.PORTALS_POD] == (
        f"{NAMED} --dport 80 -d 10.96.0.10 {to_node}",
        f"{NAMED} --dport 80 -d 198.51.100.7 {to_node}",
        f"{NAMED} --dport 80 -d 203.0.113.10 {to_node}",
        f"{NAMED} --dport 30080 -m addrtype --dst-type LOCAL {to_node}",
    )
    assert Options("0.0.0.0", NODE, PODS).from_pod == "-s 10.244.0.0/16"


def test_portals_stand_before_node_ports_in_the_chain_that_has_both() -> None:
    first = ServicePort(ServicePortName("a", "a"), "10.96.0.1", 80, node_port=30080)
    second = ServicePort(ServicePortName("b", "b"), "10.96.0.2", 30080, external_ips=(NODE,))
    found = written(Options("0.0.0.0", NODE, PODS), first, second)[chains.PORTALS_POD]
    assert [rule.split("--comment ")[1].split()[0] for rule in found] == ["a/a", "b/b", "b/b", "a/a"]


def test_before_the_node_s_address_is_known_only_packets_from_elsewhere_are_served() -> None:
    found = written(Options("0.0.0.0", "", PODS), EVERYTHING)
    assert found[chains.PORTALS_HOST] == found[chains.NODE_PORT_HOST] == found[chains.PORTALS_POD] == ()
    assert len(found[chains.PORTALS_CONTAINER]) == 5
    assert Options("0.0.0.0", "", PODS).from_pod is None


def test_node_port_addresses_are_named_one_by_one() -> None:
    options = Options("0.0.0.0", NODE, node_port_addresses=(NODE, "10.0.0.5"))
    found = written(options, EVERYTHING)[chains.NODE_PORT_CONTAINER]
    assert [rule.split(" -d ")[1].split()[0] for rule in found] == [NODE, "10.0.0.5"]


def test_ipv6_addresses_are_written_in_brackets() -> None:
    found = written(Options("::", "fd00:56::11"), ServicePort(WEB, "fd00:96::10", 80))
    assert found[chains.PORTALS_HOST][0].endswith(
        "-d fd00:96::10 -j DNAT --to-destination [fd00:56::11]:40001"
    )


def test_a_service_that_nobody_listens_for_has_no_rules() -> None:
    found = rules({WEB: EVERYTHING}, {}, ALONE)
    assert not any(found["nat"].values())


PAYLOAD_CASES: dict[str, tuple[Options, tuple[ServicePort, ...]]] = {
    "everything": (Options("0.0.0.0", NODE, PODS), (EVERYTHING, ServicePort(DNS, "10.96.0.2", 53))),
    "no-detector": (ALONE, (EVERYTHING,)),
    "bound": (Options("10.0.0.5", "10.0.0.5"), (EVERYTHING,)),
    "ipv6": (
        Options("::", "fd00:56::11", LocalDetector(LocalBy.INTERFACE_PREFIX, "veth")),
        (ServicePort(WEB, "fd00:96::10", 80, node_port=30080),),
    ),
    "nothing": (ALONE, ()),
}


@pytest.mark.parametrize("name", PAYLOAD_CASES)
def test_the_payload_is_as_written_down(name: str, update_golden: bool) -> None:
    options, services = PAYLOAD_CASES[name]
    ports = {service.name: 40001 + at for at, service in enumerate(services)}
    write = Write(rules({service.name: service for service in services}, ports, options))
    for jump in chains.jumps(options.from_pod):
        into = write.last_jumps if jump.last else write.jumps
        into[jump.table] = (*into.get(jump.table, ()), jump.rule)
    golden = PAYLOADS / f"{name}.txt"
    if update_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(write.text())
    assert write.text() == golden.read_text()


ips = st.sampled_from(["198.51.100.7", "203.0.113.10"])
services = st.builds(
    ServicePort,
    st.builds(
        ServicePortName,
        st.just("default"),
        st.sampled_from("abc"),
        st.sampled_from(["", "p"]),
        st.sampled_from(["TCP", "UDP"]),
    ),
    st.sampled_from(["10.96.0.10", "10.96.0.11"]),
    st.integers(1, 65535),
    node_port=st.sampled_from([0, 30080]),
    external_ips=st.lists(ips, unique=True).map(tuple),
)


@given(st.lists(services, unique_by=lambda service: service.name), st.booleans())
def test_every_way_to_a_service_leads_to_its_port(found: list[ServicePort], apart: bool) -> None:
    """As many rules as there are ways, each with the Service's name and port, none for anybody else."""
    options = Options("0.0.0.0", NODE, PODS) if apart else Options("0.0.0.0", "")
    ports = {service.name: 40001 + at for at, service in enumerate(found)}
    made: dict[str, Any] = rules({service.name: service for service in found}, ports, options)["nat"]
    for service in found:
        protocol, port = service.protocol, ports[service.name]
        start = f"-m comment --comment {service.name} -p {protocol} -m {protocol} --dport "
        ends = (f" -j REDIRECT --to-ports {port}", f" -j DNAT --to-destination {NODE}:{port}")
        mine = [rule for rules in made.values() for rule in rules if rule.endswith(ends)]
        ways = 1 + bool(service.node_port)
        assert len(mine) == (3 if apart else 1) * ways + (4 if apart else 2) * len(service.external_ips)
        assert all(rule.startswith(start) for rule in mine)
