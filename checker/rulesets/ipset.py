"""ipsets as `ipset save` prints them, so that a `set` match of iptables can be decided.

    create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536
    add KUBE-CLUSTER-IP 10.96.0.10,tcp:80

The type says what an element consists of, the match says from which side of the packet each part is taken
(`dst,dst,src`). All elements printed are alive: what has timed out is not printed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from checker.rulesets.fields import PORTED
from checker.rulesets.given import words as split
from checker.rulesets.model import RulesetError
from checker.rulesets.nft_expression import span_of
from checker.rulesets.packet import NO_INTERFACE, InFlight
from checker.rulesets.prefix import prefix
from checker.rulesets.values import Elements, Part, Parts, Value


class IpsetError(RulesetError):
    """A line is none that `ipset save` prints."""


@dataclass(frozen=True)
class IpSet:
    """One set. Each element's data tells whether it is an exception (`nomatch`)."""

    name: str
    dimensions: tuple[str, ...]
    family: str = ""
    netmask: int = 0
    elements: Elements[bool] = field(default_factory=Elements)
    members: tuple["IpSet", ...] = ()

    @cached_property
    def _exceptions(self) -> bool:
        return any(self.elements.data)

    def holds(self, packet: InFlight, parts: str) -> bool | None:
        """Whether it holds these parts of the packet; None where that is not known.

        Of another family, or asked with fewer parts than its elements have, it holds nothing (ip_set_test).
        """
        sides = parts.split(",")
        if self.members:
            answers = [member.holds(packet, parts) for member in self.members]
            return True if True in answers else None if None in answers else False
        version = "inet6" if packet.destination.version == 6 else "inet"
        if len(sides) < len(self.dimensions) or self.family not in {"", version}:
            return False
        asked = zip(self.dimensions, sides, strict=False)
        values = tuple(value for kind, side in asked for value in READ[kind](packet, side))
        found, item = self.elements.find(values)
        if self._exceptions and None in values:
            return None
        return found if item is None else not item[1]


def _address(packet: InFlight, side: str) -> tuple[Value, ...]:
    if side == "src":
        return ((packet.source.value,) * 2 if packet.source_known else None,)
    return ((packet.destination.value,) * 2,)


def _port(packet: InFlight, side: str) -> tuple[Value, ...]:
    """A port belongs to a protocol; a ping has its type in its place, all others 0."""
    if packet.protocol in PORTED:
        ports: Value = packet.source_ports if side == "src" else packet.destination_ports
    else:
        ports = "echo-request" if packet.protocol in {"icmp", "ipv6-icmp"} else (0, 0)
    return (packet.protocol, ports)


def _interface(packet: InFlight, side: str) -> tuple[Value, ...]:
    name = packet.in_interface if side == "src" else packet.out_interface
    return (None if not name else "" if name == NO_INTERFACE else name,)


Read = Callable[[InFlight, str], tuple[Value, ...]]

READ: Mapping[str, Read] = {
    "ip": _address,
    "net": _address,
    "port": _port,
    "iface": _interface,
    "mark": lambda packet, side: ((packet.mark, packet.mark),),
    "mac": lambda packet, side: (None,),
    "set": lambda packet, side: (None,),
}


def parse(text: str) -> Mapping[str, IpSet]:
    """Every set by its name. Raises IpsetError with the line's number and text."""
    found: dict[str, IpSet] = {}
    elements: dict[str, list[list[str]]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = split(line)
            if words and not words[0].startswith("#"):
                _read(found, elements, words)
        except (ValueError, LookupError) as error:
            raise IpsetError(f"line {number}: {error}; the line is: {line.strip()}") from error
    return _filled(found, elements)


def _read(found: dict[str, IpSet], elements: dict[str, list[list[str]]], words: list[str]) -> None:
    command, name, *rest = words
    if command == "create":
        found[name] = _created(name, rest)
        elements[name] = []
    elif command != "add":
        raise ValueError(f"{command} is no command of `ipset save`; known are create and add")
    elif name not in found:
        raise ValueError(f"there is no set {name} before it")
    else:
        elements[name].append(rest)
        _element(found[name], rest)


def _created(name: str, words: list[str]) -> IpSet:
    method, _, kinds = words[0].partition(":")
    dimensions = tuple(kinds.split(","))
    if strange := [kind for kind in dimensions if kind not in READ]:
        raise ValueError(f"type {words[0]} has parts that are not known here: {', '.join(strange)}")
    facts = dict(pairwise(words[1:]))
    family = facts.get("family", "inet" if method == "bitmap" and "ip" in dimensions else "")
    return IpSet(name, dimensions, family, int(facts.get("netmask", 0)))


def _element(held: IpSet, words: list[str]) -> tuple[Parts, bool]:
    given = words[0].split(",")
    if held.dimensions != ("set",) and len(given) != len(held.dimensions):
        raise ValueError(f"{words[0]} has not the parts of set {held.name}: {','.join(held.dimensions)}")
    parts = [
        part for kind, each in zip(held.dimensions, given, strict=True) for part in _parts(held, kind, each)
    ]
    return tuple(parts), "nomatch" in words[1:]


def _parts(held: IpSet, kind: str, text: str) -> list[Part]:
    if kind in {"ip", "net"}:
        return [span_of(prefix(f"{text}/{held.netmask}").text if held.netmask and kind == "ip" else text)]
    if kind == "port":
        protocol, _, port = text.rpartition(":")
        number: Part = (int(port),) * 2 if port.isdigit() else port
        return [protocol or "*", number]
    return [(int(text, 0),) * 2 if kind == "mark" else text]


def _filled(found: Mapping[str, IpSet], elements: Mapping[str, list[list[str]]]) -> Mapping[str, IpSet]:
    filled = {name: _with_elements(held, elements[name]) for name, held in found.items()}
    for name, held in filled.items():
        if held.dimensions == ("set",):
            members = tuple(filled[words[0]] for words in elements[name] if words[0] in filled)
            filled[name] = IpSet(name, held.dimensions, members=members)
    return filled


def _with_elements(held: IpSet, lines: list[list[str]]) -> IpSet:
    """The narrowest net comes first: where nets lie in each other it decides."""
    read = sorted((_element(held, words) for words in lines), key=lambda item: sum(map(_width, item[0])))
    return IpSet(held.name, held.dimensions, held.family, held.netmask, Elements(tuple(read)))


def _width(part: Part) -> int:
    return part[1] - part[0] if isinstance(part, tuple) else 0
