"""What `nft -j list ruleset` prints, of this version and others, becomes rules; what is strange is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from checker.rulesets.explain import rule_in_words
from checker.rulesets.model import Ruleset
from checker.rulesets.nft_json import NftError, parse
from checker.rulesets.walk import Node, Packet, Walk, walk

Json = dict[str, Any]
BASE: Json = {"type": "filter", "hook": "prerouting", "prio": 0, "policy": "accept"}


def ruleset(
    *rules: list[Json], family: str = "ip", base: Json | None = None, more: tuple[Json, ...] = ()
) -> Ruleset:
    """One table with one base chain of these rules, and two chains that accept and drop."""
    where = {"family": family, "table": "t"}
    objects: list[Json] = [{"table": {"family": family, "name": "t", "handle": 1}}, *more]
    objects += [{"chain": {**where, "name": "c", **BASE, **(base or {})}}]
    for name, verdict in (("yes", "drop"), ("no", "accept")):
        objects.append({"chain": {**where, "name": name}})
        objects.append({"rule": {**where, "chain": name, "expr": [{verdict: None}]}})
    objects += [{"rule": {**where, "chain": "c", "handle": 9, "expr": expr}} for expr in rules]
    return parse(json.dumps({"nftables": [{"metainfo": {}}, *objects]}))


def sent(rules: Ruleset, **facts: Any) -> Walk:
    known = {"source": "10.0.0.1", "destination": "10.0.0.2", "destination_port": 80, "in_interface": "eth0"}
    return walk(rules, Packet(**{**known, **facts}))


def match(left: Json, right: Any, op: str = "==") -> Json:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str) -> Json:
    return {"payload": {"protocol": protocol, "field": field}}


TWO = {"concat": [payload("ip", "saddr"), payload("th", "dport")]}
MARK = {"meta": {"key": "mark"}}
DROP: Json = {"drop": None}


@pytest.mark.parametrize(
    ("condition", "facts", "met"),
    [
        (match(payload("ip", "saddr"), "10.0.0.1"), {}, True),
        (match(payload("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 8}}, "!="), {}, False),
        (match(payload("ip", "saddr"), {"set": ["10.0.0.1", {"range": ["10.1.0.0", "10.1.0.9"]}]}), {}, True),
        (match(payload("ip", "saddr"), {"set": "10.0.0.1"}), {}, True),
        (match(payload("ip6", "saddr"), "fd00::1", "!="), {}, False),
        (match(payload("tcp", "dport"), 80), {}, True),
        (match(payload("tcp", "dport"), 80, "!="), {"protocol": "udp"}, False),
        (match(payload("th", "dport"), 80, "!="), {"protocol": "udp", "destination_port": 81}, True),
        (match(payload("tcp", "dport"), {"range": [1, 100]}), {}, True),
        (match(payload("tcp", "dport"), 80, ">"), {}, False),
        (match(payload("tcp", "dport"), 80, ">="), {}, True),
        (match(payload("tcp", "dport"), 81, "<"), {}, True),
        (match({"payload": {"base": "th", "offset": 16, "len": 16}}, 80), {}, True),
        (match(payload("tcp", "flags"), "syn", "in"), {}, True),
        (match(payload("tcp", "flags"), ["ack", "syn"], "in"), {}, True),
        (match({"&": [payload("tcp", "flags"), ["fin", "syn", "rst", "ack"]]}, "syn"), {}, True),
        (match({"&": [payload("tcp", "flags"), {"|": ["syn", "ack"]}]}, "ack"), {}, False),
        (match(payload("icmp", "type"), "echo-request"), {"protocol": "icmp"}, True),
        (match(payload("icmp", "type"), 8), {"protocol": "icmp"}, True),
        (match({"meta": {"key": "l4proto"}}, 6), {}, True),
        (match({"meta": {"key": "l4proto"}}, {"set": ["udp", 132]}), {}, False),
        (match({"meta": {"key": "nfproto"}}, "ipv4"), {}, True),
        (match({"meta": {"key": "protocol"}}, "ip"), {}, True),
        (match({"meta": {"key": "iifname"}}, "eth*"), {}, True),
        (match({"meta": {"key": "iifname"}}, "eth1", "!="), {}, True),
        (match({"meta": {"key": "oifname"}}, "eth0"), {}, False),
        (match(MARK, 5), {"mark": 5}, True),
        (match({"&": [MARK, 16384]}, 0, "!="), {"mark": 0xC000}, True),
        (match({"&": [MARK, 16384]}, 0), {"mark": 0x8000}, True),
        (match({"&": [MARK, 3]}, 0, "!="), {"mark": 2}, True),
        (match(MARK, {"set": [{"range": [1, 4]}, 9]}), {"mark": 9}, True),
        (match({"ct": {"key": "state"}}, "new", "in"), {}, True),
        (match({"ct": {"key": "state"}}, ["established", "related"], "in"), {}, False),
        (match({"ct": {"key": "state"}}, "new", "!="), {"ctstate": "ESTABLISHED"}, True),
        (match({"ct": {"key": "state"}}, "established", "in"), {"ctstate": "ESTABLISHED"}, True),
        (match({"ct": {"key": "status"}}, "dnat", "in"), {}, False),
        (match({"ct": {"key": "status"}}, "dnat", "in"), {"ctstate": "INVALID"}, False),
        (match({"ct": {"key": "direction"}}, "original"), {}, True),
        (match({"ct": {"key": "mark"}}, 0), {}, True),
        (match({"ct": {"key": "mark"}}, 0), {"ctstate": "UNTRACKED"}, False),
        (match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), {"local": ["10.0.0.2"]}, True),
        (match({"fib": {"result": "type", "flags": "daddr"}}, "unicast"), {}, True),
        (match({"fib": {"result": "type", "flags": ["saddr"]}}, "local", "!="), {}, True),
        (match(TWO, {"set": [{"concat": ["10.0.0.1", 80]}]}), {}, True),
        (match(TWO, {"set": [{"concat": ["10.0.0.1", 81]}]}, "!="), {}, True),
    ],
)  # fmt: skip
def test_a_condition_is_met_by_what_it_asks_for(condition: Json, facts: Json, met: bool) -> None:
    assert sent(ruleset([condition, DROP]), **facts).verdicts == {"DROP" if met else "ACCEPT": 1}


@pytest.mark.parametrize(
    "statements",
    [
        [match({"meta": {"key": "skuid"}}, 0), DROP],
        [match({"socket": {"key": "transparent"}}, 1), DROP],
        [match({"rt": {"key": "classid"}}, 1), DROP],
        [match({"ct": {"key": "status"}}, "confirmed", "in"), DROP],
        [match({"ct": {"key": "status"}}, "dnat", "!="), DROP],
        [match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, 0), DROP],
        [match({"fib": {"result": "type", "flags": ["daddr"]}}, "broadcast"), DROP],
        [match({"jhash": {"mod": 2, "expr": payload("ip", "saddr")}}, 0), DROP],
        [match(payload("ip", "saddr"), {"unheard": "of"}), DROP],
        [match(payload("th", "dport"), 80), DROP],
        [{"limit": {"rate": 5, "per": "second"}}, DROP],
        [{"quota": {"val": 5}}, DROP],
        [{"xt": {"type": "match", "name": "statistic"}}, DROP],
        [{"xt": {"type": "target", "name": "DNAT"}}],
        [{"tproxy": {"port": 5}}],
        [{"queue": None}],
        [{"never heard": {"of": 1}}],
        [{"mangle": {"key": payload("ip", "daddr"), "value": "1.2.3.4"}}],
        [{"mangle": {"key": MARK, "value": {"jhash": {"mod": 2}}}}],
        [{"set": {"op": "delete", "elem": payload("ip", "saddr"), "set": "@s"}}],
        [{"vmap": {"key": payload("ip", "saddr"), "data": "@nowhere"}}],
        [{"vmap": {"key": {"meta": {"key": "skuid"}}, "data": {"set": [[0, DROP]]}}}],
    ],
)
def test_what_cannot_be_known_is_undecided(statements: list[Json]) -> None:
    only = sent(ruleset(statements), protocol="icmp").outcomes[0]
    assert only.verdict == "UNDECIDED"
    assert only.why


@pytest.mark.parametrize(
    "statement",
    [
        {"counter": {"packets": 1, "bytes": 2}},
        {"counter": "named"},
        {"log": {"prefix": "x"}},
        {"limit": {"rate": 5, "per": "second"}},
        {"mangle": {"key": {"meta": {"key": "priority"}}, "value": 1}},
    ],
)
def test_what_changes_nothing_does_no_harm(statement: Json) -> None:
    assert sent(ruleset([statement], [DROP])).verdicts == {"DROP": 1}


def test_steps_stop_where_a_condition_between_them_does_not_hold() -> None:
    marked = {"mangle": {"key": MARK, "value": {"|": [MARK, 4]}}}
    rules = ruleset([marked, match(payload("tcp", "dport"), 81), DROP], [match(MARK, 4), {"reject": None}])
    assert sent(rules).verdicts == {"REJECT": 1}
    assert sent(rules, destination_port=81).verdicts == {"DROP": 1}


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        (5, 5),
        ({"|": [MARK, 0x4000]}, 0x40FF),
        ({"^": [MARK, 0x0F]}, 0xF0),
        ({"&": [MARK, 0x0F]}, 0x0F),
        ({"|": [{"&": [MARK, 0x0F]}, 0x100]}, 0x10F),
        ({"^": [{"|": [MARK, 0x100]}, 0x101]}, 0xFE),
        ({"ct": {"key": "mark"}}, 0),
    ],
)
def test_marks_are_set_as_the_kernel_sets_them(value: Any, mark: int) -> None:
    rules = ruleset([{"mangle": {"key": MARK, "value": value}}], [match(MARK, mark), DROP])
    assert sent(rules, mark=0xFF).verdicts == {"DROP": 1}


@pytest.mark.parametrize(
    ("key", "value", "verdict"),
    [
        ({"ct": {"key": "mark"}}, MARK, "DROP"),
        ({"ct": {"key": "mark"}}, {"|": [{"ct": {"key": "mark"}}, 1]}, "ACCEPT"),
        (MARK, {"ct": {"key": "mark"}}, "ACCEPT"),
    ],
)
def test_without_a_connection_its_mark_can_be_set_in_vain_but_not_read(
    key: Json, value: Json, verdict: str
) -> None:
    rules = ruleset([{"mangle": {"key": key, "value": value}}, DROP])
    assert sent(rules, ctstate="UNTRACKED").verdicts == {verdict: 1}
    assert sent(rules).verdicts == {"DROP": 1}


def test_numbers_that_are_drawn_share_exactly() -> None:
    key = {"numgen": {"mode": "random", "mod": 5, "offset": 10}}
    entries = [
        [{"range": [10, 11]}, {"goto": {"target": "yes"}}],
        [12, {"jump": {"target": "no"}}],
        [14, {"return": None}],
    ]
    walked = sent(ruleset([{"vmap": {"key": key, "data": {"set": entries}}}], [{"reject": None}]))
    assert {verdict: str(share) for verdict, share in walked.verdicts.items()} == {
        "DROP": "2/5",
        "ACCEPT": "2/5",
        "REJECT": "1/5",
    }
    by_chance = ruleset([match({"numgen": {"mode": "inc", "mod": 4, "offset": 0}}, 3, "<"), DROP])
    assert {verdict: str(share) for verdict, share in sent(by_chance).verdicts.items()} == {
        "DROP": "3/4",
        "ACCEPT": "1/4",
    }


NAT: Json = {"type": "nat", "prio": -100}
BY_TO = payload("ip", "daddr")
PORT_MAP = {
    "map": {
        "family": "ip",
        "table": "t",
        "name": "m",
        "type": "ipv4_addr",
        "map": "ipv4_addr . inet_service",
        "elem": [["10.0.0.2", {"concat": ["10.9.9.9", 8080]}]],
    }
}
OWN_MAP = {"map": {"key": BY_TO, "data": {"set": [["10.0.0.2", "10.9.9.9"]]}}}


@pytest.mark.parametrize(
    ("given", "to"),
    [
        ({"addr": "10.9.9.9", "port": 8080}, "10.9.9.9:8080"),
        ({"addr": "10.9.9.9"}, "10.9.9.9:80"),
        ({"port": 8080}, "10.0.0.2:8080"),
        ({"addr": "10.9.9.9", "port": {"range": [81, 90]}, "flags": ["random"]}, "10.9.9.9:81-90"),
        ({"family": "ip", "addr": {"map": {"key": BY_TO, "data": "@m"}}}, "10.9.9.9:8080"),
        ({"addr": OWN_MAP, "port": 1}, "10.9.9.9:1"),
    ],
)  # fmt: skip
def test_a_translation_goes_where_it_says(given: Json, to: str) -> None:
    assert sent(ruleset([{"dnat": given}], base=NAT, more=(PORT_MAP,))).targets == {to: 1}


def test_a_range_of_addresses_is_shared_evenly() -> None:
    rules = ruleset([{"dnat": {"addr": {"prefix": {"addr": "10.9.9.0", "len": 31}}}}], base=NAT)
    assert {to: str(share) for to, share in sent(rules).targets.items()} == {
        "10.9.9.0:80": "1/2",
        "10.9.9.1:80": "1/2",
    }


def test_a_map_without_the_element_leaves_the_packet_to_the_next_rule() -> None:
    by_map = {"dnat": {"addr": {"map": {"key": payload("ip", "daddr"), "data": "@m"}}}}
    rules = ruleset([by_map], [{"redirect": {"port": 9}}], base=NAT, more=(PORT_MAP,))
    walked = sent(rules, destination="10.0.0.3", local=["10.0.0.3"])
    assert walked.targets == {"10.0.0.3:9": 1}
    assert [step.number for step in walked.outcomes[0].steps] == [2]


def test_in_a_table_of_both_families_a_translation_is_for_its_own() -> None:
    rules = ruleset([{"dnat": {"family": "ip", "addr": "10.9.9.9"}}], family="inet", base=NAT)
    assert sent(rules).targets == {"10.9.9.9:80": 1}
    assert sent(rules, source="fd00::1", destination="fd00::2").targets == {}


def test_what_a_rule_notes_in_a_set_a_later_one_finds_there() -> None:
    noted = {
        "set": {"op": "update", "elem": {"elem": {"val": payload("ip", "saddr"), "timeout": 9}}, "set": "@s"}
    }
    held = {"set": {"family": "ip", "table": "t", "name": "s", "type": "ipv4_addr", "flags": ["timeout"],
                    "elem": [{"elem": {"val": "10.0.0.7", "expires": 5}}]}}  # fmt: skip
    asked = [match(payload("ip", "saddr"), "@s"), DROP]
    assert sent(ruleset(asked, more=(held,))).verdicts == {"ACCEPT": 1}
    assert sent(ruleset(asked, more=(held,)), source="10.0.0.7").verdicts == {"DROP": 1}
    assert sent(ruleset(asked, more=(held,)), recent={"s": ["10.0.0.1"]}).verdicts == {"DROP": 1}
    assert sent(ruleset([noted], asked, more=(held,))).verdicts == {"DROP": 1}


def test_elements_may_be_listed_apart_from_their_set() -> None:
    where = {"family": "ip", "table": "t", "name": "s"}
    more = ({"set": {**where, "type": "ipv4_addr"}}, {"element": {**where, "elem": ["10.0.0.1"]}})
    assert sent(ruleset([match(payload("ip", "saddr"), "@s"), DROP], more=more)).verdicts == {"DROP": 1}


def test_a_star_stands_for_whatever_no_other_element_has() -> None:
    data = {"set": [["10.0.0.1", {"accept": None}], ["*", DROP]]}
    rules = ruleset([{"vmap": {"key": payload("ip", "saddr"), "data": data}}])
    assert (sent(rules).verdicts, sent(rules, source="10.0.0.9").verdicts) == ({"ACCEPT": 1}, {"DROP": 1})


def test_a_policy_ends_a_base_chain_and_other_families_are_left_alone() -> None:
    assert sent(ruleset(base={"policy": "drop"})).verdicts == {"DROP": 1}
    assert sent(ruleset(base={"policy": "drop"}, family="arp")).verdicts == {"ACCEPT": 1}
    assert sent(ruleset(base={"policy": "drop"}, family="ip6")).verdicts == {"ACCEPT": 1}
    assert sent(ruleset(base={"policy": "drop", "hook": "ingress"}, family="inet")).verdicts == {"ACCEPT": 1}


def test_before_conntrack_no_state_is_known() -> None:
    rules = ruleset(
        [match({"ct": {"key": "state"}}, "invalid", "in"), {"notrack": None}], base={"prio": -300}
    )
    assert sent(rules).outcomes[0].steps[0].number == 1
    assert sent(
        ruleset([match({"ct": {"key": "state"}}, "new", "in"), DROP], base={"prio": -150})
    ).verdicts == {"DROP": 1}


def test_rules_are_told_in_words_and_in_nfts_notation() -> None:
    private = {"prefix": {"addr": "10.0.0.0", "len": 8}}
    one = {"numgen": {"mode": "random", "mod": 1, "offset": 0}}
    by_map = {"map": {"key": one, "data": {"set": [[0, {"concat": ["10.9.9.9", 80]}]]}}}
    rules = ruleset(
        [match(payload("ip", "daddr"), private, "!="), match({"&": [MARK, 4]}, 0, "!="), DROP],
        [{"dnat": {"family": "ip", "addr": by_map}}],
        [match({"socket": {"key": "mark"}}, 4), {"reject": {"type": "tcp reset"}}],
        base=NAT,
    )
    told = [(place.rule.text, rule_in_words(place.rule)) for place in rules.places("ip t") if place.rule]
    assert told[:3] == [
        (
            "ip daddr != 10.0.0.0/8 meta mark & 0x4 != 0x0 drop",
            "not to 10.0.0.0/8 and marked 0x4/0x4 → DROP",
        ),
        (
            "dnat ip addr . port to numgen random mod 1 map { 0 : 10.9.9.9 . 80 }",
            "every packet → DNAT to what this rule's own map has for a random number below 1",
        ),
        (
            '{"socket": {"key": "mark"}} 4 reject with tcp reset',
            '{"socket": {"key": "mark"}} 4 → REJECT (tcp-reset)',
        ),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nft", "this is no JSON"),
        ("[]", "has no list “nftables”"),
        (
            '{"nftables": [{"chain": {"family": "ip", "table": "t"}}]}',
            "lacks what `nft -j list ruleset` always prints",
        ),
        (
            '{"nftables": [{"chain": {"family": "ip", "table": "t", "name": "c"}}, '
            '{"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"dnat": {"addr": "web"}}]}}]}',
            "table ip t, chain c: .*'web'",
        ),
        (
            '{"nftables": [{"chain": {"family": "ip", "table": "t", "name": "c"}}, '
            '{"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"jump": {}}]}}]}',
            "table ip t, chain c: KeyError",
        ),
    ],
)
def test_a_text_that_is_none_is_refused(text: str, error: str) -> None:
    with pytest.raises(NftError, match=error):
        parse(text)


def test_a_node_without_nft_has_no_tables_of_it() -> None:
    assert Node().rules(4).tables == {}
