"""The normal form: written and printed rules compare equal; what differs in meaning does not."""

import pytest

from checker.rulesets.model import Rule
from checker.rulesets.rule_line import rules_of


def rule(text: str) -> Rule:
    return next(rules_of(text, {"KUBE-SVC"}))


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (
            '-m comment --comment "x y" -m tcp -p tcp -d 10.96.0.10 --dport 80 ! -s 10.244.0.0/16 -j ACCEPT',
            '! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp -m comment --comment "x y" -m tcp --dport 80 '
            "-j ACCEPT",
        ),
        ("-m comment --comment default/web:http", '-m comment --comment "default/web:http"'),
        (
            "-m statistic --mode random --probability 0.3333333333",
            "-m statistic --mode random --probability 0.33333333349",
        ),
        ("-j MARK --or-mark 0x4000", "-j MARK --set-xmark 0x4000/0x4000"),
        ("-j MARK --xor-mark 0x4000", "-j MARK --set-xmark 0x4000/0x0"),
        ("-j MARK --and-mark 0xf", "-j MARK --set-xmark 0x0/0xfffffff0"),
        ("-j MARK --set-mark 4", "-j MARK --set-xmark 0x4/0xffffffff"),
        (
            "-m recent --name N --rcheck --seconds 9 --reap",
            "-m recent --rcheck --seconds 9 --reap --name N --mask 255.255.255.255 --rsource",
        ),
        (
            "-m recent --name N --set -m tcp -p tcp",
            "-p tcp -m recent --set --name N --mask 255.255.255.255 --rsource -m tcp",
        ),
        ("-m mark --mark 0x00004000/0x00004000", "-m mark --mark 0x4000/0x4000"),
        ("-j REJECT", "-j REJECT --reject-with icmp-port-unreachable"),
        ("-j REJECT", "-j REJECT --reject-with icmp6-port-unreachable"),
        ("-p 6 --dport 0:65535", "-p tcp -m tcp --dport 0:65535"),
        ("-p tcp --syn", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN"),
        ("-p icmp --icmp-type echo-request", "-p icmp -m icmp --icmp-type 8"),
        ("-p icmpv6 --icmpv6-type echo-request", "-p ipv6-icmp -m icmp6 --icmpv6-type 128"),
        ("-m state --state NEW", "-m conntrack --ctstate NEW"),
        ("-m conntrack --ctstate ESTABLISHED,RELATED", "-m conntrack --ctstate RELATED,ESTABLISHED"),
        ("-p all -s 0.0.0.0/0 -i + -j ACCEPT", "-j ACCEPT"),
        ("-p tcp -j NOTRACK", "-p tcp -j CT --notrack"),
        ("-j LOG --log-level 4", "-j LOG"),
    ],
)
def test_the_written_and_the_printed_form_are_equal(written: str, printed: str) -> None:
    assert rule(written) == rule(printed)
    assert rule(written).normal() == rule(printed).normal()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-s 10.0.0.1", "! -s 10.0.0.1"),
        ("-s 10.0.0.1", "-d 10.0.0.1"),
        ("-j KUBE-SVC", "-g KUBE-SVC"),
        ("! -s 0.0.0.0/0", ""),
        (
            "-m statistic --mode random --probability 0.3333",
            "-m statistic --mode random --probability 0.3333333333",
        ),
        ("-m statistic --mode random --probability 0.5", "-m statistic --mode random ! --probability 0.5"),
        ("-m recent --rcheck --name N", "-m recent --rcheck --name N --rdest"),
        ("-m comment --comment a", "-m comment --comment b"),
        ("-m u32 --u32 6=1", "-m u32 --u32 6=2"),
        ("-m mark --mark 1", "-m connmark --mark 1"),
        ("-m recent --set --name N --mask 255.255.255.0", "-m recent --set --name N"),
    ],
)
def test_rules_that_mean_different_things_are_not_equal(one: str, other: str) -> None:
    assert rule(one) != rule(other)


def test_comments_can_be_left_out_of_a_comparison() -> None:
    large, small = rule("-j KUBE-SVC"), rule("-m comment --comment x -j KUBE-SVC")
    assert large != small
    assert large.normal(comments=False) == small.normal(comments=False)


def test_equal_rules_have_equal_hashes() -> None:
    assert len({rule("-s 10.0.0.1 -p tcp"), rule("-p tcp -s 10.0.0.1/32")}) == 1


def test_a_rule_equals_nothing_but_rules() -> None:
    assert rule("-j KUBE-SVC") != "-j KUBE-SVC"
