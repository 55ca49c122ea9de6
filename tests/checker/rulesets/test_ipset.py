"""ipsets, as `ipset save` prints them: what they hold of a packet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.rulesets.ipset import IpsetError, parse
from checker.rulesets.walk import Node, Packet, walk

SAVED = """\
create A hash:ip,port family inet hashsize 1024 maxelem 65536 comment bucketsize 12 initval 0xb11f154d
add A 10.0.0.2,tcp:80 comment "two words"
add A 10.0.0.2,icmp:echo-request
create B hash:ip,port,ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x98c4eda8
add B 10.0.0.2,tcp:80,10.0.0.1
create C bitmap:port range 0-65535
add C 80
create D hash:ip,port,net family inet hashsize 1024 maxelem 65536
add D 10.0.0.2,tcp:80,10.0.0.0/8
create E hash:net family inet hashsize 1024 maxelem 65536
add E 10.0.0.0/24 nomatch
add E 0.0.0.0/1
create F hash:ip family inet hashsize 1024 maxelem 65536 timeout 100
add F 10.0.0.2 timeout 49
create G list:set size 8
add G F
add G C
create H hash:net,iface family inet hashsize 1024 maxelem 65536
add H 10.0.0.0/8,eth0
create I hash:ip,mark family inet markmask 0xffffffff hashsize 1024 maxelem 65536
add I 10.0.0.1,0x00000010
create J hash:ip,port family inet6 hashsize 1024 maxelem 65536
add J fd00::2,tcp:80
create K hash:ip family inet hashsize 1024 maxelem 65536 netmask 24 counters
add K 10.0.0.0 packets 0 bytes 0
create L hash:mac hashsize 1024 maxelem 65536
add L 00:11:22:33:44:55
create M bitmap:ip range 10.0.0.0-10.0.0.255
add M 10.0.0.2
create N hash:net,port,net family inet hashsize 1024 maxelem 65536
add N 10.0.0.0/8,sctp:80,10.0.0.0/16
"""


def met(match: str, saved: str = SAVED, family: str = "iptables", **facts: Any) -> str:
    """The verdict of a packet where a rule with this match drops it."""
    known = {"source": "10.0.0.1", "destination": "10.0.0.2", "destination_port": 80, "in_interface": "eth0"}
    rules = f"*mangle\n-A PREROUTING -m set {match} -j DROP\nCOMMIT\n"
    node = Node(**{family: rules}, ipset=saved)
    return walk(node, Packet(**{**known, **facts})).outcomes[0].verdict


@pytest.mark.parametrize(
    ("match", "facts", "held"),
    [
        ("--match-set A dst,dst", {}, True),
        ("! --match-set A dst,dst", {}, False),
        ("--match-set A dst,dst", {"protocol": "udp"}, False),
        ("--match-set A dst,dst", {"protocol": "icmp", "destination_port": 0}, True),
        ("--match-set A src,dst", {}, False),
        ("--match-set A dst", {}, False),
        ("--match-set A dst,dst,src", {}, True),
        ("--match-set B dst,dst,src", {}, True),
        ("--match-set B dst,dst,dst", {}, False),
        ("--match-set C dst", {}, True),
        ("--match-set C src", {"source_port": 80}, True),
        ("--match-set C dst", {"protocol": "icmp"}, False),
        ("--match-set D dst,dst,src", {}, True),
        ("--match-set D dst,dst,src", {"source": "11.0.0.1"}, False),
        ("--match-set E src", {}, False),
        ("--match-set E src", {"source": "10.0.1.1"}, True),
        ("--match-set E src", {"source": "192.0.2.1"}, False),
        ("--match-set F dst", {}, True),
        ("--match-set G dst", {}, True),
        ("--match-set G dst", {"destination": "10.0.0.3"}, True),
        ("--match-set G src", {"source_port": 81}, False),
        ("--match-set H src,src", {}, True),
        ("--match-set H src,src", {"in_interface": "eth1"}, False),
        ("--match-set I src,src", {"mark": 16}, True),
        ("--match-set K dst", {"destination": "10.0.0.77"}, True),
        ("--match-set M dst", {}, True),
        ("--match-set N dst,dst,src", {"protocol": "sctp"}, True),
    ],
)
def test_a_set_holds_the_parts_that_are_asked_for(match: str, facts: dict[str, Any], held: bool) -> None:
    assert met(match, **facts) == ("DROP" if held else "ACCEPT")


def test_a_set_of_one_family_holds_nothing_of_the_other() -> None:
    six = {"source": "fd00::1", "destination": "fd00::2"}
    assert met("--match-set J dst,dst", family="ip6tables", **six) == "DROP"
    assert met("--match-set A dst,dst", family="ip6tables", **six) == "ACCEPT"
    assert met("! --match-set A dst,dst", family="ip6tables", **six) == "DROP"
    assert met("--match-set J dst,dst") == "ACCEPT"


@pytest.mark.parametrize(
    ("match", "facts"),
    [
        ("--match-set L src", {}),
        ("--match-set NOWHERE dst", {}),
        ("--match-set H src,src", {"in_interface": ""}),
    ],
)
def test_what_is_not_known_of_a_packet_or_a_set_is_undecided(match: str, facts: dict[str, Any]) -> None:
    assert met(match, **facts) == "UNDECIDED"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("add A 10.0.0.1", "line 1: there is no set A before it"),
        ("create A hash:ip,host", "line 1: type hash:ip,host has parts that are not known here: host"),
        ("create A hash:ip\nadd A 10.0.0.1,tcp:80", "line 2: 10.0.0.1,tcp:80 has not the parts of set A: ip"),
        ("create A hash:ip\nadd A web", "line 2: 'web'"),
        ("flush A", "line 1: flush is no command of `ipset save`"),
        ("create", "line 1: .*the line is: create"),
        ('create A hash:ip\nadd A 10.0.0.1 comment "x', "line 2: the double quote at .* is never closed"),
    ],
)
def test_a_wrong_line_is_named(text: str, error: str) -> None:
    with pytest.raises(IpsetError, match=error):
        parse(text)


NETS = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 32), st.booleans()),
    max_size=8,
    unique_by=lambda net: net[1],
)


@given(nets=NETS, asked=st.integers(0, 2**32 - 1), pick=st.integers(0, 7))
def test_of_nets_that_lie_in_each_other_the_narrowest_decides(
    nets: list[tuple[int, int, bool]], asked: int, pick: int
) -> None:
    def text(value: int) -> str:
        return ".".join(str(octet) for octet in value.to_bytes(4, "big"))

    where = nets[pick % len(nets)][0] if nets else asked
    lines = [f"add S {text(net)}/{length}{' nomatch' * exception}" for net, length, exception in nets]
    around = [(length, exception) for net, length, exception in nets if not (net ^ where) >> (32 - length)]
    expected = bool(around) and not max(around)[1]
    saved = "\n".join(("create S hash:net family inet", *lines))
    assert met("--match-set S src", saved, source=text(where)) == ("DROP" if expected else "ACCEPT")
