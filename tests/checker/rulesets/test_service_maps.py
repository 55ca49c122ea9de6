"""Questions to kube-proxy's nftables rules that need no packet."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from checker.rulesets import chains, service_maps
from checker.rulesets.model import Ruleset
from checker.rulesets.nft_json import parse

NFT = Path(__file__).parent / "nft"
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
WEB = {"10.244.1.5:8080": HALF, "10.244.2.7:8080": HALF}
SERVICE = "service-SUSTUHLJ-default/web/tcp/http"
EXTERNAL = "external-SUSTUHLJ-default/web/tcp/http"


@pytest.fixture(params=["gen1", "gen2"])
def rules(request: pytest.FixtureRequest) -> Ruleset:
    return parse((NFT / f"{request.param}.json").read_text())


@pytest.mark.parametrize(
    ("address", "port", "protocol", "found"),
    [
        ("172.30.0.41", 80, "tcp", [("service-ips", SERVICE, WEB)]),
        (
            "172.30.0.42",
            53,
            "udp",
            [("service-ips", "service-GCLNI2DA-default/single/udp/dns", {"10.244.1.9:5353": 1})],
        ),
        ("172.30.0.44", 80, "tcp", [("no-endpoint-services", "reject-chain", {})]),
        ("172.30.0.41", 81, "tcp", []),
        ("172.30.0.41", 80, "udp", []),
    ],
)
def test_an_address_leads_to_its_chain_and_that_to_its_endpoints(
    rules: Ruleset, address: str, port: int, protocol: str, found: list[tuple[str, str, dict[str, Fraction]]]
) -> None:
    entries = service_maps.of_address(rules, address, port, protocol)
    told = [(each.map, each.chain, service_maps.endpoints(rules, each)) for each in entries]
    # A map may be asked on several ways.
    assert [each for at, each in enumerate(told) if each not in told[:at]] == found


def test_a_load_balancer_with_source_ranges_is_in_two_maps(rules: Ruleset) -> None:
    assert {each.map for each in service_maps.of_address(rules, "203.0.113.10", 80)} == {
        "firewall-ips",
        "service-ips",
    }


def test_a_node_port_leads_to_its_chain(rules: Ruleset) -> None:
    (web,) = service_maps.of_node_port(rules, 30080)
    assert (web.chain, web.address, web.asked_by.chain) == (EXTERNAL, "", "services")
    assert service_maps.endpoints(rules, web) == WEB
    assert {each.chain for each in service_maps.of_node_port(rules, 30044)} == {"reject-chain"}


def test_ipv6_is_asked_in_its_own_table() -> None:
    rules = parse((NFT / "gen2-ipv6.json").read_text())
    (web,) = service_maps.of_address(rules, "fd00:172:30::41", 80)
    assert service_maps.endpoints(rules, web) == {
        "[fd00:10:244:1::5]:8080": HALF,
        "[fd00:10:244:2::7]:8080": HALF,
    }
    assert service_maps.of_node_port(rules, 30080, version=6)[0].chain == EXTERNAL


def test_shares_are_those_of_whoever_is_not_remembered(rules: Ruleset) -> None:
    (sticky,) = service_maps.of_address(rules, "172.30.0.43", 80)
    assert service_maps.endpoints(rules, sticky) == {"10.244.1.5:8081": HALF, "10.244.2.7:8081": HALF}
    (near,) = service_maps.of_node_port(rules, 30045)
    assert service_maps.endpoints(rules, near) == {"10.244.1.6:80": 1}


def test_ways_and_names_are_found_as_in_iptables(rules: Ruleset) -> None:
    table = "ip kube-proxy"
    assert ("nat-prerouting", "services", EXTERNAL, SERVICE) in chains.paths(
        rules, "nat-prerouting", SERVICE, table
    )
    assert chains.meant(rules, "service-sustuhlj…", table) == (SERVICE,)
    assert {place.chain for place in chains.jumps_to(rules, "services", table)} == {
        "nat-prerouting",
        "nat-output",
    }


@pytest.mark.parametrize(
    ("chain", "prefix"),
    [
        (SERVICE, "service-"),
        ("services", "services"),
        ("service-endpoints-check", "service-endpoints-check"),
        ("firewall-check", "firewall-check"),
    ],
)
def test_a_chain_is_known_by_its_prefix(chain: str, prefix: str) -> None:
    kind = chains.kind_of(chain)
    assert kind is not None
    assert kind.prefix == prefix
