"""What holds for the rules of any state: shares add up, every jump leads somewhere, nothing is left over."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.proxy.iptables.options import Options
from labs.proxy.iptables.rules import LARGE, is_large, rules
from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.netfilter.ruleset import Chains, Ruleset
from labs.proxy.state import Endpoint, Family, Node, ProxyState, ServicePort, ServicePortName

OPTIONS = Options(detector=LocalDetector(LocalBy.CIDR, "10.244.0.0/16"))
BUILT_IN_TARGETS = {"REJECT", "DROP", "ACCEPT", "RETURN", "MARK", "MASQUERADE", "DNAT"}
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

flags = st.booleans()
endpoints = st.lists(
    st.builds(
        Endpoint,
        ip=st.integers(1, 9).map("10.244.1.{}".format),
        port=st.sampled_from([80, 8080]),
        ready=flags,
        serving=flags,
        terminating=flags,
        local=flags,
        zone_hints=st.sampled_from([frozenset(), frozenset({"zone-a"}), frozenset({"zone-b"})]),
    ),
    max_size=5,
    unique_by=str,
).map(lambda found: tuple(sorted(found, key=str)))


@st.composite
def service_ports(draw: Any) -> ServicePort:
    number = draw(st.integers(1, 3))
    name = ServicePortName(
        "ns",
        f"svc{number}",
        draw(st.sampled_from(["", "http"])),
        draw(st.sampled_from(["TCP", "UDP", "SCTP"])),
    )
    return ServicePort(
        name,
        f"10.96.0.{number}",
        80,
        node_port=draw(st.sampled_from([0, 30000 + number])),
        external_ips=draw(st.sampled_from([(), ("198.51.100.7",)])),
        load_balancer_ips=draw(st.sampled_from([(), ("203.0.113.10",)])),
        source_ranges=draw(st.sampled_from([(), ("192.168.56.0/24",), ("192.0.2.0/24", "198.51.100.0/24")])),
        affinity_seconds=draw(st.sampled_from([0, 10800])),
        internal_local=draw(flags),
        external_local=draw(flags),
        health_check_node_port=draw(st.sampled_from([0, 32000])),
    )


@st.composite
def states(draw: Any) -> ProxyState:
    services = {service.name: service for service in draw(st.lists(service_ports(), max_size=5))}
    behind = {name: draw(endpoints) for name in services}
    return ProxyState(Family.IPV4, Node("worker-1", "192.168.56.11", "zone-a"), services, behind)


def target(rule: str) -> str:
    found = re.search(r" ?-j (\S+)", rule)
    return found[1] if found else ""


def jumps(chains: Chains) -> set[str]:
    return {target(rule) for found in chains.values() for rule in found} - BUILT_IN_TARGETS - {""}


def share_of_last(chain: tuple[str, ...]) -> Fraction:
    """The share that is left for what follows the chain's random choices."""
    left = Fraction(1)
    for rule in chain:
        if found := re.search(r"--probability ([\d.]+)", rule):
            left *= 1 - Fraction(found[1])
    return left


@QUICK
@given(states())
def test_every_jump_leads_to_a_chain_of_the_same_table(state: ProxyState) -> None:
    for chains in rules(state, OPTIONS).tables.values():
        assert jumps(chains) <= chains.keys()


@QUICK
@given(states())
def test_every_own_chain_is_reached(state: ProxyState) -> None:
    nat = rules(state, OPTIONS)["nat"]
    own = {chain for chain in nat if re.match("KUBE-(SVC|SVL|EXT|FW|SEP)-", chain)}
    assert own <= jumps(nat)


@QUICK
@given(states())
def test_shares_are_even(state: ProxyState) -> None:
    for chain, found in rules(state, OPTIONS)["nat"].items():
        choices = [rule for rule in found if "-j KUBE-SEP-" in rule and "recent" not in rule]
        if choices:
            assert abs(share_of_last(found) - Fraction(1, len(choices))) < Fraction(1, 10**8), chain


@QUICK
@given(states())
def test_no_chain_name_is_too_long(state: ProxyState) -> None:
    assert all(len(chain) <= 28 for chains in rules(state, OPTIONS).tables.values() for chain in chains)


@QUICK
@given(states())
def test_node_ports_are_asked_last(state: ProxyState) -> None:
    assert "this must be the last rule" in rules(state, OPTIONS)["nat"]["KUBE-SERVICES"][-1]


def big(endpoints: int) -> ProxyState:
    names = [ServicePortName("ns", f"s{number}") for number in range(2)]
    behind = tuple(Endpoint(f"10.244.{n // 250}.{n % 250 + 1}", 80) for n in range(endpoints - 1))
    return ProxyState(
        Family.IPV4,
        Node("worker-1"),
        {name: ServicePort(name, f"10.96.0.{at + 1}", 80) for at, name in enumerate(names)},
        {names[0]: behind, names[1]: (Endpoint("10.244.9.9", 80),)},
    )


def own(ruleset: Ruleset) -> str:
    return "\n".join(
        r
        for c, found in ruleset["nat"].items()
        if c.startswith(("KUBE-SEP", "KUBE-SVC"))
        for r in found
        if "cluster IP" not in r
    )


def test_more_than_a_thousand_endpoints_go_without_the_comments_that_repeat() -> None:
    assert not is_large(big(LARGE))
    assert "--comment" in own(rules(big(LARGE), OPTIONS))
    large = rules(big(LARGE + 1), OPTIONS)
    assert "--comment" not in own(large)
    assert '--comment "ns/s0 cluster IP"' in large["nat"]["KUBE-SERVICES"][0]


def test_interfaces_can_tell_pods_too(
    make_state: Callable[..., ProxyState],
    make_service: Callable[..., Any],
    make_slice: Callable[..., Any],
    make_endpoint: Callable[..., Any],
) -> None:
    state = make_state([make_service(), make_slice(make_endpoint("10.244.1.5"))])
    for by, value, match in (
        (LocalBy.BRIDGE, "br0", "! -i br0 "),
        (LocalBy.INTERFACE_PREFIX, "veth", "! -i veth+ "),
    ):
        nat = rules(state, Options(detector=LocalDetector(by, value)))["nat"]
        assert match in nat["KUBE-SVC-CDGGSHYLG3RE2FKL"][0]
