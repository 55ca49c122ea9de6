"""Packets through rules: hooks in their order, jumps, marks, chance, and no guesses."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from checker.rulesets.iptables_save import parse
from checker.rulesets.model import Ruleset, RulesetError
from checker.rulesets.walk import Packet, walk

Nat = Callable[..., Ruleset]
Load = Callable[[str], Ruleset]

NODE = "192.168.56.11"
HALF = Fraction(1, 2)


def packet(**facts: object) -> Packet:
    known: dict[str, object] = {"source": "192.168.56.200", "destination": NODE, "destination_port": 80}
    known |= {"in_interface": "eth0", "local": (NODE,), "masquerade_as": NODE}
    return Packet(**{**known, **facts})  # type: ignore[arg-type]


def steps(rules: Ruleset, what: Packet, start: str = "prerouting") -> list[str]:
    only = walk(rules, what, start).outcomes[0]  # type: ignore[arg-type]
    return [f"{step.hook} {step.table} {step.chain} {step.number}" for step in only.steps]


def test_rules_that_do_not_exist_let_everything_pass() -> None:
    only = walk(Ruleset(), packet()).outcomes[0]
    assert (only.verdict, only.to, only.source, only.steps) == ("ACCEPT", None, "192.168.56.200", ())


EVERYWHERE = "".join(
    f"*{table}\n" + "".join(f"-A {chain}\n" for chain in chains.split()) + "COMMIT\n"
    for table, chains in {
        "nat": "PREROUTING INPUT OUTPUT POSTROUTING",
        "filter": "INPUT FORWARD OUTPUT",
        "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING",
        "raw": "PREROUTING OUTPUT",
        "security": "INPUT FORWARD OUTPUT",
    }.items()
)


@pytest.mark.parametrize(
    ("start", "destination", "hooks"),
    [
        (
            "prerouting",
            NODE,
            "PREROUTING raw, PREROUTING mangle, PREROUTING nat, "
            "INPUT mangle, INPUT filter, INPUT security, INPUT nat",
        ),
        (
            "prerouting",
            "10.244.1.5",
            "PREROUTING raw, PREROUTING mangle, PREROUTING nat, "
            "FORWARD mangle, FORWARD filter, FORWARD security, POSTROUTING mangle, POSTROUTING nat",
        ),
        (
            "output",
            "10.244.1.5",
            "OUTPUT raw, OUTPUT mangle, OUTPUT nat, OUTPUT filter, OUTPUT security, "
            "POSTROUTING mangle, POSTROUTING nat",
        ),
        (
            "output",
            NODE,
            "OUTPUT raw, OUTPUT mangle, OUTPUT nat, OUTPUT filter, OUTPUT security, "
            "POSTROUTING mangle, POSTROUTING nat, PREROUTING raw, PREROUTING mangle, "
            "INPUT mangle, INPUT filter, INPUT security",
        ),
    ],
)
def test_hooks_and_tables_are_met_in_netfilters_order(start: str, destination: str, hooks: str) -> None:
    only = walk(parse(EVERYWHERE), packet(destination=destination), start).outcomes[0]  # type: ignore[arg-type]
    met = dict.fromkeys(f"{step.hook} {step.table}" for step in only.steps)
    assert ", ".join(met) == hooks


def test_routing_decides_by_the_destination_after_dnat(nat: Nat) -> None:
    rules = nat("-A PREROUTING -d 192.168.56.11 -j DNAT --to-destination 10.244.1.5")
    forwarded = parse("*filter\n-A FORWARD -d 10.244.1.5 -j DROP\n-A INPUT -j REJECT\nCOMMIT", onto=rules)
    assert walk(forwarded, packet()).verdicts == {"DROP": 1}


@pytest.mark.parametrize("ctstate", ["ESTABLISHED", "INVALID", "UNTRACKED"])
def test_only_a_new_connection_meets_the_nat_table(nat: Nat, ctstate: str) -> None:
    assert walk(nat("-A PREROUTING -j DNAT --to-destination 10.0.0.1"), packet(ctstate=ctstate)).targets == {}


def test_an_untracked_packet_does_not_meet_the_nat_table(nat: Nat) -> None:
    rules = nat("-A PREROUTING -j DNAT --to-destination 10.0.0.1")
    assert walk(parse("*raw\n-A PREROUTING -j CT --notrack\nCOMMIT", onto=rules), packet()).targets == {}


def test_what_comes_by_loopback_keeps_its_connection(nat: Nat) -> None:
    rules = "*raw\n-A PREROUTING -j CT --notrack\n-A PREROUTING -m conntrack --ctstate NEW -j DROP\nCOMMIT"
    assert walk(parse(rules), packet(source=NODE), "output").verdicts == {"DROP": 1}
    assert walk(parse(rules), packet()).verdicts == {"ACCEPT": 1}


def test_return_goes_back_behind_the_jump(nat: Nat) -> None:
    rules = nat(
        "-A PREROUTING -j A", "-A PREROUTING -j DNAT --to-destination 10.0.0.1", "-A A -j RETURN", "-A A"
    )
    assert steps(rules, packet())[:3] == [
        "PREROUTING nat PREROUTING 1",
        "PREROUTING nat A 1",
        "PREROUTING nat PREROUTING 2",
    ]


def test_goto_comes_back_to_where_the_calling_chain_returns(nat: Nat) -> None:
    rules = nat(
        "-A PREROUTING -j A", "-A PREROUTING", "-A A -g B", "-A A -j DNAT --to-destination 10.0.0.1", "-A B"
    )
    assert steps(rules, packet())[:4] == [
        "PREROUTING nat PREROUTING 1",
        "PREROUTING nat A 1",
        "PREROUTING nat B 1",
        "PREROUTING nat PREROUTING 2",
    ]


def test_return_in_a_base_chain_means_its_policy() -> None:
    rules = parse("*filter\n:INPUT DROP [0:0]\n-A INPUT -j RETURN\n-A INPUT -j ACCEPT\nCOMMIT")
    assert walk(rules, packet()).verdicts == {"DROP": 1}


def test_accept_ends_its_table_only(nat: Nat) -> None:
    rules = nat("-A PREROUTING -j ACCEPT", "-A PREROUTING -j DNAT --to-destination 10.0.0.1")
    both = parse("*filter\n-A INPUT -j REJECT\nCOMMIT", onto=rules)
    assert walk(both, packet()).verdicts == {"REJECT": 1}


def test_chance_forks_the_way_by_the_kernels_own_number(nat: Nat) -> None:
    rules = nat(
        "-A PREROUTING -m statistic --mode random --probability 0.33333333349 -j A",
        "-A PREROUTING -m statistic --mode random --probability 0.50000000000 -j B",
        "-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.3:1",
        "-A A -p tcp -j DNAT --to-destination 10.0.0.1:1",
        "-A B -p tcp -j DNAT --to-destination 10.0.0.2:1",
    )
    third = Fraction(715827883, 2**31)
    rest = (1 - third) / 2
    assert walk(rules, packet()).targets == {"10.0.0.1:1": third, "10.0.0.2:1": rest, "10.0.0.3:1": rest}


def test_both_ways_go_on_where_chance_only_marks(nat: Nat) -> None:
    rules = nat(
        "-A PREROUTING -m statistic --mode random --probability 0.5 -j MARK --set-mark 1",
        "-A PREROUTING -m mark --mark 1 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -j DNAT --to-destination 10.0.0.2",
    )
    assert walk(rules, packet()).targets == {"10.0.0.1:80": HALF, "10.0.0.2:80": HALF}


def test_ways_to_the_same_end_are_one_outcome_with_its_paths(nat: Nat) -> None:
    rules = nat(
        "-A PREROUTING -m statistic --mode random --probability 0.25 -j A",
        "-A PREROUTING -j DNAT --to-destination 10.0.0.1",
        "-A A -j DNAT --to-destination 10.0.0.1",
    )
    only = walk(rules, packet()).outcomes
    assert len(only) == 1
    assert [path.probability for path in only[0].paths] == [Fraction(3, 4), Fraction(1, 4)]
    assert only[0].paths[1].chains == ("PREROUTING", "A")


def test_every_third_is_a_third_in_the_long_run(nat: Nat) -> None:
    rules = nat("-A PREROUTING -m statistic --mode nth --every 3 -j DNAT --to-destination 10.0.0.1")
    assert walk(rules, packet()).targets == {"10.0.0.1:80": Fraction(1, 3)}


def test_a_range_of_addresses_is_shared_evenly(nat: Nat) -> None:
    rules = nat("-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.2:81-90")
    assert walk(rules, packet()).targets == {"10.0.0.1:81-90": HALF, "10.0.0.2:81-90": HALF}


def test_a_port_within_the_range_stays(nat: Nat) -> None:
    rules = nat("-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:80-90")
    assert walk(rules, packet(destination_port=85)).targets == {"10.0.0.1:85": 1}


def test_dnat_to_where_it_was_going_is_no_translation_to_conntrack(nat: Nat) -> None:
    rules = nat(f"-A PREROUTING -j DNAT --to-destination {NODE}")
    only = parse("*filter\n-A INPUT -m conntrack --ctstate DNAT -j DROP\nCOMMIT", onto=rules)
    assert walk(only, packet()).verdicts == {"DNAT": 1}
    assert walk(only, packet(destination="10.9.9.9")).verdicts == {"DROP": 1}


@pytest.mark.parametrize(
    ("match", "verdict"),
    [
        ("-m conntrack --ctstate NEW", "ACCEPT"),
        ("-m conntrack --ctstate INVALID", "DROP"),
        ("-m connmark ! --mark 1", "ACCEPT"),
    ],
)
def test_in_raw_no_connection_is_known_yet(match: str, verdict: str) -> None:
    assert walk(parse(f"*raw\n-A PREROUTING {match} -j DROP\nCOMMIT"), packet()).verdicts == {verdict: 1}


def test_a_redirect_goes_to_the_node_itself(nat: Nat) -> None:
    rules = nat(
        "-A PREROUTING -p tcp -j REDIRECT --to-ports 8080", "-A OUTPUT -p tcp -j REDIRECT --to-ports 8080"
    )
    assert walk(rules, packet(destination="10.9.9.9")).targets == {f"{NODE}:8080": 1}
    assert walk(rules, packet(source=NODE, destination="10.9.9.9"), "output").targets == {"127.0.0.1:8080": 1}


def test_snat_gives_the_source_that_it_names(nat: Nat) -> None:
    only = walk(nat("-A POSTROUTING -j SNAT --to-source 1.2.3.4"), packet(destination="10.9.9.9")).outcomes[0]
    assert (only.source, only.masquerade) == ("1.2.3.4", False)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("-m u32 --u32 6=1 -j DROP", "matched by u32"),
        ("-o eth7 -j DROP", "going out by eth7"),
        ("-m owner --uid-owner 0 -j DROP", "matched by owner"),
        ("-m set --match-set KUBE-LOOP-BACK dst,dst,src -j DROP", "in set KUBE-LOOP-BACK"),
        ("-m limit --limit 5/min -j DROP", "matched by limit"),
        ("-p tcp -j TPROXY --on-port 5", "TPROXY --on-port 5 does is not followed here"),
        ("-j NFQUEUE", "NFQUEUE does is not followed here"),
    ],
)
def test_what_cannot_be_known_is_undecided_with_the_reason(rule: str, reason: str) -> None:
    only = walk(parse(f"*filter\n-A FORWARD {rule}\nCOMMIT"), packet(destination="10.9.9.9")).outcomes[0]
    assert only.verdict == "UNDECIDED"
    assert reason in only.why


@pytest.mark.parametrize("target", ["-j LOG --log-prefix x", "-j NFLOG", "-j TRACE", ""])
def test_an_unknown_match_does_no_harm_where_nothing_hangs_on_it(target: str) -> None:
    rules = parse(f"*filter\n-A INPUT -m limit --limit 5/min {target}\n-A INPUT -j DROP\nCOMMIT")
    assert walk(rules, packet()).verdicts == {"DROP": 1}


def test_an_unknown_match_does_no_harm_beside_one_that_does_not_hold() -> None:
    rules = parse("*filter\n-A INPUT -s 10.9.9.9 -m u32 --u32 6=1 -j DROP\nCOMMIT")
    assert walk(rules, packet()).verdicts == {"ACCEPT": 1}


def test_a_missing_chain_and_a_loop_are_undecided_with_the_reason(nat: Nat) -> None:
    missing = walk(nat("-A PREROUTING -j NOWHERE"), packet()).outcomes[0]
    loop = walk(nat("-A PREROUTING -j A", "-A A -j B", "-A B -j A"), packet()).outcomes[0]
    assert missing.why == "there is no chain NOWHERE in table nat"
    assert loop.why == "the chains jump in a loop, which the kernel refuses: A → B → A"


def test_a_way_that_forks_without_end_is_refused(nat: Nat) -> None:
    coin = "-A PREROUTING -m statistic --mode random --probability 0.5 -j MARK --set-mark "
    with pytest.raises(RulesetError, match="forks the way over 20000 times"):
        walk(nat(*(f"{coin}{number}" for number in range(16))), packet())


def test_a_wrong_address_is_refused() -> None:
    with pytest.raises(ValueError, match="'web'"):
        walk(Ruleset(), Packet("web", "10.0.0.1"))


@pytest.mark.parametrize(
    ("rule", "facts", "met"),
    [
        ("-m recent --rcheck --name N", {"recent": {"N": ["192.168.56.200"]}}, True),
        ("-m recent --rcheck --name N", {"recent": {"N": ["192.168.56.201"]}}, False),
        ("-m recent --rcheck --name N --mask 255.255.255.0", {"recent": {"N": ["192.168.56.201"]}}, True),
        ("-m recent ! --rcheck --name N", {}, True),
        ("-m recent --rcheck --name N --rdest", {"recent": {"N": [NODE]}}, True),
        ("-m addrtype --dst-type LOCAL", {}, True),
        ("-m addrtype --dst-type LOCAL", {"destination": "127.0.0.1"}, True),
        ("-m addrtype ! --src-type LOCAL", {}, True),
        ("-m addrtype --dst-type MULTICAST", {"destination": "224.0.0.1"}, True),
        ("-m addrtype --dst-type BROADCAST", {"destination": "255.255.255.255"}, True),
        ("-m physdev ! --physdev-is-in", {}, True),
        ("-m physdev --physdev-in veth+", {"bridge_port": "veth+"}, True),
        ("-m conntrack --ctstate NEW", {}, True),
        ("-m conntrack ! --ctstate NEW", {}, False),
        ("-m conntrack --ctstate INVALID", {"ctstate": "INVALID"}, True),
        ("-m mark --mark 0x4000/0x4000", {"mark": 0xC000}, True),
        ("-m mark ! --mark 0x4000/0x4000", {"mark": 0xC000}, False),
        ("-m connmark --mark 0", {}, True),
        ("-p tcp --syn", {}, True),
        ("-p tcp --tcp-flags ALL SYN", {}, True),
        ("-p tcp ! --sport 1:1023", {}, True),
        ("-p tcp -m multiport --ports 80,443", {}, True),
        ("-p tcp -m multiport --sports 80,443", {}, False),
        ("-p icmp --icmp-type echo-request", {"protocol": "icmp"}, True),
        ("-p icmp --icmp-type echo-reply", {"protocol": "icmp"}, False),
        ("-i eth+", {}, True),
        ("! -i eth0", {}, False),
        ("! -f", {}, True),
        ("-m nfacct --nfacct-name n", {}, True),
        ("-m statistic --mode random --probability 1", {}, True),
        ("-m statistic --mode random ! --probability 1", {}, False),
    ],
)
def test_a_match_is_met_by_what_it_asks_for(rule: str, facts: dict[str, object], met: bool) -> None:
    rules = parse(f"*mangle\n-A PREROUTING {rule} -j DROP\nCOMMIT")
    assert walk(rules, packet(**facts)).verdicts == {"DROP" if met else "ACCEPT": 1}


@pytest.mark.parametrize(
    ("lines", "mark"),
    [
        ("-j MARK --set-xmark 0x5/0xf", 0xF5),
        ("-j MARK --or-mark 0x4000", 0x40FF),
        ("-j MARK --and-mark 0xf", 0xF),
        ("-j MARK --xor-mark 0xf0", 0xF),
        ("-j CONNMARK --save-mark;-j MARK --set-mark 0;-j CONNMARK --restore-mark --mask 0xf", 0xF),
        ("-j CONNMARK --set-mark 0x300;-j CONNMARK --restore-mark", 0x300),
    ],
)
def test_marks_are_set_as_the_kernel_sets_them(lines: str, mark: int) -> None:
    rules = "".join(f"-A PREROUTING {line}\n" for line in lines.split(";"))
    rules = f"*mangle\n{rules}-A PREROUTING -m mark --mark {mark:#x} -j DROP\nCOMMIT"
    assert walk(parse(rules), packet(mark=0xFF)).verdicts == {"DROP": 1}


def test_what_recent_notes_a_later_rule_can_read(nat: Nat) -> None:
    rules = nat(
        "-A PREROUTING -m recent --set --name N",
        "-A PREROUTING -m recent --rcheck --name N -j DNAT --to-destination 10.0.0.1",
    )
    assert walk(rules, packet()).targets == {"10.0.0.1:80": 1}


def test_the_mark_to_masquerade_is_explained_by_the_rule_that_jumped_to_it(payload: Load) -> None:
    only = walk(payload("nodeport"), packet(destination_port=30080)).outcomes[0]
    assert (only.masquerade, only.source) == (True, NODE)
    assert only.because is not None
    assert (only.because.chain, only.because.number) == ("KUBE-EXT-CDGGSHYLG3RE2FKL", 1)


def test_affinity_sends_a_client_that_is_known_to_its_endpoint(payload: Load) -> None:
    known = {"KUBE-SEP-2RIJ5GIYXEFH6G4D": ["10.244.9.9"]}
    again = packet(source="10.244.9.9", destination="10.96.0.10", recent=known)
    assert walk(payload("affinity"), again).targets == {"10.244.2.7:8080": 1}


def test_ipv6_is_walked_alike(payload: Load) -> None:
    six = Packet("fd00:56::200", "fd00:56::11", destination_port=30080, local=("fd00:56::11",))
    assert walk(payload("nodeport-ipv6"), six).targets == {
        "[fd00:10::5]:8080": HALF,
        "[fd00:10:0:1::7]:8080": HALF,
    }
