"""What is ours goes, whoever wrote it; what is not stays."""

from __future__ import annotations

from labs.proxy.netfilter.kernel import parse
from labs.proxy.netfilter.removal import removal, target


def removed(nat: str) -> str:
    rules = parse(f"*nat\n:OUTPUT ACCEPT [0:0]\n{nat}\nCOMMIT\n")
    return removal(rules, lambda chain: chain.startswith("OUR"), lambda rule: "by us" in rule).text()


def test_chains_and_the_jumps_into_them_go() -> None:
    text = removed(':OURS - [0:0]\n-A OURS -j ACCEPT\n-A OUTPUT -m comment --comment "by us" -j OURS')
    assert text == '*nat\n:OURS - [0:0]\n-D OUTPUT -m comment --comment "by us" -j OURS\n-X OURS\nCOMMIT\n'


def test_a_chain_that_another_jumps_to_is_emptied_and_stays() -> None:
    assert removed(":OURS - [0:0]\n-A OURS -j ACCEPT\n-A OUTPUT -j OURS") == "*nat\n:OURS - [0:0]\nCOMMIT\n"


def test_nothing_of_ours_is_nothing_to_do() -> None:
    assert removed("-A OUTPUT -j ACCEPT") == ""


def test_where_a_rule_leads() -> None:
    assert target("OUTPUT -p tcp -j THERE") == "THERE"
    assert target("OUTPUT -p tcp") == ""
