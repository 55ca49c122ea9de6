"""What becomes of packets, walked through the rules on paper by the grader, which shares no code with them.

The flows of upstream's TestInternalExternalMasquerade: three Services under each policy, asked from a
pod, the node and outside, with and without a way to tell pods, and with masqueradeAll.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from checker.rulesets.iptables_save import parse
from checker.rulesets.packet import Packet
from checker.rulesets.walk import walk
from labs.proxy.iptables.options import Options
from labs.proxy.iptables.rules import rules
from labs.proxy.iptables.static import jumps
from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.netfilter.ruleset import Write
from labs.proxy.state import Family, ProxyState

Make = Callable[..., Any]
PODS = LocalDetector(LocalBy.CIDR, "10.244.0.0/16")
BASE = Options(detector=PODS)
CONFIGURATIONS = {
    "base": BASE,
    "no detector": Options(),
    "masqueradeAll": Options(detector=PODS, masquerade_all=True),
    "both": Options(masquerade_all=True),
}
NODE, POD, OUTSIDE, BLOCKED = "192.168.56.11", "10.244.1.9", "203.0.113.2", "203.0.113.130"
VIP, LB, EXTERNAL = "10.96.0.10", "198.51.100.10", "198.51.100.20"
HERE, AWAY = "10.244.1.5:8080", "10.244.2.7:8080"
BOTH = {HERE, AWAY}


class Seen(NamedTuple):
    """How a packet ends: by which verdicts, where, and whether the node put its own address in."""

    verdicts: set[str]
    to: set[str]
    masqueraded: bool


DROPPED = Seen({"DROP"}, set(), False)
REFUSED = Seen({"REJECT"}, set(), False)


def to(*endpoints: str, masqueraded: bool) -> Seen:
    return Seen({"DNAT"}, set(endpoints), masqueraded)


def send(state: ProxyState, options: Options, source: str, destination: str, port: int) -> Seen:
    by_table: dict[str, tuple[str, ...]] = {}
    for jump in jumps(options):
        by_table[jump.table] = (*by_table.get(jump.table, ()), jump.rule)
    ruleset = parse(Write(rules(state, options), jumps=by_table).text())
    packet = Packet(
        source, destination, destination_port=port, in_interface="eth0", local=[NODE], masquerade_as=NODE
    )
    found = walk(ruleset, packet, "output" if source == NODE else "prerouting")
    assert sum(outcome.probability for outcome in found.outcomes) == 1
    return Seen(
        {outcome.verdict for outcome in found.outcomes},
        {outcome.to for outcome in found.outcomes if outcome.to},
        any(outcome.masquerade for outcome in found.outcomes),
    )


@pytest.fixture
def web(make_service: Make, make_slice: Make, make_endpoint: Make, make_state: Make) -> Make:
    """Service web with a NodePort, a balancer and an external IP, an endpoint here and one away."""

    def make(*pods: tuple[str, str], **spec: Any) -> ProxyState:
        endpoints = pods or (("10.244.1.5", "worker-1"), ("10.244.2.7", "worker-2"))
        service = make_service(
            type="LoadBalancer",
            ports=[{"name": "http", "port": 80, "nodePort": 30080}],
            externalIPs=[EXTERNAL],
            status={"loadBalancer": {"ingress": [{"ip": LB}]}},
            **spec,
        )
        state: ProxyState = make_state([service, make_slice(*(make_endpoint(*pod) for pod in endpoints))])
        return state

    return make


# policy, from, to, port → endpoints, and whether the source is masqueraded in each configuration
EVERY = dict.fromkeys(CONFIGURATIONS, True)
NEVER = dict.fromkeys(CONFIGURATIONS, False)
UNLESS_POD = {**EVERY, "no detector": False}
ONLY_ALL = {**NEVER, "masqueradeAll": True, "both": True}
FLOWS = [
    ("Cluster", POD, VIP, 80, BOTH, ONLY_ALL),
    ("Cluster", NODE, VIP, 80, BOTH, UNLESS_POD),
    ("Cluster", OUTSIDE, VIP, 80, BOTH, UNLESS_POD),
    ("Cluster", POD, NODE, 30080, BOTH, EVERY),
    ("Cluster", NODE, NODE, 30080, BOTH, EVERY),
    ("Cluster", OUTSIDE, NODE, 30080, BOTH, EVERY),
    ("Cluster", POD, LB, 80, BOTH, EVERY),
    ("Cluster", NODE, LB, 80, BOTH, EVERY),
    ("Cluster", OUTSIDE, LB, 80, BOTH, EVERY),
    ("Cluster", OUTSIDE, EXTERNAL, 80, BOTH, EVERY),
    ("Local", POD, VIP, 80, BOTH, ONLY_ALL),
    ("Local", NODE, NODE, 30080, BOTH, EVERY),
    ("Local", OUTSIDE, NODE, 30080, {HERE}, NEVER),
    ("Local", NODE, LB, 80, BOTH, EVERY),
    ("Local", OUTSIDE, LB, 80, {HERE}, NEVER),
    ("Local", OUTSIDE, EXTERNAL, 80, {HERE}, NEVER),
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: " ".join(map(str, flow[:4])))
def test_a_flow_ends_where_its_policy_says(web: Make, configuration: str, flow: Any) -> None:
    policy, source, destination, port, endpoints, masqueraded = flow
    seen = send(web(externalTrafficPolicy=policy), CONFIGURATIONS[configuration], source, destination, port)
    assert seen == to(*endpoints, masqueraded=masqueraded[configuration])


def test_a_pod_under_policy_local_uses_all_endpoints_if_it_can_be_told(web: Make) -> None:
    state = web(externalTrafficPolicy="Local")
    assert send(state, BASE, POD, LB, 80) == to(*BOTH, masqueraded=False)
    assert send(state, Options(), POD, LB, 80) == to(HERE, masqueraded=False)


def test_an_endpoint_that_reaches_itself_is_masqueraded(web: Make) -> None:
    assert send(web(("10.244.1.5", "worker-1")), BASE, "10.244.1.5", VIP, 80) == to(HERE, masqueraded=True)


@pytest.mark.parametrize(("source", "seen"), [(OUTSIDE, to(*BOTH, masqueraded=True)), (BLOCKED, DROPPED)])
def test_source_ranges_admit_or_drop(web: Make, source: str, seen: Seen) -> None:
    assert send(web(loadBalancerSourceRanges=[" 203.0.113.0/25"]), BASE, source, LB, 80) == seen


def test_source_ranges_do_not_apply_to_node_ports(web: Make) -> None:
    state = web(loadBalancerSourceRanges=["203.0.113.0/25"])
    assert send(state, BASE, BLOCKED, NODE, 30080) == to(*BOTH, masqueraded=True)


@pytest.mark.parametrize(("destination", "port"), [(VIP, 80), (NODE, 30080), (LB, 80), (EXTERNAL, 80)])
@pytest.mark.parametrize("source", [POD, OUTSIDE])
def test_without_endpoints_everything_is_refused(
    make_state: Make, web: Make, source: str, destination: str, port: int
) -> None:
    state = web()
    empty = ProxyState(Family.IPV4, state.node, state.services)
    assert send(empty, BASE, source, destination, port) == REFUSED


def test_policy_local_without_local_endpoint_drops_only_what_comes_from_outside(web: Make) -> None:
    state = web(("10.244.2.7", "worker-2"), externalTrafficPolicy="Local")
    for destination, port in ((NODE, 30080), (LB, 80), (EXTERNAL, 80)):
        assert send(state, BASE, OUTSIDE, destination, port) == DROPPED
    assert send(state, BASE, POD, LB, 80) == to(AWAY, masqueraded=False)
    assert send(state, BASE, POD, VIP, 80) == to(AWAY, masqueraded=False)


def test_internal_policy_local(web: Make) -> None:
    assert send(web(internalTrafficPolicy="Local"), BASE, POD, VIP, 80) == to(HERE, masqueraded=False)
    away = web(("10.244.2.7", "worker-2"), internalTrafficPolicy="Local")
    assert send(away, BASE, POD, VIP, 80) == DROPPED
    assert send(away, BASE, OUTSIDE, NODE, 30080) == to(AWAY, masqueraded=True)


def test_each_of_five_endpoints_gets_a_fifth(web: Make) -> None:
    state = web(*((f"10.244.1.{n}", "worker-1") for n in range(2, 7)))
    ruleset = parse(
        Write(
            rules(state, BASE), jumps={"nat": tuple(j.rule for j in jumps(BASE) if j.table == "nat")}
        ).text()
    )
    found = walk(ruleset, Packet(POD, VIP, destination_port=80, in_interface="eth0", local=[NODE]))
    assert len(found.outcomes) == 5
    for outcome in found.outcomes:
        assert abs(outcome.probability - Fraction(1, 5)) < Fraction(1, 10**8)
