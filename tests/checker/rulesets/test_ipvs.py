"""A node in mode ipvs on paper: iptables, ipsets and virtual servers together."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.rulesets.explain import explain
from checker.rulesets.ipvs import RealServer, VirtualServer, scheduled
from checker.rulesets.ipvsadm import IpvsadmError, parse
from checker.rulesets.prefix import address
from checker.rulesets.walk import Node, Packet, Walk, walk

TEXTS = Path(__file__).parent / "ipvs"
NODE = Node(
    iptables=(TEXTS / "iptables.save").read_text(),
    ipset=(TEXTS / "ipset.save").read_text(),
    ipvs=(TEXTS / "ipvsadm.save").read_text(),
)
HERE = "192.168.56.11"
BOUND = ("10.96.0.10", "10.96.0.11", "10.96.0.12", "10.96.0.13", "203.0.113.10")
POD, OUTSIDE, ALLOWED = "10.244.1.77", "192.168.56.200", "198.51.100.7"
HALF = Fraction(1, 2)
WEB = {"10.244.1.5:8080": HALF, "10.244.2.7:8080": HALF}
ONE = Fraction(1)


def sent(
    source: str, to: str, port: int = 80, start: str = "prerouting", node: Node = NODE, **facts: object
) -> Walk:
    known = {"local": (HERE, *BOUND), "masquerade_as": HERE, "in_interface": "eth0"} | facts
    return walk(node, Packet(source, to, destination_port=port, **known), start)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "to", "port", "start", "targets", "masquerade"),
    [
        (POD, "10.96.0.10", 80, "prerouting", WEB, {False}),
        ("10.244.1.5", "10.96.0.10", 80, "prerouting", WEB, {True, False}),
        (OUTSIDE, "10.96.0.10", 80, "prerouting", WEB, {True}),
        (HERE, "10.96.0.10", 80, "output", WEB, {True}),
        (OUTSIDE, HERE, 30080, "prerouting", WEB, {True}),
        (HERE, HERE, 30080, "output", WEB, {True}),
        (OUTSIDE, HERE, 30081, "prerouting", {"10.244.1.5:8080": ONE}, {False}),
        (ALLOWED, "203.0.113.10", 80, "prerouting", {"10.244.2.7:8080": ONE}, {True}),
        (POD, "10.96.0.13", 80, "prerouting", {"192.168.56.11:9000": ONE}, {False}),
        (HERE, "10.96.0.13", 80, "output", {"192.168.56.11:9000": ONE}, {True}),
    ],
)
def test_a_virtual_server_shares_out_what_reaches_it(
    source: str, to: str, port: int, start: str, targets: dict[str, Fraction], masquerade: set[bool]
) -> None:
    walked = sent(source, to, port, start)
    assert walked.targets == targets
    assert {outcome.masquerade for outcome in walked.outcomes} == masquerade


@pytest.mark.parametrize(
    ("source", "to", "port", "verdict"),
    [
        (POD, "10.96.0.12", 80, "REJECT"),
        (POD, "10.96.0.10", 81, "REJECT"),
        (OUTSIDE, "203.0.113.10", 80, "DROP"),
        (OUTSIDE, HERE, 22, "ACCEPT"),
        (POD, "10.244.2.7", 8080, "ACCEPT"),
    ],
)
def test_what_no_real_server_gets_ends_before(source: str, to: str, port: int, verdict: str) -> None:
    assert sent(source, to, port).verdicts == {verdict: 1}


def test_what_ipvs_sends_on_meets_output_and_postrouting() -> None:
    only = sent(OUTSIDE, HERE, 30081).outcomes[0]
    hooks = dict.fromkeys(step.hook for step in only.steps)
    assert list(hooks) == ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]
    assert not [step for step in only.steps if step.hook == "OUTPUT" and step.table == "nat"]


def test_the_nodes_own_packets_to_a_limited_load_balancer_are_dropped_on_their_way_out() -> None:
    only = sent("203.0.113.10", "203.0.113.10", 80, "output").outcomes[0]
    assert only.verdict == "DROP"
    assert only.steps[-1].chain == "KUBE-IPVS-OUT-FILTER"


def test_a_client_that_is_kept_goes_to_its_real_server() -> None:
    kept = {"10.96.0.11:80 10.244.2.7:8081": [POD]}
    assert sent(POD, "10.96.0.11", recent=kept).targets == {"10.244.2.7:8081": 1}
    assert sent("10.244.1.78", "10.96.0.11", recent=kept).targets.keys() == {
        "10.244.1.5:8081",
        "10.244.2.7:8081",
    }
    assert sent(POD, "10.96.0.10", recent={"10.96.0.10:80 10.244.2.7:8080": [POD]}).targets == WEB


def test_the_way_through_a_virtual_server_is_told() -> None:
    told = explain(sent(POD, "10.96.0.10"))
    assert (
        "  INPUT ipvs INPUT 1: to 10.96.0.10 and tcp and port 80 → IPVS: rr  [to real server 10.244.1.5:8080]"
        in told
    )


def real(number: int, **facts: int) -> RealServer:
    return RealServer(address(f"10.0.0.{number}"), 80, **facts)  # type: ignore[arg-type]


def chosen(scheduler: str, *servers: RealServer) -> tuple[list[Fraction], str]:
    shares, assumed = scheduled(VirtualServer(scheduler=scheduler, real=servers))
    return [dict(shares).get(each, Fraction(0)) for each in servers], assumed


@pytest.mark.parametrize(
    ("scheduler", "loads", "shares"),
    [
        ("rr", [(3, 0, 0), (1, 9, 9)], [HALF, HALF]),
        ("rr", [(0, 0, 0), (1, 9, 9)], [0, 1]),
        ("wrr", [(3, 0, 0), (1, 0, 0)], [Fraction(3, 4), Fraction(1, 4)]),
        ("lc", [(1, 1, 0), (1, 0, 255)], [0, 1]),
        ("lc", [(1, 1, 0), (1, 0, 257)], [1, 0]),
        ("wlc", [(3, 2, 0), (1, 1, 0)], [1, 0]),
        ("sed", [(2, 2, 0), (1, 1, 0)], [1, 0]),
        ("nq", [(1, 1, 0), (1, 0, 9)], [0, 1]),
        ("nq", [(2, 1, 0), (1, 2, 0)], [1, 0]),
    ],
)
def test_a_scheduler_chooses_by_weights_and_by_the_counts_it_is_given(
    scheduler: str, loads: list[tuple[int, int, int]], shares: list[Fraction]
) -> None:
    servers = [real(n, weight=w, active=a, inactive=i) for n, (w, a, i) in enumerate(loads)]
    assert chosen(scheduler, *servers) == (shares, "")


@pytest.mark.parametrize(
    ("scheduler", "why"),
    [
        ("lc", "lc chooses by counts of connections, which are not given"),
        ("sh", "sh chooses by a hash or by earlier connections"),
        ("mh", "mh chooses by a hash or by earlier connections"),
    ],
)
def test_a_choice_that_is_not_known_is_said_to_be_assumed(scheduler: str, why: str) -> None:
    assert chosen(scheduler, real(1), real(2)) == ([HALF, HALF], why)
    text = f"-A -t 10.96.0.10:80 -s {scheduler}\n" + "".join(
        f"-a -t 10.96.0.10:80 -r 10.0.0.{number}:80 -m -w 1\n" for number in (1, 2)
    )
    walked = sent(POD, "10.96.0.10", node=Node(ipvs=text))
    assert walked.assumed == why
    assert f"perhaps 1/2 ({why}): goes on to 10.0.0.1:80" in explain(walked)


def test_servers_of_the_same_load_are_a_choice_that_is_not_known() -> None:
    equal = [real(number, active=1, inactive=0) for number in (1, 2)]
    assert chosen("lc", *equal) == ([HALF, HALF], "lc finds them equally loaded")


def test_direct_routing_is_not_followed() -> None:
    text = "-A -t 10.96.0.10:80 -s rr\n-a -t 10.96.0.10:80 -r 10.0.0.1:80 -g -w 1\n"
    only = sent(POD, "10.96.0.10", node=Node(ipvs=text)).outcomes[0]
    assert (only.verdict, only.why) == (
        "UNDECIDED",
        "what IPVS by Route 10.0.0.1:80 does is not followed here",
    )


def test_a_mark_and_any_port_are_served_too() -> None:
    text = """\
