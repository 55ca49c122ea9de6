"""iptables' targets: which options each has, and what they make of a packet. One table at the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from checker.rulesets.given import Arity, Given
from checker.rulesets.marks import FULL
from checker.rulesets.match_options import number_and_mask
from checker.rulesets.prefix import address
from checker.rulesets.targets import (
    Dnat,
    Masquerade,
    Note,
    NoTrack,
    Range,
    Redirect,
    Reject,
    SetConnectionMark,
    SetMark,
    Snat,
    Target,
    UnknownTarget,
    Verdict,
)

Options = Mapping[str, Given]
Build = Callable[[str, Options], Target]

NAT_OPTIONS = ("random", "random-fully", "persistent")


def nat_range(text: str, given: Options) -> Range:
    """`10.0.0.1`, `10.0.0.1-10.0.0.3:80-90`, `[fd00::5]:8080`, `:8080`, with the options that follow it.

    Raises ValueError where an address is none.
    """
    where, ports = _split(text)
    addresses = tuple(address(each) for each in where.split("-")) if where else ()
    low, _, high = ports.partition("-")
    span = (int(low), int(high or low)) if low else None
    return Range(addresses, span, tuple(f"--{name}" for name in NAT_OPTIONS if name in given))


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        where, _, ports = text[1:].partition("]")
        return where, ports.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    where, _, ports = text.partition(":")
    return where, ports


def _needed(given: Options, name: str, target: str) -> str:
    if name not in given:
        raise ValueError(f"-j {target} needs --{name}")
    return given[name].value


def _dnat(name: str, given: Options) -> Target:
    return Dnat(nat_range(_needed(given, "to-destination", name), given))


def _snat(name: str, given: Options) -> Target:
    return Snat(nat_range(_needed(given, "to-source", name), given))


def _to_ports(given: Options) -> Range:
    ports = given["to-ports"].value if "to-ports" in given else ""
    return nat_range(f":{ports}" if ports else "", given)


def _reject(name: str, given: Options) -> Target:
    reply = given["reject-with"].value if "reject-with" in given else "icmp-port-unreachable"
    return Reject(REPLIES.get(reply, reply))


REPLIES = {
    "icmp-port-unreachable": "port-unreachable",
    "port-unreach": "port-unreachable",
    "icmp6-port-unreachable": "port-unreachable",
    "tcp-rst": "tcp-reset",
}


def _set_mark(name: str, given: Options) -> Target:
    return SetMark(*_xmark(name, given))


def _xmark(name: str, given: Options) -> tuple[int, int]:
    found = next((each for each in given.values() if each.name in XMARK), None)
    if found is None:
        raise ValueError(f"-j {name} needs --set-xmark, --set-mark, --or-mark, --and-mark or --xor-mark")
    return XMARK[found.name](*number_and_mask(found.value))


# man iptables-extensions, MARK: every form is one --set-xmark VALUE/MASK.
XMARK: Mapping[str, Callable[[int, int], tuple[int, int]]] = {
    "set-xmark": lambda value, mask: (value, mask),
    "set-mark": lambda value, mask: (value, mask | value),
    "or-mark": lambda value, mask: (value, value),
    "xor-mark": lambda value, mask: (value, 0),
    "and-mark": lambda value, mask: (0, ~value & FULL),
}


def _connection_mark(name: str, given: Options) -> Target:
    for form in ("save-mark", "restore-mark"):
        if form in given:
            masks = (_mask(given, "nfmask"), _mask(given, "ctmask"))
            return SetConnectionMark(form, *masks)
    return SetConnectionMark("set-xmark", *_xmark(name, given))


def _mask(given: Options, name: str) -> int:
    found = given.get(name) or given.get("mask")
    return int(found.value, 0) if found else FULL


def _connection(name: str, given: Options) -> Target:
    if name == "NOTRACK" or "notrack" in given:
        return NoTrack()
    return Note(name, _rest(given))


def _note(name: str, given: Options) -> Target:
    return Note(name, _rest({key: each for key, each in given.items() if (key, each.value) not in USUAL}))


# What iptables-save leaves out, because it is so without saying.
USUAL = {("log-level", "4"), ("log-level", "warning"), ("nflog-group", "0")}


def _rest(given: Options) -> str:
    return " ".join(sorted(each.text for each in given.values()))


def unknown(name: str, given: Options) -> Target:
    """How a target without a row below is read."""
    return UnknownTarget(name, _rest(given))


def _verdict(name: str, given: Options) -> Target:
    return Verdict(name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Extension:
    """A target that is no chain: how it is made, and its options with their numbers of values; None: any."""

    build: Build
    arity: Arity | None = field(default_factory=dict)


_NAT = dict.fromkeys(NAT_OPTIONS, 0)
_MARK = dict.fromkeys(XMARK, 1)
_CONNMARK = {**_MARK, "save-mark": 0, "restore-mark": 0, "nfmask": 1, "ctmask": 1, "mask": 1}
_LOG = {"log-level": 1, "log-prefix": 1, "log-tcp-sequence": 0, "log-tcp-options": 0, "log-ip-options": 0}
_NFLOG = {"nflog-group": 1, "nflog-prefix": 1, "nflog-range": 1, "nflog-size": 1, "nflog-threshold": 1}
_CT = {"notrack": 0, "helper": 1, "zone": 1, "zone-orig": 1, "zone-reply": 1, "ctevents": 1, "timeout": 1}
# Names that iptables knows as targets: a jump to one of them is no jump to a chain that is missing.
_OTHERS = (
    "AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNSECMARK DNPT DSCP ECN HL HMARK IDLETIMER LED NETMAP NFQUEUE QUEUE "
    "RATEEST SECMARK SET SNPT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TTL ULOG"
)

EXTENSIONS: Mapping[str, Extension] = {
    **dict.fromkeys(("ACCEPT", "DROP", "RETURN"), Extension(_verdict)),
    "REJECT": Extension(_reject, {"reject-with": 1}),
    "DNAT": Extension(_dnat, {"to-destination": 1, **_NAT}),
    "SNAT": Extension(_snat, {"to-source": 1, **_NAT}),
    "MASQUERADE": Extension(lambda name, given: Masquerade(_to_ports(given)), {"to-ports": 1, **_NAT}),
    "REDIRECT": Extension(lambda name, given: Redirect(_to_ports(given)), {"to-ports": 1, **_NAT}),
    "MARK": Extension(_set_mark, _MARK),
    "CONNMARK": Extension(_connection_mark, _CONNMARK),
    "CT": Extension(_connection, _CT),
    "NOTRACK": Extension(_connection),
    "LOG": Extension(_note, {**_LOG, "log-uid": 0, "log-macdecode": 0}),
    "NFLOG": Extension(_note, _NFLOG),
    "TRACE": Extension(_note),
    **dict.fromkeys(_OTHERS.split(), Extension(unknown, None)),
}
