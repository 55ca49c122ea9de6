"""Any rule of the grammar: written in any of its ways, its normal form is read back as the same rule."""

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from checker.rulesets.iptables_save import SaveError, parse
from checker.rulesets.model import Ruleset, quoted
from checker.rulesets.rule_line import rules_of
from checker.rulesets.walk import Packet, walk

CHAINS = ("A", "B", "C")
ADDRESSES = st.sampled_from(
    ["10.0.0.1", "10.0.0.0/8", "10.0.2.0/255.0.255.0", "192.168.56.11", "127.0.0.0/8"]
)
PORTS = st.integers(0, 65535).map(str) | st.tuples(st.integers(0, 100), st.integers(100, 65535)).map(
    lambda span: f"{span[0]}:{span[1]}"
)
MARKS = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(["", "/0x4000", "/0xff"])).map(
    lambda mark: f"{mark[0]:#x}{mark[1]}"
)
STATES = st.lists(
    st.sampled_from(["NEW", "ESTABLISHED", "RELATED", "INVALID", "DNAT"]), min_size=1, unique=True
)
TEXT = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=20)
NOT = st.sampled_from(["", "! "])


def option(name: str, values: st.SearchStrategy[str], module: str = "") -> st.SearchStrategy[str]:
    loaded = f"-m {module} " if module else ""
    return st.tuples(NOT, values).map(lambda drawn: f"{loaded}{drawn[0]}{name} {drawn[1]}")


MATCHES = st.one_of(
    option("-s", ADDRESSES),
    option("-d", ADDRESSES),
    option("-i", st.sampled_from(["eth0", "eth+", "lo"])),
    option("--dport", PORTS, "tcp"),
    option("--sport", PORTS, "tcp"),
    option("--dports", st.lists(PORTS, min_size=1, max_size=3).map(",".join), "multiport"),
    option("--ctstate", STATES.map(",".join), "conntrack"),
    option("--mark", MARKS, "mark"),
    option("--dst-type", st.sampled_from(["LOCAL", "UNICAST", "MULTICAST"]), "addrtype"),
    st.floats(0, 1).map(lambda chance: f"-m statistic --mode random --probability {chance:.10f}"),
    st.integers(1, 9).map(lambda every: f"-m statistic --mode nth --every {every} --packet 0"),
    st.sampled_from(["--set", "! --rcheck --seconds 9 --reap", "--update --hitcount 3"]).map(
        "-m recent --name N {}".format
    ),
    st.just("-m physdev ! --physdev-is-in"),
    st.just("-m u32 --u32 6&0xff=1"),
    TEXT.map(lambda text: f"-m comment --comment {quoted(text)}"),
)


def once(match: str) -> str:
    """A rule has each of -s, -d, -i once, and any number of modules."""
    first = match.removeprefix("! ")
    return match if first.startswith("-m") else first[:2]


TARGETS = st.sampled_from(
    [
        "",
        "-j ACCEPT",
        "-j RETURN",
        "-j A",
        "-j B",
        "-g C",
        "-j DNAT --to-destination 10.0.0.1:80",
        "-j DNAT --to-destination 10.0.0.1-10.0.0.3",
        "-j MASQUERADE --random-fully",
        "-j MARK --or-mark 0x4000",
        "-j MARK --xor-mark 0x4000",
        "-j MARK --set-mark 7",
        "-j CONNMARK --save-mark",
        "-j LOG --log-prefix x",
        "-j REDIRECT --to-ports 80",
        "-j SNAT --to-source 10.0.0.9",
    ]
)
RULES = st.tuples(st.lists(MATCHES, max_size=4, unique_by=once), TARGETS).map(
    lambda drawn: " ".join(("-p tcp", *drawn[0], drawn[1]))
)


@given(RULES)
def test_a_rule_is_the_same_after_its_normal_form_is_read(text: str) -> None:
    (rule,) = rules_of(text, CHAINS)
    (again,) = rules_of(rule.normal(), CHAINS)
    assert again.normal() == rule.normal()
    assert Counter(again.matches) == Counter(rule.matches)
    assert again.target == rule.target


@given(st.lists(MATCHES, max_size=5, unique_by=once), st.data())
def test_the_order_in_which_matches_are_written_does_not_count(
    matches: list[str], data: st.DataObject
) -> None:
    matches = [match for match in matches if not match.startswith("-m comment")]
    (one,) = rules_of(" ".join(("-p tcp", *matches)), ())
    (other,) = rules_of(" ".join((*data.draw(st.permutations(matches)), "-p tcp")), ())
    assert one == other


RULESETS = st.lists(st.tuples(st.sampled_from(("PREROUTING", "POSTROUTING", *CHAINS)), RULES), max_size=25)


def ruleset(rules: list[tuple[str, str]]) -> Ruleset:
    declared = "".join(f":{chain} - [0:0]\n" for chain in CHAINS)
    return parse(f"*nat\n{declared}" + "".join(f"-A {chain} {rule}\n" for chain, rule in rules) + "COMMIT\n")


@given(RULESETS)
def test_the_probabilities_of_a_walk_sum_to_one(rules: list[tuple[str, str]]) -> None:
    packet = Packet("10.0.0.1", "192.168.56.11", destination_port=80, local=("192.168.56.11",))
    outcomes = walk(ruleset(rules), packet).outcomes
    assert sum((outcome.probability for outcome in outcomes), Fraction(0)) == 1
    assert all(sum(path.probability for path in each.paths) == each.probability for each in outcomes)


@given(RULESETS)
def test_every_step_of_a_walk_is_a_rule_that_stands_there(rules: list[tuple[str, str]]) -> None:
    read = ruleset(rules)
    packet = Packet("10.0.0.1", "192.168.56.11", destination_port=80)
    for outcome in walk(read, packet, "output").outcomes:
        for step in outcome.steps:
            chain = read.chain(step.table, step.chain)
            assert chain is not None
            assert step.rule is None or chain.rules[step.number - 1] is step.rule


COMMANDS = st.sampled_from(
    ["", "*", ":", "-A INPUT ", "-I INPUT ", "-D INPUT ", "-P ", "-X ", "-N ", "-A INPUT -p tcp -m tcp "]
)
BITS = (
    "!",
    "-s",
    "-d",
    "-p",
    "-m",
    "-j",
    "-g",
    "-i",
    "--dport",
    "--mark",
    "statistic",
    "recent",
    "10.0.0.1",
    "80",
)
WORDS = st.lists(st.sampled_from((*BITS, "x", "DNAT", "CT")) | TEXT)


def error_of(line: str) -> SaveError | None:
    try:
        parse(f"*filter\n{line}\n")
    except SaveError as error:
        return error
    return None


@given(COMMANDS, WORDS)
def test_a_line_of_any_words_is_read_or_refused_by_its_number(command: str, words: list[str]) -> None:
    error = error_of(command + " ".join(words))
    assert error is None or error.number == 2
