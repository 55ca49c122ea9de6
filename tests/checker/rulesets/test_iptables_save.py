"""Saves and payloads: read, compared, refused."""

from collections.abc import Callable

import pytest

from checker.rulesets.iptables_save import SaveError, parse
from checker.rulesets.model import Ruleset

Load = Callable[[str], Ruleset]
Text = Callable[[str], str]


@pytest.mark.parametrize("variant", ["nft", "legacy"])
@pytest.mark.parametrize("name", ["everything", "nodeport", "affinity", "nodeport-ipv6"])
def test_what_iptables_printed_equals_what_was_written(
    payload: Load, saved: Text, name: str, variant: str
) -> None:
    assert parse(saved(f"{name}.{variant}")).normal() == payload(name).normal()


def test_counters_are_read_and_do_not_count_in_comparisons(saved: Text) -> None:
    counted = parse(saved("nodeport.nft-counted"))
    plain = parse(saved("nodeport.nft"))
    assert counted.normal() == plain.normal()
    assert counted.tables["nat"].chains["PREROUTING"].rules[0].packets == 0
    assert plain.tables["nat"].chains["PREROUTING"].rules[0].packets is None


def test_a_rule_keeps_its_text_and_comment(saved: Text) -> None:
    rule = parse(saved("nodeport.nft")).tables["nat"].chains["KUBE-NODEPORTS"].rules[0]
    assert rule.comment == "default/web:http"
    assert rule.text.startswith('-p tcp -m comment --comment "default/web:http"')


def test_a_policy_is_read_and_a_user_chain_has_none() -> None:
    rules = parse("*filter\n:INPUT DROP [1:2]\n:MINE - [0:0]\nCOMMIT")
    assert [chain.policy for chain in rules.tables["filter"].chains.values()] == ["DROP", ""]


def test_listed_addresses_make_a_rule_each() -> None:
    rules = parse("*filter\n-A INPUT -s 10.0.0.1,10.0.0.2 -d 10.1.0.0/16,10.2.0.0/16 -j DROP\nCOMMIT")
    assert [rule.normal() for rule in rules.tables["filter"].chains["INPUT"].rules] == [
        "-d 10.1.0.0/16 -s 10.0.0.1/32 -j DROP",
        "-d 10.2.0.0/16 -s 10.0.0.1/32 -j DROP",
        "-d 10.1.0.0/16 -s 10.0.0.2/32 -j DROP",
        "-d 10.2.0.0/16 -s 10.0.0.2/32 -j DROP",
    ]


BEFORE = "*nat\n:A - [0:0]\n:B - [0:0]\n-A A -j ACCEPT\n-A B -j ACCEPT\nCOMMIT\n"


def chain_of(payload: str, name: str) -> list[str]:
    return [rule.normal() for rule in parse(payload, onto=parse(BEFORE)).tables["nat"].chains[name].rules]


@pytest.mark.parametrize(
    ("payload", "chain", "rules"),
    [
        ("*nat\n:A - [0:0]\nCOMMIT", "A", []),
        ("*nat\n:A - [0:0]\nCOMMIT", "B", ["-j ACCEPT"]),
        ("*nat\n-A A -j RETURN\nCOMMIT", "A", ["-j ACCEPT", "-j RETURN"]),
        ("*nat\n-I A -j RETURN\nCOMMIT", "A", ["-j RETURN", "-j ACCEPT"]),
        ("*nat\n-I A 2 -j RETURN\nCOMMIT", "A", ["-j ACCEPT", "-j RETURN"]),
        ("*nat\n-D A 1\nCOMMIT", "A", []),
        ("*nat\n-D A -j ACCEPT\nCOMMIT", "A", []),
        ("*nat\n-F A\n-N C\n-A C -j A\nCOMMIT", "C", ["-j A"]),
    ],
)
def test_a_payload_changes_the_chains_it_names_and_no_others(
    payload: str, chain: str, rules: list[str]
) -> None:
    assert chain_of(payload, chain) == rules


def test_a_chain_emptied_by_its_line_can_be_removed() -> None:
    rules = parse("*nat\n:A - [0:0]\n-X A\nCOMMIT", onto=parse(BEFORE))
    assert list(rules.tables["nat"].chains) == ["B"]


def test_a_policy_can_be_set() -> None:
    rules = parse("*filter\n-P INPUT DROP\nCOMMIT")
    assert rules.tables["filter"].chains["INPUT"].policy == "DROP"


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("-A MISSING -j ACCEPT", "table nat has no chain MISSING"),
        ("-X A", "still has rules"),
        ("-D A 3", "chain A has 1 rules, so no rule 3"),
        ("-D A -j DROP", "no such rule to delete"),
        ("-A A -j DNAT", "-j DNAT needs --to-destination"),
        ("-A A -j MARK", "-j MARK needs --set-xmark"),
        ("-A A -j CONNMARK", "-j CONNMARK needs --set-xmark"),
        ("-A A -s nowhere -j DROP", "'nowhere'"),
        ("-A A -p tcp --dport 99999", "'99999' is not a port"),
        ("-A A --dport 80", "unknown option --dport"),
        ("-A A -m statistic -j B", "needs --mode random"),
        ("-A A -m statistic --mode random --probability 1.5", "not between 0 and 1"),
        ("-A A -m recent --name X", "needs one of --set"),
        ("-A A -p tcp --tcp-flags SYN,XYZ SYN", "XYZ: no such tcp flag"),
        ("-A A -j DROP --reject-with x", "unknown option --reject-with"),
        ("-A A -j B --random", "a jump to a chain takes none"),
        ("-A A -j", "-j is the last word"),
        ("-A A -s 10.0.0.1 -s 10.0.0.2", "--source is given twice"),
        ("-A A stray", "'stray' stands where an option belongs"),
        ("-A", "-A needs the name of a chain"),
        ("-Z A", "-Z is no command"),
        ('-A A -m comment --comment "open', "never closed"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_its_text_and_the_rule_broken(line: str, rule: str) -> None:
    with pytest.raises(SaveError) as caught:
        parse(f"{BEFORE}*nat\n{line}\nCOMMIT\n")
    assert (caught.value.number, caught.value.line) == (8, line)
    assert rule in str(caught.value)


def test_a_rule_before_any_table_is_refused() -> None:
    with pytest.raises(SaveError, match=r"line 1: this stands before the first table.*“\*nat”"):
        parse("-A INPUT -j DROP")
