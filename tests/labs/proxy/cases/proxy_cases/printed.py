"""What the kernel printed of a mode's rules, as golden files keep it: for people, and alike on all machines.

Rules of iptables stand as iptables-save has them, and are compared in the grader's normal form. Those of nft
are written down in that form at once: `nft list ruleset` loses things, and its JSON is not for people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from checker.rulesets import iptables_save, nft_json
from checker.rulesets.model import Chain, Table, quoted
from checker.rulesets.nft_text import expression, statement_or_expression

FIRST_RELAY = 40001
Relays = Collection[tuple[str, int]]
"""Protocol and port of each."""


def written(texts: dict[str, str], relays: Relays = ()) -> str:
    """All that was printed, by name of what printed it."""
    return "\n".join(listed(text) if name == "nft" else saved(text, relays) for name, text in texts.items())


def normal(mode: str, text: str) -> object:
    """What of a written text is compared."""
    return text if mode == "nftables" else iptables_save.parse(text).normal()


def saved(text: str, relays: Relays) -> str:
    """iptables-save, but for the time, for how many packets have passed, and for ports the kernel chose.

    Relays' ports are 40001, 40002 … in the order in which rules name them.
    """
    chosen: dict[tuple[str, int], int] = {}

    def stable(line: str) -> str:
        protocol = re.search(r" -p (\w+) ", line)

        def port(found: re.Match[str]) -> str:
            relay = (protocol[1] if protocol else "", int(found[0]))
            return str(chosen.setdefault(relay, FIRST_RELAY + len(chosen)) if relay in relays else relay[1])

        return re.sub(r"\b[1-9]\d{4}\b", port, line)

    lines = (re.sub(r" \[\d+:\d+\]$", " [0:0]", line) for line in text.splitlines())
    return "\n".join(stable(line) for line in lines if not line.startswith("#"))


def listed(text: str) -> str:
    """`nft -j list ruleset` in nft's notation: without handles and counters, all but the rules by name."""
    objects = [next(iter(each.items())) for each in json.loads(text)["nftables"]]
    sets = [(kind, given) for kind, given in objects if kind in ("set", "map")]
    tables = sorted(nft_json.parse(text).tables.items())
    return "\n".join(line for name, table in tables for line in _table(name, table, sets))


def _table(name: str, table: Table, sets: list[tuple[str, Any]]) -> Iterator[str]:
    """Nothing of a table that iptables-nft made once and that is empty."""
    own = [(kind, given) for kind, given in sets if f"{given['family']} {given['table']}" == name]
    if own or any(chain.rules for chain in table.chains.values()):
        yield f"table {name}"
        for kind, given in sorted(own, key=lambda each: each[1]["name"]):
            yield from _set(kind, given)
        for _, chain in sorted(table.chains.items()):
            yield from _chain(chain)


def _set(kind: str, given: Any) -> Iterator[str]:
    types = given["type"] if isinstance(given["type"], list) else [given["type"]]
    yield f"  {kind} {given['name']}" + (f" comment {quoted(given['comment'])}" if "comment" in given else "")
    yield f"    type {' . '.join(types)}" + (f" : {given['map']}" if kind == "map" else "")
    for limit in ("flags", "size", "timeout"):
        if limit in given:
            yield f"    {limit} {expression(given[limit])}"
    yield from sorted(f"    element {_element(each)}" for each in given.get("elem", ()))


def _element(given: Any) -> str:
    """An element of a map is a pair."""
    if isinstance(given, list):
        return f"{expression(given[0])} : {statement_or_expression(given[1])}"
    return expression(given)


def _chain(chain: Chain) -> Iterator[str]:
    """Not a chain without rules: one that has become stale is empty for a second, and then it is gone."""
    if chain.hook:
        at = f"type {chain.hook.kind} hook {chain.hook.name.lower()} priority {chain.hook.priority}"
        yield f"  chain {chain.name} {at} policy {chain.policy.lower()}"
    elif chain.rules:
        yield f"  chain {chain.name}"
    yield from (f"    {rule.normal()}" for rule in chain.rules)
