"""A walk in words."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from checker.rulesets.explain import explain, rule_in_words, share_in_words
from checker.rulesets.iptables_save import parse
from checker.rulesets.model import Ruleset
from checker.rulesets.rule_line import rules_of
from checker.rulesets.walk import Packet, walk

Load = Callable[[str], Ruleset]

WALK = """\
tcp 10.244.1.5:40000 → 10.96.0.10:80, in by some interface

1/2: goes on to 10.244.1.5:8080, masqueraded as the address of the outgoing interface, \
because of KUBE-SEP-AFGSLHOD2HFNCBX4 rule 1
  PREROUTING nat PREROUTING 1: every packet → to chain KUBE-SERVICES  "kubernetes service portals"
"""


def test_a_walk_is_told_outcome_by_outcome(payload: Load) -> None:
    text = explain(walk(payload("clusterip"), Packet("10.244.1.5", "10.96.0.10", destination_port=80)))
    assert text.startswith(WALK)
    assert "1/2: goes on to 10.244.2.7:8080, with source 10.244.1.5\n" in text


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("-A INPUT -j DROP", "always: is dropped without an answer"),
        ("-A INPUT -j REJECT", "always: is refused with an error"),
        ("-A INPUT -j ACCEPT", "always: goes on to where it was sent, with source 10.0.0.1"),
        ("-A INPUT -j NFQUEUE", "always: cannot be decided: what NFQUEUE does is not followed here"),
        ("-A INPUT", "filter INPUT: end of the chain, its policy decides"),
    ],
)
def test_each_end_has_its_sentence(rules: str, told: str) -> None:
    text = explain(walk(parse(f"*filter\n{rules}\nCOMMIT"), Packet("10.0.0.1", "127.0.0.1", "icmp")))
    assert told in text


def test_a_packet_of_the_nodes_own_is_said_to_be_one() -> None:
    assert explain(walk(Ruleset(), Packet("10.0.0.1", "10.0.0.2"), "output")).startswith(
        "tcp 10.0.0.1 → 10.0.0.2, made on this node"
    )


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (Fraction(1), "always"),
        (Fraction(715827883, 2**31), "1/3"),
        (Fraction(7158, 2**31), "0.0003%"),
        (Fraction(2, 5), "2/5"),
    ],
)
def test_a_share_is_the_fraction_it_stands_for(share: Fraction, told: str) -> None:
    assert share_in_words(share) == told


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("-p tcp --dport 80 -j DROP", "tcp and port 80 → DROP"),
        ("-p tcp --sport 1:9 -g X", "tcp and source port 1 to 9 → on for good in chain X"),
        ("-p udp -m multiport --ports 1,2", "udp and source or destination port 1 or 2 → only counted"),
        ("! -s 10.0.0.0/8 -d 10.0.0.1 -j RETURN", "not from 10.0.0.0/8 and to 10.0.0.1 → RETURN"),
        ("-i eth+ ! -o lo -j LOG", "coming in by any eth… and not going out by lo → noted by LOG"),
        ("-m addrtype --src-type LOCAL", "from an address of this node → only counted"),
        ("-m addrtype --dst-type BROADCAST", "to an address of type BROADCAST → only counted"),
        ("-m conntrack --ctstate NEW", "of a connection that is NEW → only counted"),
        ("-m mark --mark 0x4000/0x4000 -j MARK --xor-mark 0x4000", "marked 0x4000/0x4000 → flip mark 0x4000"),
        (
            "-m connmark --mark 1 -j CONNMARK --save-mark",
            "of a connection marked 0x1 → keep the mark with the connection",
        ),
        ("-m statistic --mode random --probability 0.5 -j MARK --or-mark 1", "by chance 1/2 → mark it 0x1"),
        ("-m statistic --mode nth --every 3", "one in 3 packets that come this far → only counted"),
        ("-m recent --set --name N", "its source address is noted in list N → only counted"),
        ("-m recent --rcheck --name N", "its source address is in list N (seen ever) → only counted"),
        (
            "-m recent --rcheck --seconds 9 --reap --name N",
            "its source address is in list N (seen in the last 9 seconds) → only counted",
        ),
        ("-m set --match-set S dst,dst", "whose dst,dst is in set S → only counted"),
        ("-m nfacct --nfacct-name n", "counted as n → only counted"),
        ("-m physdev ! --physdev-is-in", "not of a bridge: is-in → only counted"),
        ("-m u32 --u32 6=1", "matched by u32 (--u32 6=1) → only counted"),
        ("-p tcp --syn", "tcp and tcp flags SYN of FIN,SYN,RST,ACK → only counted"),
        ("-p icmp --icmp-type 8", "icmp and a ping → only counted"),
        ("-p icmp --icmp-type 3", "icmp and icmp type 3 → only counted"),
        ("-f", "a later fragment → only counted"),
        ("-j REJECT --reject-with tcp-reset", "every packet → REJECT (tcp-reset)"),
        ("-p tcp -j DNAT --to-destination [fd00::5]:8080", "tcp → DNAT to [fd00::5]:8080"),
        ("-j SNAT --to-source 1.2.3.4", "every packet → SNAT to 1.2.3.4"),
        ("-p tcp -j REDIRECT --to-ports 80", "tcp → REDIRECT to this node's port 80"),
        ("-j MASQUERADE", "every packet → MASQUERADE: the source becomes the node's own address"),
        ("-j CT --notrack", "every packet → do not track its connection"),
        ("-j CONNMARK --set-mark 1", "every packet → mark the connection 0x1"),
        ("-j CONNMARK --restore-mark", "every packet → take the mark from the connection"),
        ('-m comment --comment "why not" -j X', 'every packet → to chain X  "why not"'),
    ],
)
def test_a_rule_is_a_sentence(rule: str, told: str) -> None:
    assert rule_in_words(next(rules_of(rule, ()))) == told
