"""Statements of `nft -j`: each becomes conditions and actions of a rule. One table at the end.

A statement that is not in the table becomes a target that is not followed here: a walk that comes to it is
undecided.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from checker.rulesets.fields import FIELDS, Key
from checker.rulesets.lookups import ByMap, Holds, Remember, Tracked
from checker.rulesets.match import Match, Unknown
from checker.rulesets.nft_expression import (
    FULLY,
    CannotRead,
    Linear,
    key_of,
    linear,
    part_of,
    parts_of,
    span_of,
)
from checker.rulesets.nft_match import Named, match_of
from checker.rulesets.nft_text import expression, flags, statement
from checker.rulesets.prefix import Address, address
from checker.rulesets.targets import (
    Dnat,
    Jump,
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
from checker.rulesets.values import Elements, Parts

Json = Any
Step = Match | Target


def steps_of(given: Json, named: Named) -> tuple[Step, ...]:
    """The steps of one statement; none for a counter."""
    name, inner = next(iter(given.items()))
    notation = statement(given)
    if name not in STATEMENTS:
        return (UnknownTarget(notation),)
    try:
        return tuple(STATEMENTS[name](inner, notation, named))
    except CannotRead:
        return (Unknown("nft", notation),) if name == "match" else (UnknownTarget(notation),)


def _unknown_match(inner: Json, notation: str, named: Named) -> Iterator[Match]:
    yield Unknown("nft", notation)


def _xt(inner: Json, notation: str, named: Named) -> Iterator[Step]:
    """A part of iptables' that nft cannot say: iptables-save can."""
    yield Unknown("xt", inner.get("name", "")) if inner.get("type") == "match" else UnknownTarget(notation)


# --- verdicts -----------------------------------------------------------------------------------------------


def verdict_of(given: Json) -> Target:
    """A verdict statement as a target. Raises CannotRead for anything else."""
    name = next(iter(given)) if isinstance(given, dict) else ""
    if name in {"jump", "goto"}:
        return Jump(given[name]["target"], name == "goto")
    if name == "continue":
        return Note("continue")
    if name not in {"accept", "drop", "return"}:
        raise CannotRead(f"{given} is no verdict")
    return Verdict(name.upper())  # type: ignore[arg-type]


def _verdict(name: str) -> "Build":
    return lambda inner, notation, named: [verdict_of({name: inner})]


def _vmap(inner: Json, notation: str, named: Named) -> Iterator[Target]:
    key = key_of(inner["key"])
    items = tuple((parts_of(entry[0], key), verdict_of(entry[1])) for entry in named.entries(inner["data"]))
    words = f"what {_map_words(inner['data'])} has for {key.words}"
    yield ByMap(notation, words, key, Elements(items), _map_name(inner["data"]))


def _map_name(data: Json) -> str:
    return data[1:] if isinstance(data, str) else ""


def _map_words(data: Json) -> str:
    return f"map {_map_name(data)}" if isinstance(data, str) else "this rule's own map"


def _reject(inner: Json, notation: str, named: Named) -> Iterator[Target]:
    given = inner or {}
    yield Reject("tcp-reset" if given.get("type") == "tcp reset" else given.get("expr", "port-unreachable"))


# --- translations -------------------------------------------------------------------------------------------

Translation = Callable[[Range], Target]


def _translation(make: Translation) -> "Build":
    def build(inner: Json, notation: str, named: Named) -> Iterator[Step]:
        given = inner or {}
        if named.family == "inet" and (family := given.get("family")):
            yield _of_family(family)
        where = given.get("addr")
        if isinstance(where, dict) and "map" in where:
            yield _by_map(make, given, notation, named)
        else:
            ends = [("addr", where)] if where is not None else []
            ends += [("port", given["port"])] if "port" in given else []
            yield make(_range(ends, given))

    return build


def _of_family(family: str) -> Match:
    """In a table of both families a translation of one is not asked for packets of the other."""
    wanted = "ipv4" if family == "ip" else "ipv6"
    key = Key((FIELDS["meta nfproto"],), text="meta nfproto")
    return Holds(key, Elements((((wanted,), None),)), "", wanted)


