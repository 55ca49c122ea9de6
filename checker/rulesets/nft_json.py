"""Read what `nft -j list ruleset` prints (nft 1.0.6 and newer) into the same model as iptables' rules.

Tables are named as `nft list table` wants them, with their family before: `ip kube-proxy`. A rule is its
leading conditions and then what it does; where it does several things, or asks again in between, its target
is those steps in order. Verdict maps and translations by map are looked up in the elements that stand in the
same text.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from checker.rulesets.hooks import NAMES, Hook
from checker.rulesets.lookups import InOrder
from checker.rulesets.match import Match
from checker.rulesets.model import Chain, Rule, Ruleset, RulesetError, Table, quoted
from checker.rulesets.nft_match import Named
from checker.rulesets.nft_statement import Step, steps_of
from checker.rulesets.nft_text import statement
from checker.rulesets.targets import Target

Json = Any

# Tables of the families bridge, arp and netdev meet other packets than those that are walked here.
FAMILIES = ("ip", "ip6", "inet")


class NftError(RulesetError):
    """The text is not what `nft -j list ruleset` prints."""


@dataclass(frozen=True, slots=True, eq=False)
class NftRule(Rule):
    """A rule of nft. Its normal form is nft's own notation, as is its text."""

    handle: int = 0

    def normal(self, *, comments: bool = True) -> str:
        """The text, and the comment if asked."""
        return f"{self.text} comment {quoted(self.comment)}" if comments and self.comment else self.text


@dataclass
class _Reading:
    """A table as it grows, object by object."""

    family: str
    name: str
    handle: int = 0
    chains: dict[str, Json] = field(default_factory=dict)
    rules: dict[str, list[Json]] = field(default_factory=dict)
    sets: dict[str, list[Json]] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """`ip kube-proxy`."""
        return f"{self.family} {self.name}"

    def chain(self, given: Json) -> None:
        self.chains[given["name"]] = given

    def rule(self, given: Json) -> None:
        self.rules.setdefault(given["chain"], []).append(given)

    def set(self, given: Json) -> None:
        self.sets.setdefault(given["name"], []).extend(given.get("elem", ()))

    def table(self) -> Table:
        """What has been read."""
        named = Named(self.family, self.name, self.sets)
        chains = {name: self._chain(given, named) for name, given in self.chains.items()}
        return Table(self.full_name, chains, self.handle, self.family)

    def _chain(self, given: Json, named: Named) -> Chain:
        name = given["name"]
        rules = tuple(_rule(each, named, self.full_name) for each in self.rules.get(name, ()))
        if "hook" not in given:
            return Chain(name, "", rules)
        hook = Hook(given["hook"].upper(), given["prio"], given["type"])
        return Chain(name, given.get("policy", "accept").upper(), rules, hook if hook.name in NAMES else None)


def parse(text: str) -> Ruleset:
    """Read the whole text. Raises NftError where it is no such text, naming the rule that is wrong."""
    tables: dict[tuple[str, str], _Reading] = {}
    try:
        for given in _objects(text):
            _read(tables, given)
        found = [reading.table() for reading in tables.values()]
    except (LookupError, TypeError, AttributeError) as error:
        raise NftError(f"an object lacks what `nft -j list ruleset` always prints: {error!r}") from error
    return Ruleset({table.name: table for table in found})


def _objects(text: str) -> Iterable[Json]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise NftError(f"this is no JSON ({error}); it must come from `nft -j list ruleset`") from error
    if not isinstance(found, dict) or "nftables" not in found:
        raise NftError("the JSON has no list “nftables”; it must come from `nft -j list ruleset`")
    objects: Iterable[Json] = found["nftables"]
    return objects


def _read(tables: dict[tuple[str, str], _Reading], given: Json) -> None:
    kind, inner = next(iter(given.items()))
    if kind not in KINDS or inner["family"] not in FAMILIES:
        return
    name = inner["name"] if kind == "table" else inner["table"]
    reading = tables.setdefault((inner["family"], name), _Reading(inner["family"], name))
    if kind == "table":
        reading.handle = inner.get("handle", 0)
    else:
        getattr(reading, KINDS[kind])(inner)


# Newer versions of nft list elements of large sets as objects of their own.
KINDS: Mapping[str, str] = {
    "table": "",
    "chain": "chain",
    "rule": "rule",
    "set": "set",
    "map": "set",
    "element": "set",
}


def _rule(given: Json, named: Named, table: str) -> Rule:
    statements = given["expr"]
    try:
        leading, steps = _apart(statements, named)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        text = json.dumps(statements)
        raise NftError(f"table {table}, chain {given['chain']}: {error!r} in the rule {text}") from error
    counter = _counter(statements)
    return NftRule(
        tuple(leading),
        _target(steps),
        given.get("comment", ""),
        " ".join(map(statement, statements)),
        counter.get("packets"),
        counter.get("bytes"),
        given.get("handle", 0),
    )


def _apart(statements: Iterable[Json], named: Named) -> tuple[list[Match], list[Step]]:
    """The leading conditions, and the steps behind them; a counter ends these."""
    leading: list[Match] = []
    steps: list[Step] = []
    acted = False
    for each in statements:
        acted = acted or "counter" in each
        for step in steps_of(each, named):
            acted = acted or not isinstance(step, Match)
            if isinstance(step, Match) and not acted:
                leading.append(step)
            else:
                steps.append(step)
    return leading, steps


def _counter(statements: Iterable[Json]) -> Mapping[str, int]:
    """The first counter of a rule; those with a name belong to several."""
    found = (each["counter"] for each in statements if isinstance(each.get("counter"), dict))
    return next(found, {})


def _target(steps: list[Step]) -> Target | None:
    if len(steps) == 1 and isinstance(steps[0], Target):
        return steps[0]
    return InOrder(tuple(steps)) if steps else None
