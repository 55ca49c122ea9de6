"""kube-proxy's nftables rules of both generations and families, walked flow by flow.

`nft/NAME.nft` is what kube-proxy would load, names and layout as it has them, `nft/NAME.json` what nft 1.0.6
printed of it; `tests/live/rulesets/test_saves.py` loads and reads it afresh.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from checker.rulesets.nft_json import parse
from checker.rulesets.walk import Node, Packet, Walk, walk

NFT = Path(__file__).parent / "nft"


@dataclass(frozen=True)
class Family:
    """The addresses of one family."""

    cluster: str
    pod: str
    node: str
    client: str
    allowed: str
    external: str
    balancer: str
    endpoint: str
    suffix: str = ""

    def ip(self, number: int) -> str:
        return self.cluster.format(number)

    def to(self, place: str, port: int) -> str:
        node, number = place.split(".")
        return self.endpoint.format(node, number, port)


FOUR = Family(
    "172.30.0.{}", "10.244.1.77", "192.168.56.11", "192.168.56.200", "203.0.113.7", "198.51.100.7",
    "203.0.113.10", "10.244.{}.{}:{}",
)  # fmt: skip
SIX = Family(
    "fd00:172:30::{}", "fd00:10:244:1::77", "fd00:56::11", "fd00:56::200", "2001:db8:bad::7", "2001:db8:7::1",
    "2001:db8:a::10", "[fd00:10:244:{}::{}]:{}", "-ipv6",
)  # fmt: skip


@cache
def node(generation: int, family: Family) -> Node:
    return Node(nft=(NFT / f"gen{generation}{family.suffix}.json").read_text())


@pytest.fixture(params=[(1, FOUR), (2, FOUR), (1, SIX), (2, SIX)], ids=["gen1", "gen2", "gen1-6", "gen2-6"])
def rules(request: pytest.FixtureRequest) -> tuple[Node, Family]:
    generation, family = request.param
    return node(generation, family), family


def sent(
    rules: tuple[Node, Family], source: str, to: tuple[str, int], start: str = "prerouting", **facts: object
) -> Walk:
    known, family = rules
    packet = {"local": (family.node,), "masquerade_as": family.node, "in_interface": "eth0"} | facts
    return walk(known, Packet(source, to[0], destination_port=to[1], **packet), start)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Flow:
    """Who sends to what, and what must happen: endpoints with even shares, or a verdict."""

    name: str
    source: str
    to: str
    port: int
    endpoints: tuple[str, ...] = ()
    endpoint_port: int = 0
    verdict: str = "DNAT"
    masquerade: frozenset[bool] = frozenset({False})
    start: str = "prerouting"
    protocol: str = "tcp"
    extra: dict[str, object] = field(default_factory=dict)


YES, NO, HAIRPIN = frozenset({True}), frozenset({False}), frozenset({True, False})
WEB = ("1.5", "2.7")
NEAR = ("1.6", "2.6", "2.8")
FLOWS = (
    Flow("pod to ClusterIP", "pod", "web", 80, WEB, 8080),
    Flow("endpoint to its own Service", "endpoint", "web", 80, WEB, 8080, masquerade=HAIRPIN),
    Flow("outside to ClusterIP", "client", "web", 80, WEB, 8080, masquerade=YES),
    Flow("node to ClusterIP", "node", "web", 80, WEB, 8080, masquerade=YES, start="output"),
    Flow("another port of a ClusterIP", "pod", "web", 81, verdict="REJECT"),
    Flow("another protocol of a ClusterIP", "pod", "web", 80, verdict="REJECT", protocol="udp"),
    Flow("a ClusterIP that nobody has", "pod", "nobody", 80, verdict="DROP"),
    Flow("a ClusterIP that nobody has, from the node", "node", "nobody", 80, verdict="DROP", start="output"),
    Flow("udp", "pod", "single", 53, ("1.9",), 5353, protocol="udp"),
    Flow("NodePort from outside", "client", "node", 30080, WEB, 8080, masquerade=YES),
    Flow("NodePort from a pod", "pod", "node", 30080, WEB, 8080, masquerade=YES),
    Flow("NodePort from the node", "node", "node", 30080, WEB, 8080, masquerade=YES, start="output"),
    Flow("a port of the node that is no NodePort", "client", "node", 30081, verdict="ACCEPT"),
    Flow("no endpoints, ClusterIP", "pod", "empty", 80, verdict="REJECT"),
    Flow("no endpoints, ClusterIP from the node", "node", "empty", 80, verdict="REJECT", start="output"),
    Flow("no endpoints, NodePort", "client", "node", 30044, verdict="REJECT"),
    Flow("local policy, from outside", "client", "node", 30045, ("1.6",), 80),
    Flow("local policy, external IP", "client", "external", 80, ("1.6",), 80),
    Flow("local policy, from a pod", "pod", "node", 30045, NEAR, 80),
    Flow("local policy, from the node", "node", "node", 30045, NEAR, 80, masquerade=YES, start="output"),
    Flow("local policy, ClusterIP", "pod", "near", 80, NEAR, 80),
    Flow("allowed by source range", "allowed", "balancer", 80, ("2.9",), 80, masquerade=YES),
    Flow("not allowed by source range", "client", "balancer", 80, verdict="DROP"),
    Flow("not allowed, from the node", "node", "balancer", 80, verdict="DROP", start="output"),
    Flow("ranges do not concern the NodePort", "client", "node", 30046, ("2.9",), 80, masquerade=YES),
    Flow("affinity, a new client", "pod", "sticky", 80, WEB, 8081),
    Flow("elsewhere", "pod", "client", 80, verdict="ACCEPT"),
)  # fmt: skip
NUMBERS = {"web": 41, "single": 42, "sticky": 43, "empty": 44, "near": 45, "nobody": 99}


def place(family: Family, name: str) -> str:
    if name in NUMBERS:
        return family.ip(NUMBERS[name])
    if name == "endpoint":
        return family.to("1.5", 0).removesuffix(":0").strip("[]")
    found: str = getattr(family, name)
    return found


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.name for flow in FLOWS])
def test_each_flow_ends_where_kube_proxy_would_send_it(rules: tuple[Node, Family], flow: Flow) -> None:
    family = rules[1]
    walked = sent(
        rules,
        place(family, flow.source),
        (place(family, flow.to), flow.port),
        flow.start,
        protocol=flow.protocol,
    )
    share = Fraction(1, len(flow.endpoints) or 1)
    assert walked.targets == {family.to(each, flow.endpoint_port): share for each in flow.endpoints}
    assert set(walked.verdicts) == {flow.verdict}
    assert {outcome.masquerade for outcome in walked.outcomes} == flow.masquerade


def test_only_the_way_back_to_oneself_is_masqueraded(rules: tuple[Node, Family]) -> None:
    family = rules[1]
    own = family.to("1.5", 8080)
    walked = sent(rules, place(family, "endpoint"), (family.ip(41), 80))
    assert {outcome.to: outcome.masquerade for outcome in walked.outcomes} == {
        own: True,
        family.to("2.7", 8080): False,
    }


def affinity(known: Node, place: str) -> str:
    return next(
        name.replace("endpoint", "affinity", 1)
        for table in known.rules(4).tables.values() or known.rules(6).tables.values()
        for name in table.chains
        if name.startswith("endpoint") and name.endswith(place)
    )


def test_a_client_that_is_remembered_goes_where_it_went_before() -> None:
    for generation in (1, 2):
        kept = {affinity(node(generation, FOUR), "sticky/tcp/http__10.244.2.7/8081"): [FOUR.pod]}
        walked = sent((node(generation, FOUR), FOUR), FOUR.pod, (FOUR.ip(43), 80), recent=kept)
        assert walked.targets == {"10.244.2.7:8081": 1}
        assert walked.outcomes[0].steps[-2].rule is not None


def test_the_rule_that_decides_on_masquerade_is_named(rules: tuple[Node, Family]) -> None:
    family = rules[1]
    only = sent(rules, family.client, (family.node, 30080)).outcomes[0]
    assert only.because is not None
    assert only.because.chain == "external-SUSTUHLJ-default/web/tcp/http"
    assert only.source == family.node


def test_a_step_by_a_map_names_the_element() -> None:
    only = sent((node(2, FOUR), FOUR), FOUR.pod, (FOUR.ip(41), 80)).outcomes[0]
    chosen = {step.rule.text.split()[-1]: step.chosen for step in only.steps if step.rule and step.chosen}
    assert chosen["@service-ips"] == (
        "172.30.0.41 . tcp . 80 : on for good in chain service-SUSTUHLJ-default/web/tcp/http"
    )


def test_both_families_are_read_from_one_text() -> None:
    rules = parse((NFT / "gen2.json").read_text())
    six = Packet(SIX.pod, SIX.ip(41), destination_port=80)
    assert rules.tables.keys() == {"ip kube-proxy"}
    assert walk(rules, six).verdicts == {"ACCEPT": 1}
