"""The rules beyond the goldens: which are there when, and in which order."""

from __future__ import annotations

import pytest

from labs.proxy.ipvs import sets
from labs.proxy.ipvs.chains import CHAINS, JUMPS
from labs.proxy.ipvs.options import Options
from labs.proxy.ipvs.rules import rules
from labs.proxy.ipvs.share import Barred
from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.netfilter.removal import target
from labs.proxy.netfilter.ruleset import Ruleset
from labs.proxy.state import Family

PODS = LocalDetector(LocalBy.CIDR, "10.244.0.0/16")


def with_sets(*filled: str, **options: object) -> Ruleset:
    return rules(set(filled), (), Options(**{"detector": PODS, **options}))  # type: ignore[arg-type]


def outline(ruleset: Ruleset, table: str, chain: str) -> list[tuple[str, str]]:
    """(target, set) of each rule."""
    found = []
    for text in ruleset[table][chain]:
        words = text.split()
        asked = words[words.index("--match-set") + 1] if "--match-set" in words else ""
        found.append((target(f"{chain} {text}"), asked))
    return found


def test_a_node_without_services_has_only_what_is_always_there() -> None:
    ruleset = with_sets()
    assert outline(ruleset, "nat", "KUBE-SERVICES") == [("RETURN", ""), ("KUBE-NODE-PORT", "")]
    assert ruleset["nat"]["KUBE-NODE-PORT"] == ()
    assert ruleset["nat"]["KUBE-LOAD-BALANCER"] == ("-j KUBE-MARK-MASQ",)
    assert ruleset["filter"]["KUBE-SOURCE-RANGES-FIREWALL"] == ("-j DROP",)
    assert outline(ruleset, "filter", "KUBE-NODE-PORT") == [("ACCEPT", "KUBE-HEALTH-CHECK-NODE-PORT")]


def test_load_balancer_source_ranges_as_the_real_one_has_them() -> None:
    """The golden of upstream's TestLoadBalancerSourceRanges."""
    ruleset = with_sets(sets.LOAD_BALANCER, sets.LOAD_BALANCER_FW, sets.SOURCE_CIDR, sets.CLUSTER_IP)
    assert outline(ruleset, "nat", "KUBE-SERVICES") == [
        ("RETURN", ""),
        ("KUBE-LOAD-BALANCER", "KUBE-LOAD-BALANCER"),
        ("KUBE-MARK-MASQ", "KUBE-CLUSTER-IP"),
        ("KUBE-NODE-PORT", ""),
        ("ACCEPT", "KUBE-CLUSTER-IP"),
        ("ACCEPT", "KUBE-LOAD-BALANCER"),
    ]
    assert outline(ruleset, "filter", "KUBE-PROXY-FIREWALL") == [
        ("KUBE-SOURCE-RANGES-FIREWALL", "KUBE-LOAD-BALANCER-FW")
    ]
    assert outline(ruleset, "filter", "KUBE-SOURCE-RANGES-FIREWALL") == [
        ("RETURN", "KUBE-LOAD-BALANCER-SOURCE-CIDR"),
        ("DROP", ""),
    ]


def test_local_node_ports_return_before_the_others_are_marked() -> None:
    ports = (sets.NODE_PORT["tcp"], sets.NODE_PORT_LOCAL["tcp"], sets.NODE_PORT["sctp"])
    assert outline(with_sets(*ports), "nat", "KUBE-NODE-PORT") == [
        ("RETURN", "KUBE-NODE-PORT-LOCAL-TCP"),
        ("KUBE-MARK-MASQ", "KUBE-NODE-PORT-TCP"),
        ("KUBE-MARK-MASQ", "KUBE-NODE-PORT-SCTP-HASH"),
    ]


def test_external_ips_are_marked_only_with_policy_cluster() -> None:
    ruleset = with_sets(sets.EXTERNAL_IP, sets.EXTERNAL_IP_LOCAL)
    assert outline(ruleset, "nat", "KUBE-SERVICES")[1:-1] == [
        ("KUBE-MARK-MASQ", "KUBE-EXTERNAL-IP"),
        ("ACCEPT", "KUBE-EXTERNAL-IP"),
        ("ACCEPT", "KUBE-EXTERNAL-IP"),
        ("ACCEPT", "KUBE-EXTERNAL-IP-LOCAL"),
        ("ACCEPT", "KUBE-EXTERNAL-IP-LOCAL"),
    ]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "KUBE-CLUSTER-IP dst,dst ! -s 10.244.0.0/16 -j"),
        ({"masquerade_all": True}, "KUBE-CLUSTER-IP dst,dst -j"),
        ({"detector": LocalDetector()}, "KUBE-CLUSTER-IP src,dst -j"),
        ({"detector": LocalDetector(LocalBy.BRIDGE, "br0")}, "KUBE-CLUSTER-IP dst,dst ! -i br0 -j"),
    ],
)
def test_who_is_masqueraded_at_a_cluster_ip(options: dict[str, object], match: str) -> None:
    ruleset = with_sets(sets.CLUSTER_IP, **options)
    assert match in ruleset["nat"]["KUBE-SERVICES"][1]


def test_what_the_load_balancer_answers_a_node_outside_its_ranges_is_dropped() -> None:
    barred = (Barred("203.0.113.10", "tcp", 80),)
    assert rules((), barred, Options())["filter"]["KUBE-IPVS-OUT-FILTER"] == (
        "-s 203.0.113.10 -m ipvs --vaddr 203.0.113.10 --vproto tcp --vport 80 -j DROP",
    )


def test_ports_that_no_service_has_are_refused_on_the_link_after_all_that_is_let_in() -> None:
    found = outline(with_sets(), "filter", "KUBE-IPVS-FILTER")
    assert found[-1] == ("REJECT", "KUBE-IPVS-IPS")
    assert {verdict for verdict, _ in found[:-1]} == {"RETURN"}


def test_masquerade_is_fully_random_only_where_iptables_can() -> None:
    lines = [with_sets(random_fully=able)["nat"]["KUBE-POSTROUTING"][-1] for able in (True, False)]
    assert [line.endswith("--random-fully") for line in lines] == [True, False]


def test_ipv6_rules_ask_ipv6_sets() -> None:
    ruleset = with_sets(sets.CLUSTER_IP, family=Family.IPV6)
    texts = " ".join(rule for chains in ruleset.tables.values() for text in chains.values() for rule in text)
    asked = {word for word in texts.split() if word.startswith("KUBE-") and "-6-" not in word}
    assert asked.isdisjoint(sets.SETS)
    assert ruleset["nat"]["KUBE-SERVICES"][0] == "-s ::1/128 -j RETURN"


def test_chains_and_jumps_are_those_of_the_real_one() -> None:
    """TestCreateAndLinkKubeChain."""
    assert CHAINS["nat"] == (
        *("KUBE-SERVICES", "KUBE-POSTROUTING", "KUBE-NODE-PORT", "KUBE-LOAD-BALANCER", "KUBE-MARK-MASQ"),
    )
    assert CHAINS["filter"] == (
        *("KUBE-FORWARD", "KUBE-NODE-PORT", "KUBE-PROXY-FIREWALL"),
        *("KUBE-SOURCE-RANGES-FIREWALL", "KUBE-IPVS-FILTER", "KUBE-IPVS-OUT-FILTER"),
    )
    assert [jump.rule for jump in JUMPS if jump.table == "filter"] == [
        'FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
        'INPUT -m comment --comment "kubernetes health check rules" -j KUBE-NODE-PORT',
        'INPUT -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
        'FORWARD -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
        'INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER',
        'OUTPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-OUT-FILTER',
    ]