def _by_map(make: Translation, given: Json, notation: str, named: Named) -> Target:
    if "port" in given and isinstance(given["port"], dict):
        raise CannotRead("address and port by different maps")
    chosen = given["addr"]["map"]
    key = key_of(chosen["key"])
    port = [("port", given["port"])] if "port" in given else []
    items: list[tuple[Parts, Target]] = []
    for entry, data in named.entries(chosen["data"]):
        both = data["concat"] if isinstance(data, dict) and "concat" in data else [data]
        ends = [*zip(("addr", "port"), both, strict=False), *port]
        items.append((parts_of(entry, key), make(_range(ends, given))))
    words = f"{make(Range()).words.split()[0]} to what {_map_words(chosen['data'])} has for {key.words}"
    return ByMap(notation, words, key, Elements(tuple(items)), _map_name(chosen["data"]))


def _range(ends: Iterable[tuple[str, Json]], given: Json) -> Range:
    found = dict(ends)
    ports = part_of(found["port"]) if "port" in found else None
    if isinstance(ports, str):
        raise CannotRead(f"{ports} is no port")
    options = tuple(OPTIONS.get(flag, f"--{flag}") for flag in flags(given).split())
    return Range(_addresses(found["addr"]) if "addr" in found else (), ports, options)


OPTIONS = {"fully-random": "--random-fully"}


def _addresses(value: Json) -> tuple[Address, ...]:
    if isinstance(value, str) and "/" not in value:
        return (address(value),)
    if isinstance(value, dict) and "range" in value:
        return tuple(address(each) for each in value["range"])
    if isinstance(value, dict) and "prefix" in value:
        low, high = span_of(f"{value['prefix']['addr']}/{value['prefix']['len']}")
        version = address(value["prefix"]["addr"]).version
        return Address(version, low), Address(version, high)
    raise CannotRead(f"{expression(value)} is no address")


# --- what is kept beside the packet -------------------------------------------------------------------------


def _mangle(inner: Json, notation: str, named: Named) -> Iterator[Step]:
    what = expression(inner["key"])
    if what in HARMLESS:
        yield Note(notation)
        return
    new = linear(inner["value"])
    # Without a connection reading its mark ends the rule, setting it does nothing (nft_ct.c).
    if new.base == "ct mark":
        yield Tracked()
    yield _marked(what, new)


HARMLESS = frozenset({"meta priority", "meta nftrace", "meta pkttype", "ct event", "ct label"})


def _marked(what: str, new: Linear) -> Target:
    if what == "meta mark" and new.base in {"", "meta mark"}:
        return SetMark(new.value, ~new.mask & FULLY)
    if what == "ct mark" and new.base in {"", "ct mark"}:
        return SetConnectionMark("set-xmark", new.value, ~new.mask & FULLY)
    if what == "ct mark" and new.base == "meta mark" and not new.value:
        return SetConnectionMark("save-mark", new.mask, FULLY)
    if what == "meta mark" and new.base == "ct mark" and not new.value:
        return SetConnectionMark("restore-mark", FULLY, new.mask)
    raise CannotRead(f"{what} is set in a way that is not followed here")


def _set_statement(inner: Json, notation: str, named: Named) -> Iterator[Step]:
    limited = [each for each in inner.get("stmt", ()) if next(iter(each)) != "counter"]
    if limited:
        yield Unknown("nft", notation)
    elif inner["op"] not in {"add", "update"}:
        yield UnknownTarget(notation)
    else:
        elem = inner["elem"]
        held = elem["elem"]["val"] if isinstance(elem, dict) and "elem" in elem else elem
        yield Remember(named.qualified(inner["set"].removeprefix("@")), key_of(held), notation)


def _note(inner: Json, notation: str, named: Named) -> Iterator[Target]:
    yield Note(notation)


Build = Callable[[Json, str, Named], Iterable[Step]]

STATEMENTS: Mapping[str, Build] = {
    "match": match_of,
    **dict.fromkeys(("limit", "quota", "ct count", "meter"), _unknown_match),
    "xt": _xt,
    **{name: _verdict(name) for name in ("accept", "drop", "return", "continue", "jump", "goto")},
    "vmap": _vmap,
    "reject": _reject,
    "dnat": _translation(Dnat),
    "snat": _translation(Snat),
    "redirect": _translation(Redirect),
    "masquerade": _translation(Masquerade),
    "mangle": _mangle,
    "notrack": lambda inner, notation, named: [NoTrack()],
    "set": _set_statement,
    "counter": lambda inner, notation, named: (),
    **dict.fromkeys(("log", "last", "dup", "flow", "ct helper", "ct timeout"), _note),
}
