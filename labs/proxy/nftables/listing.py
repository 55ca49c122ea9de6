"""What the kernel has, read from ``nft -j list table``: names, kinds and elements, but no rules.

A rule comes back in another form than it was written in (``mark set mark or 0x4000`` as a «mangle» with a
binary operation), so whose rules these are cannot be told by comparing: they count as unknown.
"""

from __future__ import annotations

from typing import Any

from labs.proxy.nftables.objects import Chain, Element, Set, Table

Json = dict[str, Any]

PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
"""nft is asked for numbers, because names need /etc/protocols."""


def parse(listing: Json) -> Table:
    """The table's objects."""
    table = Table()
    for item in listing["nftables"]:
        (kind, found), *_ = item.items()
        if kind == "chain":
            table.chains[found["name"]] = _chain(found)
        elif kind in ("set", "map"):
            table.sets[found["name"]] = made = _set(found)
            if not made.timeout:
                table.elements[found["name"]] = dict(map(_element, found.get("elem", ())))
    return table


def _chain(found: Json) -> Chain:
    base = f"type {found['type']} hook {found['hook']} priority {found['prio']}" if "hook" in found else ""
    return Chain(None, base)


def _set(found: Json) -> Set:
    types = found["type"] if isinstance(found["type"], list) else [found["type"]]
    values = f" : {found['map']}" if "map" in found else ""
    return Set(" . ".join(types) + values, found.get("timeout", 0))


def _element(found: Any) -> tuple[str, Element]:
    """A key, or [key, verdict]; with a comment the key is wrapped once more."""
    key, verdict = found if isinstance(found, list) else (found, {})
    more = key["elem"] if isinstance(key, dict) and "elem" in key else {"val": key}
    return _key(more["val"]), Element(_verdict(verdict), more.get("comment", ""))


def _key(value: Any) -> str:
    """Its parts in our spelling; a number is a protocol where it is not the last, else a port."""
    if not isinstance(value, dict):
        return str(value)
    *parts, port = value["concat"]
    return " . ".join([*(PROTOCOLS.get(part, str(part)) for part in parts), str(port)])


def _verdict(found: Json) -> str:
    """``{"drop": null}`` or ``{"goto": {"target": "reject-chain"}}``, as one writes them."""
    for verb, more in found.items():
        return f"{verb} {more['target']}" if more else verb
    return ""
