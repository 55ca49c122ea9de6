"""The walk against the kernel in nft: random rulesets of kube-proxy's constructs, alone and beside iptables'.

The oracle is as in test_packets.py: counters and what arrives. Two tables share hooks and priorities, so the
order in which the kernel asks base chains is judged too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rules_ground.families import FOUR, SIX, Family
from rules_ground.iptables_rules import payloads, sets
from rules_ground.nft_rules import tables
from rules_ground.oracle import UDP, fitting, packet_of, sent, shown, told

from checker.rulesets.walk import Node, Packet, Walk, walk
from checker.statistics import shares_fit

pytestmark = [pytest.mark.live]

WHERE = st.sampled_from([("service", 80), ("service", 8080), ("near", 80), ("server", 80), ("second", 8080)])
STARTS = ("prerouting", "output")
SENDERS = {"prerouting": "client", "output": "node"}
Read = Callable[..., Node]
LIST = ["nft", "-j", "list", "ruleset"]
EXAMPLES = settings(
    max_examples=30,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(params=[FOUR, SIX], ids=["ipv4", "ipv6"])
def family(request: pytest.FixtureRequest) -> Family:
    chosen: Family = request.param
    return chosen


def judged(read: Read, packet: Packet, start: Any, answer: dict[str, Any], family: Family) -> Walk:
    """The packet is walked through what there was before it, and counted by what there is after it."""
    rules = read(*answer["after"]).rules(family["version"])
    walked = walk(read(*answer["before"]), packet, start)
    ends = fitting(walked, rules)
    assert ends, f"no path of the walk meets just these rules: {told(walked, rules)}"
    assert any(shown(end, packet, answer, family) for end in ends), f"{answer} {told(walked, rules)}"
    return walked


@pytest.mark.parametrize("start", STARTS)
@EXAMPLES
@given(data=st.data(), where=WHERE)
def test_the_kernel_meets_the_rules_of_one_of_the_walks_paths(
    node: Any, family: Family, start: Any, data: st.DataObject, where: tuple[str, int]
) -> None:
    packet = packet_of(family, where[1], node.new_port(), family[where[0]], start)
    ruleset = data.draw(st.tuples(tables("a", family), tables("b", family)).map("\n".join))
    answer = node.ask(
        load=[[["nft", "-f", "-"], ruleset]],
        save=[LIST],
        send=[sent(packet)],
        **{"from": SENDERS[start]},
    )
    judged(lambda listed: Node(nft=listed), packet, start, answer, family)


@pytest.mark.parametrize("first", ["nft", "iptables"])
@EXAMPLES
@given(data=st.data(), where=WHERE)
def test_rules_of_both_tools_are_met_in_the_order_of_the_kernel(
    node: Any, family: Family, first: str, data: st.DataObject, where: tuple[str, int]
) -> None:
    packet = packet_of(family, where[1], node.new_port(), family[where[0]], "prerouting")
    tool = f"ip{'6' if family is SIX else ''}tables-nft"
    payload = data.draw(payloads(family)).replace("LIST", f"L{packet.source_port}")
    load = [[["nft", "-f", "-"], data.draw(tables("a", family))], [[f"{tool}-restore"], payload]]
    answer = node.ask(
        load=[[["ipset", "restore"], sets(family)], *(load if first == "nft" else reversed(load))],
        save=[[f"{tool}-save", "-c"], ["ipset", "save"], LIST],
        send=[sent(packet)],
    )

    def read(saved: str, held: str, listed: str) -> Node:
        return Node(**{"ip6tables" if family is SIX else "iptables": saved}, ipset=held, nft=listed)

    judged(read, packet, "prerouting", answer, family)


MAP = """table ip kube-proxy {
 chain service { meta l4proto udp dnat ip addr . port to numgen random mod 3 map {
   0 : 10.9.1.2 . 8080, 1 : 10.9.1.3 . 8080, 2 : 10.9.1.2 . 8081 }; }
 chain nat-prerouting { type nat hook prerouting priority -100;
  ip daddr 10.96.0.10 udp dport 80 goto service; }
}
"""


def test_a_map_shares_packets_out_as_the_walk_says(node: Any) -> None:
    counts: Counter[str] = Counter()
    for _ in range(5):  # a hundred at a time fit into the socket's buffer
        packets = [packet_of(FOUR, 80, node.new_port(), "10.96.0.10", "prerouting") for _ in range(100)]
        answer = node.ask(load=[[["nft", "-f", "-"], MAP]], save=[LIST], send=list(map(sent, packets)))
        counts.update(f"{to}:{port}" for _, to, protocol, _, port in answer["server"] if protocol == UDP)
    listed = Node(nft=answer["after"][0])
    expected = walk(listed, Packet("10.9.0.2", "10.96.0.10", "udp", destination_port=80)).targets
    assert expected.keys() == {"10.9.1.2:8080", "10.9.1.3:8080", "10.9.1.2:8081"}
    verdict = shares_fit(counts, expected, level=1e-6)
    assert verdict.n == 500
    assert verdict.fits, verdict.text
