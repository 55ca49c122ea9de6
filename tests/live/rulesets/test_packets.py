"""The walk against the kernel: a packet is sent through random rules, and their counters say which it met.

The oracle is the packet: the rules whose counters rose must be the steps of one of the walk's paths, and what
the server and the client saw must be that path's end. In both families, from the client and from the node
itself, whose packets to itself come in again by loopback.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_ground.families import FOUR, SIX, Family
from rules_ground.iptables_rules import payloads, sets
from rules_ground.oracle import UDP, fitting, packet_of, sent, shown, told

from checker.rulesets.iptables_save import parse
from checker.rulesets.walk import Node, Packet, walk
from checker.statistics import shares_fit

pytestmark = [pytest.mark.live]

WHERE = st.sampled_from([("service", 80), ("service", 8080), ("near", 80), ("server", 80), ("second", 8080)])
STARTS = ("prerouting", "output")
SENDERS = {"prerouting": "client", "output": "node"}


@pytest.fixture(params=[FOUR, SIX], ids=["ipv4", "ipv6"])
def family(request: pytest.FixtureRequest) -> Family:
    chosen: Family = request.param
    return chosen


@pytest.mark.parametrize("start", STARTS)
@settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), where=WHERE)
def test_the_kernel_meets_the_rules_of_one_of_the_walks_paths(
    node: Any, variant: str, family: Family, start: Any, data: st.DataObject, where: tuple[str, int]
) -> None:
    packet = packet_of(family, where[1], node.new_port(), family[where[0]], start)
    payload = data.draw(payloads(family)).replace("LIST", f"L{packet.source_port}")
    tool = f"ip{'6' if family is SIX else ''}tables-{variant}"
    answer = node.ask(
        load=[[["ipset", "restore"], sets(family)], [[f"{tool}-restore"], payload]],
        save=[[f"{tool}-save", "-c"], ["ipset", "save"]],
        send=[sent(packet)],
        **{"from": SENDERS[start]},
    )
    saved, held = answer["after"]
    of_node = Node(**{"ip6tables" if family is SIX else "iptables": saved}, ipset=held)
    rules, walked = of_node.rules(family["version"]), walk(of_node, packet, start)
    ends = fitting(walked, rules)
    assert ends, f"no path of the walk meets just these rules: {told(walked, rules)}"
    assert any(shown(end, packet, answer, family) for end in ends), f"{answer} {told(walked, rules)}"


THREE = """*nat
:SVC - [0:0]
-A PREROUTING -p udp -m multiport --ports 9 -j ACCEPT
-A PREROUTING -p udp -d 10.96.0.10 --dport 80 -j SVC
-A SVC -p udp -m statistic --mode random --probability 0.3333333333 -j DNAT --to-destination 10.9.1.2:8080
-A SVC -p udp -m statistic --mode random --probability 0.5000000000 -j DNAT --to-destination 10.9.1.3:8080
-A SVC -p udp -j DNAT --to-destination 10.9.1.2:8081
COMMIT
"""


def test_the_kernel_shares_packets_out_as_the_walk_says(node: Any, variant: str) -> None:
    counts: Counter[str] = Counter()
    load = [[[f"iptables-{variant}-restore"], THREE]]
    for _ in range(5):  # a hundred at a time fit into the socket's buffer
        packets = [packet_of(FOUR, 80, node.new_port(), "10.96.0.10", "prerouting") for _ in range(100)]
        arrived = node.ask(load=load, save=[], send=list(map(sent, packets)))["server"]
        counts.update(f"{to}:{port}" for _, to, protocol, _, port in arrived if protocol == UDP)
    expected = walk(parse(THREE), Packet("10.9.0.2", "10.96.0.10", "udp", destination_port=80)).targets
    assert expected.keys() == {"10.9.1.2:8080", "10.9.1.3:8080", "10.9.1.2:8081"}
    verdict = shares_fit(counts, expected, level=1e-6)
    assert verdict.n == 500
    assert verdict.fits, verdict.text