-A -f 5 -s rr
-a -f 5 -r 10.0.0.1:0 -m -w 1
-A -t 10.96.0.10:0 -s rr -p 60
-a -t 10.96.0.10:0 -r 10.0.0.2:0 -m -w 1
"""
    node = Node(ipvs=text)
    assert sent(POD, "10.96.0.10", 81, node=node).targets == {"10.0.0.2:81": 1}
    assert sent(POD, "10.96.0.10", 81, node=node, mark=5).targets == {"10.0.0.1:81": 1}


def test_ipv6_is_served_apart() -> None:
    text = "-A -t [fd00::10]:80 -s rr\n-a -t [fd00::10]:80 -r [fd00:10::5]:8080 -m -w 1\n"
    node = Node(ipvs=text)
    assert sent("fd00:10::7", "fd00::10", node=node, local=["fd00::10"]).targets == {"[fd00:10::5]:8080": 1}
    assert sent(POD, "10.96.0.10", node=node).targets == {}


LISTED = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.10:80 lc persistent 10800 mask 255.255.255.0
  -> 10.244.1.5:8080              Masq    1      3          0
  -> 10.244.2.7:8080              Masq    1      0          700
UDP  10.96.0.10:53 rr
  -> 10.244.1.9:5353              Masq    1      0          0
FWM  5 rr
"""


