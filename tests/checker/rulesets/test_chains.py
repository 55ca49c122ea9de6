"""Questions about kube-proxy's chains."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from checker.rulesets import chains
from checker.rulesets.model import Ruleset, RulesetError

Load = Callable[[str], Ruleset]
Nat = Callable[..., Ruleset]

H = "CDGGSHYLG3RE2FKL"
SVC, EXT, SEP = f"KUBE-SVC-{H}", f"KUBE-EXT-{H}", "KUBE-SEP-AFGSLHOD2HFNCBX4"


@pytest.mark.parametrize(
    ("chain", "prefix"),
    [
        (SVC, "KUBE-SVC-"),
        ("KUBE-SERVICES", "KUBE-SERVICES"),
        ("KUBE-FW-X", "KUBE-FW-"),
        ("KUBE-FIREWALL", "KUBE-FIREWALL"),
        ("KUBE-FORWARD", "KUBE-FORWARD"),
    ],
)
def test_a_chain_is_known_by_its_prefix(chain: str, prefix: str) -> None:
    kind = chains.kind_of(chain)
    assert kind is not None
    assert kind.prefix == prefix


@pytest.mark.parametrize("chain", ["DOCKER", "KUBE-SERVICESX", "INPUT"])
def test_other_chains_are_of_no_kind(chain: str) -> None:
    assert chains.kind_of(chain) is None


@pytest.mark.parametrize(
    "answer", [SVC, SVC.lower(), f" {SVC} ", "KUBE-SVC-CDGG", "KUBE-SVC-CDGG…", "kube-svc-cd..."]
)
def test_a_chain_is_meant_by_its_name_or_a_name_cut_short(payload: Load, answer: str) -> None:
    assert chains.meant(payload("nodeport"), answer) == (SVC,)


@pytest.mark.parametrize("answer", [H, "KUBE-SVC-", "KUBE", "", "KUBE-SVC-XX", "KUBE-SERVICE"])
def test_a_hash_a_kind_or_nothing_means_no_chain(payload: Load, answer: str) -> None:
    assert chains.meant(payload("nodeport"), answer) == ()


def test_the_rules_that_jump_to_a_chain_are_found(payload: Load) -> None:
    found = [(place.chain, place.number) for place in chains.jumps_to(payload("nodeport"), SVC)]
    assert found == [("KUBE-SERVICES", 1), (EXT, 2)]


def test_the_ways_between_two_chains_are_found(payload: Load) -> None:
    assert chains.paths(payload("nodeport"), "PREROUTING", SEP) == (
        ("PREROUTING", "KUBE-SERVICES", SVC, SEP),
        ("PREROUTING", "KUBE-SERVICES", "KUBE-NODEPORTS", EXT, SVC, SEP),
    )
    assert chains.paths(payload("nodeport"), SEP, "PREROUTING") == ()


@pytest.mark.parametrize("chain", [SVC, EXT])
def test_effective_shares_are_even_where_the_written_ones_are_not(payload: Load, chain: str) -> None:
    shares = chains.shares(payload("three-endpoints"), chain)
    assert list(shares) == ["10.244.1.5:8080", "10.244.1.6:8080", "10.244.2.7:8080"]
    assert all(abs(share - Fraction(1, 3)) < Fraction(1, 10**9) for share in shares.values())
    assert sum(shares.values()) == 1


def test_an_endpoints_chain_sends_everything_to_it(payload: Load) -> None:
    assert chains.shares(payload("affinity"), SEP) == {"10.244.1.5:8080": 1}


def test_a_local_policys_chain_sends_outside_traffic_to_the_endpoints_here(payload: Load) -> None:
    assert chains.shares(payload("external-local"), EXT) == {"10.244.1.5:8080": 1}


def test_what_a_chain_returns_goes_on_behind_the_jump(nat: Nat) -> None:
    rules = nat(
        "-A A -j B",
        "-A A -j DNAT --to-destination 10.0.0.9",
        "-A B -m statistic --mode random --probability 0.5 -j RETURN",
        "-A B -m statistic --mode nth --every 2 -j DNAT --to-destination 10.0.0.8",
    )
    assert chains.shares(rules, "A") == {"10.0.0.8": Fraction(1, 4), "10.0.0.9": Fraction(3, 4)}


def test_a_missing_chain_and_a_loop_are_refused(nat: Nat) -> None:
    with pytest.raises(RulesetError, match="no chain NOWHERE in table nat"):
        chains.shares(nat("-A A -j NOWHERE"), "A")
    with pytest.raises(RulesetError, match="loop: A → B → A"):
        chains.shares(nat("-A A -j B", "-A B -j A"), "A")


def test_the_rule_of_a_node_port_is_found(payload: Load) -> None:
    found = chains.node_port_rules(payload("nodeport"), 30080)
    assert [(place.chain, place.number, place.rule.jump) for place in found if place.rule] == [
        ("KUBE-NODEPORTS", 1, EXT)
    ]
    assert chains.node_port_rules(payload("nodeport"), 30081) == ()
    assert chains.node_port_rules(payload("nodeport"), 30080, "udp") == ()


def test_the_rule_of_a_services_address_is_found(payload: Load) -> None:
    found = chains.address_rules(payload("source-ranges"), "203.0.113.10", 80)
    assert [place.rule.jump for place in found if place.rule] == [f"KUBE-FW-{H}"]
    assert [
        place.rule.jump for place in chains.address_rules(payload("nodeport"), "10.96.0.10", 80) if place.rule
    ] == [SVC]


def test_rules_without_kube_proxys_chains_have_none_of_its_rules(nat: Nat) -> None:
    assert (
        chains.node_port_rules(nat("-A PREROUTING"), 80) == chains.address_rules(nat(), "10.0.0.1", 80) == ()
    )
