"""An expression or statement of `nft -j` written in nft's own notation, as one would type it.

What nft prints loses things (`dnat ip to numgen …` was written `dnat ip addr . port to numgen …`), and its
JSON is not for people, so the notation is made here. Whatever is not in the tables is shown as its JSON.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

Json = Any

OPERATORS = {"in": "", "==": ""}
BITWISE = ("&", "|", "^", "<<", ">>")


def expression(value: Json) -> str:
    """A value, a field, a set, a map."""
    if isinstance(value, dict) and len(value) == 1:
        name, inner = next(iter(value.items()))
        if name in BITWISE:
            return f" {name} ".join(_operand(name, each) for each in inner)
        if name in EXPRESSIONS:
            return EXPRESSIONS[name](inner)
    if isinstance(value, list):
        return ",".join(map(expression, value))
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if plain else json.dumps(value)


def _operand(operator: str, value: Json) -> str:
    """Marks are read in hexadecimal."""
    if isinstance(value, int):
        return f"{value:#x}"
    inner = expression(value)
    nested = isinstance(value, dict) and next(iter(value)) in BITWISE
    return f"({inner})" if nested and operator not in value else inner


def _payload(inner: Json) -> str:
    if "field" in inner:
        return f"{inner['protocol']} {inner['field']}"
    return f"@{inner.get('base')},{inner.get('offset')},{inner.get('len')}"


def _numgen(inner: Json) -> str:
    offset = f" offset {inner['offset']}" if inner.get("offset") else ""
    return f"numgen {inner['mode']} mod {inner['mod']}{offset}"


def _fib(inner: Json) -> str:
    flags = inner.get("flags", [])
    return f"fib {' . '.join([flags] if isinstance(flags, str) else flags)} {inner['result']}"


def _element(inner: Json) -> str:
    comment = f' comment "{inner["comment"]}"' if inner.get("comment") else ""
    return f"{expression(inner['val'])}{comment}"


def _set(inner: Json) -> str:
    return f"{{ {', '.join(map(_entry, inner if isinstance(inner, list) else [inner]))} }}"


def _entry(entry: Json) -> str:
    """A map's entry is a pair."""
    if isinstance(entry, list):
        return f"{expression(entry[0])} : {statement_or_expression(entry[1])}"
    return expression(entry)


def _map(inner: Json) -> str:
    return f"{expression(inner['key'])} map {expression(inner['data'])}"


EXPRESSIONS: Mapping[str, Callable[[Json], str]] = {
    "payload": _payload,
    "meta": lambda inner: f"meta {inner['key']}",
    "ct": lambda inner: " ".join(("ct", *(inner[part] for part in ("dir", "key") if part in inner))),
    "fib": _fib,
    "numgen": _numgen,
    "concat": lambda inner: " . ".join(map(expression, inner)),
    "prefix": lambda inner: f"{expression(inner['addr'])}/{inner['len']}",
    "range": lambda inner: "-".join(map(expression, inner)),
    "set": _set,
    "elem": _element,
    "map": _map,
}


def statement(given: Json) -> str:
    """One statement of a rule."""
    name, inner = next(iter(given.items()))
    return STATEMENTS[name](inner) if name in STATEMENTS else _other(name, inner)


def statement_or_expression(value: Json) -> str:
    """What a map leads to: a verdict or a value."""
    verdict = isinstance(value, dict) and next(iter(value)) in VERDICTS
    return statement(value) if verdict else expression(value)


def _other(name: str, inner: Json) -> str:
    return name if inner is None else f"{name} {json.dumps(inner)}"


def _match(inner: Json) -> str:
    operator = OPERATORS.get(inner["op"], f"{inner['op']} ")
    right = inner["right"]
    masked = isinstance(inner["left"], dict) and next(iter(inner["left"])) in BITWISE
    if masked and isinstance(right, int):
        return f"{expression(inner['left'])} {operator or '== '}{right:#x}"
    return f"{expression(inner['left'])} {operator}{expression(right)}"


def _mangle(inner: Json) -> str:
    value = inner["value"]
    written = f"{value:#x}" if isinstance(value, int) else expression(value)
    return f"{expression(inner['key'])} set {written}"


def nat(name: str) -> Callable[[Json], str]:
    """`dnat to 10.0.0.1:80`, `dnat ip addr . port to … map …`, `masquerade fully-random`."""

    def write(inner: Json) -> str:
        given = inner or {}
        family = f" {given['family']}" if "family" in given else ""
        port = f":{expression(given['port'])}" if "port" in given else ""
        where = expression(given["addr"]) if "addr" in given else ""
        where = f"[{where}]" if port and ":" in where and "map" not in where else where
        to = f"{' addr . port' if addr_and_port(given) else ''} to {where}{port}" if where or port else ""
        return f"{name}{family}{to}{flags(given)}"

    return write


def addr_and_port(given: Json) -> bool:
    """Whether a translation's map gives addresses with ports."""
    map_ = given.get("addr", {}).get("map", {}) if isinstance(given.get("addr"), dict) else {}
    data = map_.get("data", {})
    entries = data.get("set", []) if isinstance(data, dict) else []
    return "concat" in str(given.get("type_flags", "")) or any(
        isinstance(entry, list) and isinstance(entry[1], dict) and "concat" in entry[1] for entry in entries
    )


def flags(given: Json) -> str:
    """` random,persistent`: a name or a list of them."""
    found = given.get("flags", [])
    return "".join(f" {each}" for each in ([found] if isinstance(found, str) else found))


def _reject(inner: Json) -> str:
    if not inner:
        return "reject"
    kind = inner.get("type", "")
    return "reject with tcp reset" if kind == "tcp reset" else f"reject with {kind} {inner.get('expr', '')}"


def _set_statement(inner: Json) -> str:
    return f"{inner['op']} {inner['set']} {{ {expression(inner['elem'])} }}"


def _jump(name: str) -> Callable[[Json], str]:
    return lambda inner: f"{name} {inner['target']}"


VERDICTS = ("accept", "drop", "continue", "return", "jump", "goto")
STATEMENTS: Mapping[str, Callable[[Json], str]] = {
    "match": _match,
    "mangle": _mangle,
    "vmap": lambda inner: f"{expression(inner['key'])} vmap {expression(inner['data'])}",
    "jump": _jump("jump"),
    "goto": _jump("goto"),
    "dnat": nat("dnat"),
    "snat": nat("snat"),
    "redirect": nat("redirect"),
    "masquerade": nat("masquerade"),
    "reject": _reject,
    "set": _set_statement,
    "counter": lambda inner: "counter",
    "xt": lambda inner: f"xt {inner.get('type', '')} {inner.get('name', '')}".rstrip(),
}