def test_the_list_has_the_counts_that_a_save_lacks() -> None:
    web, dns, mark = parse(LISTED)
    assert [(each.text, each.active, each.inactive) for each in web.real] == [
        ("10.244.1.5:8080", 3, 0),
        ("10.244.2.7:8080", 0, 700),
    ]
    assert (web.scheduler, web.persistent, dns.protocol, mark.mark) == ("lc", 10800, "udp", 5)
    assert sent(POD, "10.96.0.10", node=Node(ipvs=LISTED)).targets == {"10.244.2.7:8080": 1}


def test_a_netmask_keeps_a_whole_net_together() -> None:
    kept = {"10.96.0.10:80 10.244.1.5:8080": ["10.244.1.200"]}
    assert sent(POD, "10.96.0.10", node=Node(ipvs=LISTED), recent=kept).targets == {"10.244.1.5:8080": 1}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-A -s rr", "line 1: it names no virtual server"),
        ("-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m", "there is no virtual server 10.0.0.1:80 before it"),
        ("-A -t web:80 -s rr", "'web'"),
        ("hello", "hello begins no line of `ipvsadm -Sn`"),
        ("TCP  10.0.0.1:80 rr\n  -> 10.0.0.2:80 Masq 1", "line 2: a real server has 6 columns, here are 4"),
    ],
)
def test_a_wrong_line_is_named(text: str, error: str) -> None:
    with pytest.raises(IpvsadmError, match=error):
        parse(text)


SERVERS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 300)), min_size=1, max_size=5
)


@given(loads=SERVERS, scheduler=st.sampled_from(["rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "mh"]))
def test_shares_sum_to_one_and_no_server_without_weight_has_any(
    loads: list[tuple[int, int, int]], scheduler: str
) -> None:
    servers = [real(n, weight=w, active=a, inactive=i) for n, (w, a, i) in enumerate(loads)]
    lines = [f"-A -t 10.96.0.10:80 -s {scheduler}"]
    lines += [f"-a -t 10.96.0.10:80 -r {each.text} -m -w {each.weight}" for each in servers]
    walked = sent(POD, "10.96.0.10", node=Node(ipvs="\n".join(lines)))
    usable = {each.text for each in servers if each.weight}
    assert sum(walked.verdicts.values()) == 1
    assert walked.targets.keys() == usable
