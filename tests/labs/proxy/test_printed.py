"""Golden files of rules hold nothing that is another the next time."""

from __future__ import annotations

import json

from proxy_cases.printed import written

RULE = "-A KUBE-PORTALS-CONTAINER -p {} -m {} --dport 53 -j REDIRECT --to-ports {}"


def test_a_relay_has_one_name_in_all_rules_whatever_port_the_kernel_chose() -> None:
    rules = [("udp", 35001), ("tcp", 35001), ("udp", 35001), ("tcp", 36000)]
    text = "\n".join(RULE.format(protocol, protocol, port) for protocol, port in rules)
    found = written({"iptables": text}, relays={("udp", 35001), ("tcp", 35001)}).splitlines()
    assert [line.rpartition(" ")[2] for line in found] == ["40001", "40002", "40001", "36000"]


def test_time_and_counters_of_iptables_are_left_out() -> None:
    assert written({"iptables": "# Generated on Monday\n:INPUT ACCEPT [3:180]"}) == ":INPUT ACCEPT [0:0]"


def test_nft_is_written_without_handles_counters_and_what_is_empty() -> None:
    at = {"family": "ip", "table": "kube-proxy", "handle": 7}
    rule = [{"counter": {"packets": 3, "bytes": 180}}, {"drop": None}]
    listed = [
        {"table": {"family": "ip", "name": "nat", "handle": 1}},
        {"table": {"family": "ip", "name": "kube-proxy", "handle": 2}},
        {"set": {**at, "name": "cluster-ips", "type": "ipv4_addr", "elem": ["10.96.0.11", "10.96.0.10"]}},
        {"chain": {**at, "name": "stale"}},
        {"chain": {**at, "name": "services"}},
        {"rule": {**at, "chain": "services", "expr": rule}},
    ]
    assert written({"nft": json.dumps({"nftables": listed})}).splitlines() == [
        "table ip kube-proxy",
        "  set cluster-ips",
        "    type ipv4_addr",
        "    element 10.96.0.10",
        "    element 10.96.0.11",
        "  chain services",
        "    counter drop",
    ]
