# ruff: noqa: E501  # rules are one line
"""The literal examples of the reference: rules of a real kube-proxy, line by line.

Service default/web:http 10.96.0.10:80, endpoints 10.244.1.5:8080 here and 10.244.2.7:8080 elsewhere,
pods 10.244.0.0/16. Each case of ``payloads/`` must contain these lines, and for the Service no others.
"""

from __future__ import annotations

from pathlib import Path

import pytest

PAYLOADS = Path(__file__).parent / "payloads"
H, A, B = "CDGGSHYLG3RE2FKL", "KUBE-SEP-AFGSLHOD2HFNCBX4", "KUBE-SEP-2RIJ5GIYXEFH6G4D"
TCP = "-m tcp -p tcp"

CLUSTER_IP = f"""
-A KUBE-SERVICES -m comment --comment "default/web:http cluster IP" {TCP} -d 10.96.0.10 --dport 80 -j KUBE-SVC-{H}
-A KUBE-SVC-{H} -m comment --comment "default/web:http cluster IP" {TCP} -d 10.96.0.10 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ
-A KUBE-SVC-{H} -m comment --comment "default/web:http -> 10.244.1.5:8080" -m statistic --mode random --probability 0.5000000000 -j {A}
-A KUBE-SVC-{H} -m comment --comment "default/web:http -> 10.244.2.7:8080" -j {B}
-A {A} -m comment --comment default/web:http -s 10.244.1.5 -j KUBE-MARK-MASQ
-A {A} -m comment --comment default/web:http {TCP} -j DNAT --to-destination 10.244.1.5:8080
-A {B} -m comment --comment default/web:http -s 10.244.2.7 -j KUBE-MARK-MASQ
-A {B} -m comment --comment default/web:http {TCP} -j DNAT --to-destination 10.244.2.7:8080
"""
NODE_PORT = f"""
-A KUBE-NODEPORTS -m comment --comment default/web:http {TCP} --dport 30080 -j KUBE-EXT-{H}
-A KUBE-EXT-{H} -m comment --comment "masquerade traffic for default/web:http external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-{H} -j KUBE-SVC-{H}
"""
SOURCE_RANGES = f"""
-A KUBE-PROXY-FIREWALL -m comment --comment "default/web:http traffic not accepted by KUBE-FW-{H}" {TCP} -d 203.0.113.10 --dport 80 -j DROP
-A KUBE-SERVICES -m comment --comment "default/web:http loadbalancer IP" {TCP} -d 203.0.113.10 --dport 80 -j KUBE-FW-{H}
-A KUBE-FW-{H} -m comment --comment "default/web:http loadbalancer IP" -s 198.51.100.0/24 -j KUBE-EXT-{H}
-A KUBE-FW-{H} -m comment --comment "other traffic to default/web:http will be dropped by KUBE-PROXY-FIREWALL"
"""
LOAD_BALANCER = f"""
-A KUBE-SERVICES -m comment --comment "default/web:http loadbalancer IP" {TCP} -d 203.0.113.10 --dport 80 -j KUBE-EXT-{H}
"""
AFFINITY = f"""
-A KUBE-SERVICES -m comment --comment "default/web:http cluster IP" {TCP} -d 10.96.0.10 --dport 80 -j KUBE-SVC-{H}
-A KUBE-SVC-{H} -m comment --comment "default/web:http cluster IP" {TCP} -d 10.96.0.10 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ
-A KUBE-SVC-{H} -m comment --comment "default/web:http -> 10.244.1.5:8080" -m recent --name {A} --rcheck --seconds 10800 --reap -j {A}
-A KUBE-SVC-{H} -m comment --comment "default/web:http -> 10.244.2.7:8080" -m recent --name {B} --rcheck --seconds 10800 --reap -j {B}
-A KUBE-SVC-{H} -m comment --comment "default/web:http -> 10.244.1.5:8080" -m statistic --mode random --probability 0.5000000000 -j {A}
-A KUBE-SVC-{H} -m comment --comment "default/web:http -> 10.244.2.7:8080" -j {B}
-A {A} -m comment --comment default/web:http -s 10.244.1.5 -j KUBE-MARK-MASQ
-A {A} -m comment --comment default/web:http -m recent --name {A} --set {TCP} -j DNAT --to-destination 10.244.1.5:8080
-A {B} -m comment --comment default/web:http -s 10.244.2.7 -j KUBE-MARK-MASQ
-A {B} -m comment --comment default/web:http -m recent --name {B} --set {TCP} -j DNAT --to-destination 10.244.2.7:8080
"""
NO_ENDPOINTS = f"""
-A KUBE-SERVICES -m comment --comment "default/web:http has no endpoints" {TCP} -d 10.96.0.10 --dport 80 -j REJECT
-A KUBE-EXTERNAL-SERVICES -m comment --comment "default/web:http has no endpoints" -m addrtype --dst-type LOCAL {TCP} --dport 30080 -j REJECT
"""
EXTERNAL_LOCAL = f"""
-A KUBE-NODEPORTS -m comment --comment "default/web:http health check node port" {TCP} --dport 32000 -j ACCEPT
-A KUBE-NODEPORTS -m comment --comment default/web:http {TCP} --dport 30080 -j KUBE-EXT-{H}
-A KUBE-EXT-{H} -m comment --comment "pod traffic for default/web:http external destinations" -s 10.244.0.0/16 -j KUBE-SVC-{H}
-A KUBE-EXT-{H} -m comment --comment "masquerade LOCAL traffic for default/web:http external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
-A KUBE-EXT-{H} -m comment --comment "route LOCAL traffic for default/web:http external destinations" -m addrtype --src-type LOCAL -j KUBE-SVC-{H}
-A KUBE-EXT-{H} -j KUBE-SVL-{H}
-A KUBE-SVL-{H} -m comment --comment "default/web:http -> 10.244.1.5:8080" -j {A}
"""
STATIC = """
-A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x00004000/0x00004000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-POSTROUTING -m mark ! --mark 0x00004000/0x00004000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x00004000
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-MARK-MASQ -j MARK --or-mark 0x00004000
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
"""  # fmt: skip
EXAMPLES = {
    "cluster-ip": CLUSTER_IP,
    "node-port": CLUSTER_IP + NODE_PORT,
    "source-ranges": CLUSTER_IP + NODE_PORT + SOURCE_RANGES,
    "load-balancer": CLUSTER_IP + NODE_PORT + LOAD_BALANCER,
    "affinity": AFFINITY,
    "no-endpoints": NO_ENDPOINTS,
    "external-local": CLUSTER_IP + LOAD_BALANCER + EXTERNAL_LOCAL,
}


def by_chain(lines: list[str]) -> dict[str, list[str]]:
    """The order inside a chain counts; that of chains does not."""
    chains: dict[str, list[str]] = {}
    for line in lines:
        chains.setdefault(line.split()[1], []).append(line)
    shared = ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL")
    return {chain: sorted(found) if chain in shared else found for chain, found in chains.items()}


@pytest.mark.parametrize("case", EXAMPLES)
def test_the_rules_are_the_reference_s_byte_for_byte(case: str) -> None:
    written = (PAYLOADS / f"{case}.output.txt").read_text().splitlines()
    expected = [line for line in (EXAMPLES[case] + STATIC).splitlines() if line]
    assert by_chain([line for line in written if line.startswith("-A")]) == by_chain(expected)
