"""iptables' match modules: which options each has, and the matches that they make. One table at the end.

A module missing here is no error: its options are kept as an `Unknown` match, and a walk that depends on it
says that it cannot decide.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from checker.rulesets.given import Arity, Given
from checker.rulesets.headers import FLAGS, AddressType, IcmpType, Ports, Side, TcpFlags
from checker.rulesets.match import Match, Unknown
from checker.rulesets.memory import (
    DICE,
    BridgePort,
    ConnectionMark,
    ConnectionState,
    Counted,
    InSet,
    Mark,
    Nth,
    Random,
    Recent,
)
from checker.rulesets.packet import Span
from checker.rulesets.prefix import Prefix, prefix
from checker.rulesets.protocols import PROTOCOLS
from checker.rulesets.served import Served

Build = Callable[[Sequence[Given]], Iterable[Match]]

SIDES: Mapping[str, Side] = {
    "sport": "source",
    "source-port": "source",
    "sports": "source",
    "source-ports": "source",
    "dport": "destination",
    "destination-port": "destination",
    "dports": "destination",
    "destination-ports": "destination",
}


def spans(text: str) -> tuple[Span, ...]:
    """`80`, `1:1023`, `:1023`, `80,443:444`. Raises ValueError for a port over 65535 or a name."""
    return tuple(sorted(_span(part) for part in text.split(",")))


def _span(text: str) -> Span:
    low, colon, high = text.partition(":")
    first = int(low or 0)
    last = int(high or 65535) if colon else first
    if not 0 <= first <= last <= 65535:
        raise ValueError(f"{text!r} is not a port, nor a range of ports between 0 and 65535")
    return first, last


def _ports(given: Given) -> Ports:
    return Ports(SIDES.get(given.name, "either"), spans(given.value), negated=given.negated)


def _transport(protocol: str) -> Build:
    def build(options: Sequence[Given]) -> Iterator[Match]:
        for given in options:
            if given.name in SIDES:
                yield _ports(given)
            elif given.name == "syn":
                yield TcpFlags(_flags("FIN,SYN,RST,ACK"), frozenset({"SYN"}), negated=given.negated)
            elif given.name == "tcp-flags":
                yield TcpFlags(*map(_flags, given.values), negated=given.negated)
            else:
                yield Unknown(protocol, given.text)

    return build


def _flags(text: str) -> frozenset[str]:
    known = {"ALL": FLAGS, "NONE": ()}.get(text, tuple(text.split(",")))
    if strange := set(known) - set(FLAGS):
        raise ValueError(f"{', '.join(sorted(strange))}: no such tcp flag; there are {', '.join(FLAGS)}")
    return frozenset(known)


ICMP_TYPES = {
    "echo-reply": "0",
    "pong": "0",
    "destination-unreachable": "3",
    "echo-request": "8",
    "ping": "8",
    "time-exceeded": "11",
}
ICMPV6_TYPES = {
    "destination-unreachable": "1",
    "packet-too-big": "2",
    "time-exceeded": "3",
    "echo-request": "128",
    "echo-reply": "129",
    "router-solicitation": "133",
    "router-advertisement": "134",
    "neighbour-solicitation": "135",
    "neighbour-advertisement": "136",
}


def _icmp(protocol: str, names: Mapping[str, str]) -> Build:
    def build(options: Sequence[Given]) -> Iterator[Match]:
        for given in options:
            yield IcmpType(protocol, names.get(given.value, given.value), negated=given.negated)

    return build


def _address_type(options: Sequence[Given]) -> Iterator[Match]:
    for given in options:
        if given.name in {"src-type", "dst-type"}:
            side: Side = "source" if given.name == "src-type" else "destination"
            yield AddressType(side, frozenset(given.value.split(",")), negated=given.negated)
        else:
            yield Unknown("addrtype", given.text)


def _connection_state(options: Sequence[Given]) -> Iterator[Match]:
    for given in options:
        if given.name in {"ctstate", "state"}:
            yield ConnectionState(frozenset(given.value.split(",")), negated=given.negated)
        else:
            yield Unknown("conntrack", given.text)


def number_and_mask(text: str) -> tuple[int, int]:
    """`0x4000/0x4000`, decimal or hexadecimal; without a mask all 32 bits."""
    value, _, mask = text.partition("/")
    return int(value, 0), int(mask, 0) if mask else 0xFFFFFFFF


def _mark(kind: type[Mark] | type[ConnectionMark]) -> Build:
    return lambda options: [kind(*number_and_mask(given.value), negated=given.negated) for given in options]


def _statistic(options: Sequence[Given]) -> Iterator[Match]:
    given = {option.name: option for option in options}
    if "probability" in given:
        faces = round(float(given["probability"].value) * DICE)
        if not 0 <= faces <= DICE:
            raise ValueError(f"--probability {given['probability'].value} is not between 0 and 1")
        yield Random(faces, negated=given["probability"].negated)
    elif "every" in given:
        packet = int(given["packet"].value) if "packet" in given else 0
        yield Nth(int(given["every"].value), packet, negated=given["every"].negated)
    else:
        raise ValueError("-m statistic needs --mode random --probability P, or --mode nth --every N")


ACTIONS = ("set", "rcheck", "update", "remove")


def _recent(options: Sequence[Given]) -> Iterator[Match]:
    given = {option.name: option for option in options}
    action = next((name for name in ACTIONS if name in given), None)
    if action is None:
        raise ValueError(f"-m recent needs one of --{', --'.join(ACTIONS)}")
    yield Recent(
        action,  # type: ignore[arg-type]
        given["name"].value if "name" in given else "DEFAULT",
        "destination" if "rdest" in given else "source",
        _recent_mask(given["mask"].value) if "mask" in given else None,
        int(given["seconds"].value) if "seconds" in given else 0,
        tuple(given[name].text for name in ("reap", "rttl") if name in given),
        int(given["hitcount"].value) if "hitcount" in given else 0,
        negated=given[action].negated,
    )


def _recent_mask(text: str) -> Prefix | None:
    """A full mask is printed though nobody wrote it; it says nothing."""
    mask = prefix(text)
    return None if mask.value == mask.mask else mask


def _set(options: Sequence[Given]) -> Iterator[Match]:
    for given in options:
        if given.name == "match-set":
            yield InSet(*given.values, negated=given.negated)
        else:
            yield Unknown("set", given.text)


def _counted(options: Sequence[Given]) -> Iterator[Match]:
    return (Counted(given.value) for given in options)


def _bridge_port(options: Sequence[Given]) -> Iterator[Match]:
    return (BridgePort(given.name, given.value, negated=given.negated) for given in options)


def _served(options: Sequence[Given]) -> Iterator[Match]:
    """By name or number of the protocol, an address with or without its length: each means the same."""
    for given in options:
        value = PROTOCOLS.get(given.value, given.value) if given.name == "vproto" else given.value
        yield Served(
            given.name, prefix(value).text if given.name == "vaddr" else value, negated=given.negated
        )


def _limit(options: Sequence[Given]) -> Iterator[Match]:
    """The rate's unit is printed short; the usual burst is printed though nobody wrote it."""
    texts = [given.text for given in options if (given.name, given.value) != ("limit-burst", "5")]
    short = [text.replace("/second", "/sec").replace("/minute", "/min") for text in texts]
    yield Unknown("limit", " ".join(short) or "--limit 3/hour")


