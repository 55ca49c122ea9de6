"""A kernel of text: takes transactions of ``nft -f -``, prints listings, keeps what was asked of it.

It stands in for ``run`` and is as strict as the kernel where a mode could go wrong: all of a transaction is
carried out or none; what is named must be there, what is added anew must not, and what is in use cannot be
deleted.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from vm.command import Completed
from vm.errors import CommandFailed

NAMED = re.compile(r"(?:jump|goto|@) ?([^\s@]+)")
"""The chains and sets that a rule or a verdict names."""


class Refused(Exception):
    """What the kernel says to an operation."""


MISSING, EXISTS, BUSY = "No such file or directory", "File exists", "Device or resource busy"


@dataclass
class Kept:
    """A table: chain → (base, rules), set → definition, set → key → verdict with comment."""

    chains: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    elements: dict[str, dict[str, str]] = field(default_factory=dict)

    def named(self) -> set[str]:
        """All that some rule or verdict leads to."""
        rules = [rule for _, rules in self.chains.values() for rule in rules]
        verdicts = [verdict for elements in self.elements.values() for verdict in elements.values()]
        return {name for text in (*rules, *verdicts) for name in NAMED.findall(text)}


class Nft:
    """One network namespace with at most one table of each family."""

    def __init__(self) -> None:
        self.tables: dict[str, Kept] = {}
        self.commands: list[str] = []
        self.transactions: list[str] = []
        self.refuse = ""  # a transaction with this text in it is refused
        self.version = "nftables v1.0.6 (Lester Gooch #5)\n"

    async def __call__(
        self, argv: tuple[str, ...], *, input: str | None = None, timeout: float = 30, check: bool = True
    ) -> Completed:
        """Answer a command as nft would."""
        self.commands.append(" ".join(argv))
        done = Completed(tuple(argv), *self._answer(argv, input or ""))
        if check and done.returncode:
            raise CommandFailed(done.argv, done.returncode, done.stderr)
        return done

    def _answer(self, argv: tuple[str, ...], text: str) -> tuple[int, str, str]:
        if "--version" in argv:
            return 0, self.version, ""
        if "list" in argv:
            kept = self.tables.get(argv[-2])
            return (0, json.dumps(listing(kept)), "") if kept else (1, "", f"Error: {MISSING}")
        return self._transaction(text, only_check="--check" in argv)

    def _transaction(self, text: str, *, only_check: bool) -> tuple[int, str, str]:
        before = deepcopy(self.tables)
        for number, line in enumerate(text.splitlines(), 1):
            try:
                if self.refuse and self.refuse in line:
                    raise Refused("Operation not supported")
                self._operation(line)
            except Refused as refused:
                self.tables = before
                return 1, "", f"/dev/stdin:{number}:1-1: Error: Could not process rule: {refused}\n{line}"
        if only_check:
            self.tables = before
        else:
            self.transactions.append(text)
        return 0, "", ""

    def _operation(self, line: str) -> None:
        verb, kind, family, _, *more = line.split(" ", 5)
        if kind == "table":
            self._table(verb, family)
            return
        if family not in self.tables:
            raise Refused(MISSING)
        name, rest = more[0], more[1] if len(more) > 1 else ""
        kind = "set" if kind == "map" else kind
        getattr(self, f"_{verb}_{kind}")(self.tables[family], name, rest)

    def _table(self, verb: str, family: str) -> None:
        if verb == "add":
            self.tables.setdefault(family, Kept())
        elif self.tables.pop(family, None) is None:
            raise Refused(MISSING)

    @staticmethod
    def _add_chain(table: Kept, name: str, rest: str) -> None:
        base = re.search(r"type [^;]*?(?= ;)", rest)
        table.chains.setdefault(name, (base[0] if base else "", []))

    @staticmethod
    def _flush_chain(table: Kept, name: str, _: str) -> None:
        _there(table.chains, name)[1].clear()

    @staticmethod
    def _delete_chain(table: Kept, name: str, _: str) -> None:
        _there(table.chains, name)  # rules of its own go with it
        if name in table.named():
            raise Refused(BUSY)
        del table.chains[name]

    @staticmethod
    def _add_rule(table: Kept, name: str, rest: str) -> None:
        for named in NAMED.findall(rest):
            if named not in table.chains and named not in table.sets:
                raise Refused(f"{MISSING}: {named}")
        _there(table.chains, name)[1].append(rest)

    @staticmethod
    def _add_set(table: Kept, name: str, rest: str) -> None:
        if table.sets.setdefault(name, rest) != rest:
            raise Refused(EXISTS)
        table.elements.setdefault(name, {})

    @staticmethod
    def _delete_set(table: Kept, name: str, _: str) -> None:
        _there(table.sets, name)
        if name in table.named():
            raise Refused(BUSY)
        del table.sets[name], table.elements[name]

    @staticmethod
    def _add_element(table: Kept, name: str, rest: str) -> None:
        key, more = _split(rest)
        for named in NAMED.findall(more):
            _there(table.chains, named)
        if _there(table.elements, name).setdefault(key, more) != more:
            raise Refused(EXISTS)

    @staticmethod
    def _delete_element(table: Kept, name: str, rest: str) -> None:
        elements, (key, _) = _there(table.elements, name), _split(rest)
        _there(elements, key)
        del elements[key]


def _there(found: dict[str, Any], name: str) -> Any:
    if name not in found:
        raise Refused(f"{MISSING}: {name}")
    return found[name]


def _split(rest: str) -> tuple[str, str]:
    """The key, and the comment and verdict after it."""
    key, mark, more = re.fullmatch(r"\{ (.*?)(?:( comment | : )(.*))? \}", rest).groups("")  # type: ignore[union-attr]
    return key, f"{mark}{more}"


def listing(table: Kept) -> dict[str, Any]:
    """What ``nft -j -p list table`` prints of it, as far as a mode reads it."""
    items: list[dict[str, Any]] = [{"metainfo": {}}, {"table": {}}]
    items += [_set(name, definition, table.elements[name]) for name, definition in table.sets.items()]
    for name, (base, rules) in table.chains.items():
        words = base.split(" ")
        hangs = {"type": words[1], "hook": words[3], "prio": int(words[5])} if base else {}
        items.append({"chain": {"name": name, **hangs}})
        items += [{"rule": {"chain": name, "expr": rule}} for rule in rules]
    return {"nftables": items}


def _set(name: str, definition: str, elements: dict[str, str]) -> dict[str, Any]:
    keys, _, values = re.search(r"type (.*?) ;", definition)[1].partition(" : ")  # type: ignore[index]
    timeout = re.search(r"timeout (\d+)s", definition)
    found: dict[str, Any] = {"name": name, "type": keys.split(" . ")}
    if timeout:
        found["timeout"] = int(timeout[1])
    if values:
        found["map"] = values
    found["elem"] = [_element(key, more) for key, more in elements.items()]
    return {"map" if values else "set": found}


NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}


def _element(key: str, more: str) -> Any:
    parts: list[Any] = [NUMBERS.get(part, part) for part in key.split(" . ")]
    value: Any = {"concat": [*parts[:-1], int(parts[-1])]} if len(parts) > 1 else key
    if comment := re.search(r'comment "(.*?)"', more):
        value = {"elem": {"val": value, "comment": comment[1]}}
    verdict = more.rpartition(" : ")[2].split(" ") if " : " in more else []
    if not verdict:
        return value
    return [value, {verdict[0]: {"target": verdict[1]} if len(verdict) > 1 else None}]