def unknown(module: str, options: Sequence[Given]) -> tuple[Match, ...]:
    """How a module without a row below is read."""
    return (Unknown(module, " ".join(given.text for given in options)),)


@dataclass(frozen=True, slots=True)
class Module:
    """A match module: its options with the number of their values, and how matches are made of them."""

    arity: Arity
    build: Build


_ONE_PORT = {"sport": 1, "source-port": 1, "dport": 1, "destination-port": 1}
_MANY_PORTS = {"sports": 1, "source-ports": 1, "dports": 1, "destination-ports": 1, "ports": 1, "port": 1}
_CT_QUESTIONS = (
    "ctproto",
    "ctorigsrc",
    "ctorigdst",
    "ctreplsrc",
    "ctrepldst",
    "ctorigsrcport",
    "ctorigdstport",
)
_CT_REST = ("ctreplsrcport", "ctrepldstport", "ctstatus", "ctexpire", "ctdir", "ctstate", "state")
_RECENT = {"set": 0, "rcheck": 0, "update": 0, "remove": 0, "seconds": 1, "reap": 0, "rttl": 0, "hitcount": 1}
_PHYSDEV = {
    "physdev-in": 1,
    "physdev-out": 1,
    "physdev-is-in": 0,
    "physdev-is-out": 0,
    "physdev-is-bridged": 0,
}
_IPVS = {"ipvs": 0, "vproto": 1, "vaddr": 1, "vport": 1, "vdir": 1, "vmethod": 1, "vportctl": 1}

MODULES: Mapping[str, Module] = {
    "tcp": Module({**_ONE_PORT, "syn": 0, "tcp-flags": 2, "tcp-option": 1}, _transport("tcp")),
    "udp": Module(_ONE_PORT, _transport("udp")),
    "sctp": Module({**_ONE_PORT, "chunk-types": -1}, _transport("sctp")),
    "multiport": Module(_MANY_PORTS, lambda options: map(_ports, options)),
    "icmp": Module({"icmp-type": 1}, _icmp("icmp", ICMP_TYPES)),
    "icmp6": Module({"icmpv6-type": 1}, _icmp("ipv6-icmp", ICMPV6_TYPES)),
    "addrtype": Module(
        {"src-type": 1, "dst-type": 1, "limit-iface-in": 0, "limit-iface-out": 0}, _address_type
    ),
    "conntrack": Module(dict.fromkeys(_CT_QUESTIONS + _CT_REST, 1), _connection_state),
    "state": Module({"state": 1}, _connection_state),
    "mark": Module({"mark": 1}, _mark(Mark)),
    "connmark": Module({"mark": 1}, _mark(ConnectionMark)),
    "statistic": Module({"mode": 1, "probability": 1, "every": 1, "packet": 1}, _statistic),
    "recent": Module({**_RECENT, "name": 1, "mask": 1, "rsource": 0, "rdest": 0}, _recent),
    "set": Module({"match-set": 2, "return-nomatch": 0}, _set),
    "comment": Module({"comment": 1}, lambda options: ()),
    "nfacct": Module({"nfacct-name": 1}, _counted),
    "physdev": Module(_PHYSDEV, _bridge_port),
    "ipvs": Module(_IPVS, _served),
    "limit": Module({"limit": 1, "limit-burst": 1}, _limit),
}
