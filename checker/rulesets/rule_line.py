"""One rule's line: from its words to matches and target.

First each option finds its home (the rule itself, a match module, the target), then each home makes of its
options what they mean.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from checker.rulesets.given import Given, Words, words
from checker.rulesets.headers import AddressIn, Fragment, Interface, Protocol, Side
from checker.rulesets.match import Match
from checker.rulesets.match_options import MODULES, unknown
from checker.rulesets.model import Rule
from checker.rulesets.prefix import prefix
from checker.rulesets.protocols import PROTOCOLS
from checker.rulesets.target_options import EXTENSIONS
from checker.rulesets.target_options import unknown as unknown_target
from checker.rulesets.targets import Jump, Target

SHORT = {
    "-s": "source",
    "--src": "source",
    "-d": "destination",
    "--dst": "destination",
    "-p": "protocol",
    "--proto": "protocol",
    "-i": "in-interface",
    "-o": "out-interface",
    "-m": "match",
    "-j": "jump",
    "-g": "goto",
    "-f": "fragment",
}
# The rule's own options, with the number of their values.
OWN = {
    "source": 1,
    "destination": 1,
    "protocol": 1,
    "in-interface": 1,
    "out-interface": 1,
    "match": 1,
    "jump": 1,
    "goto": 1,
    "fragment": 0,
}
# `-p tcp --dport 80` finds its module without `-m tcp`; one protocol's module has a name of its own.
IMPLIED = {"ipv6-icmp": "icmp6"}


@dataclass(slots=True)
class _Line:
    """What the line has given: its own options, and those of each module and of the target, in order."""

    own: list[Given] = field(default_factory=list)
    modules: list[tuple[str, list[Given]]] = field(default_factory=list)
    target: str = ""
    goto: bool = False
    target_options: list[Given] = field(default_factory=list)

    def take_own(self, given: Given) -> None:
        """An option of the rule itself."""
        if given.name == "match":
            self.modules.append((given.value, []))
        elif given.name in {"jump", "goto"}:
            self.target, self.goto = given.value, given.name == "goto"
        elif any(given.name == each.name for each in self.own):
            raise ValueError(f"--{given.name} is given twice; a rule has one")
        else:
            self.own.append(given)

    def home(self, option: str) -> tuple[list[Given], int]:
        """Where an option belongs, and how many values it takes: the target, else the latest module."""
        name = option.lstrip("-")
        arity = EXTENSIONS[self.target].arity if self.target in EXTENSIONS else None
        if arity and name in arity:
            return self.target_options, arity[name]
        self._load_implied(name)
        for module, options in reversed(self.modules):
            if module not in MODULES:
                return options, -1
            if name in MODULES[module].arity:
                return options, MODULES[module].arity[name]
        if self.target and arity is None:
            return self.target_options, -1
        loaded = ", ".join(module for module, _ in self.modules) or "none"
        raise ValueError(f"unknown option {option}: no match loaded before it (-m: {loaded}) has it")

    def _load_implied(self, name: str) -> None:
        protocol = next((_protocol(given.value) for given in self.own if given.name == "protocol"), "")
        module = IMPLIED.get(protocol, protocol)
        loaded = {each for each, _ in self.modules}
        if module in MODULES and module not in loaded and name in MODULES[module].arity:
            self.modules.append((module, []))


def rules_of(text: str, chains: Collection[str], counters: tuple[int, int] | None = None) -> Iterator[Rule]:
    """The rules that a line after `-A CHAIN` makes: one, or more where it lists several addresses.

    `chains` tells jumps to the table's chains from iptables' own targets. Raises ValueError with the rule
    broken.
    """
    line = _sorted_out(text)
    comments = [given.value for name, options in line.modules if name == "comment" for given in options]
    rest = tuple(match for name, options in line.modules for match in _built(name, tuple(options)))
    packets, octets = counters or (None, None)
    target = _target(line, chains)
    for own in product(*map(_own_matches, line.own)):
        matches = tuple(match for match in own if match) + rest
        yield Rule(matches, target, " ".join(comments), text, packets, octets)


def _sorted_out(text: str) -> _Line:
    line = _Line()
    found = Words(words(text))
    for option, negated in found:
        name = SHORT.get(option) or option.removeprefix("--")
        if name in OWN:
            line.take_own(Given(name, found.values(option, OWN[name]), negated))
        else:
            options, count = line.home(option)
            options.append(Given(name, found.values(option, count), negated))
    return line


@lru_cache(maxsize=16384)
def _built(module: str, options: tuple[Given, ...]) -> tuple[Match, ...]:
    known = MODULES.get(module)
    return tuple(known.build(options)) if known else unknown(module, options)


def _target(line: _Line, chains: Collection[str]) -> Target | None:
    if not line.target:
        return None
    given = {each.name: each for each in line.target_options}
    if line.goto or line.target in chains:
        if given:
            raise ValueError(f"unknown option --{next(iter(given))}: a jump to a chain takes none")
        return Jump(line.target, line.goto)
    extension = EXTENSIONS.get(line.target)
    if extension:
        return extension.build(line.target, given)
    return unknown_target(line.target, given) if given else Jump(line.target)


def _protocol(text: str) -> str:
    name = text.lower()
    return PROTOCOLS.get(name, name)


@lru_cache(maxsize=16384)
def _own_matches(given: Given) -> tuple[Match | None, ...]:
    """What one option gives: several of listed addresses, None where it says nothing (`-p all`)."""
    if given.name in {"source", "destination"}:
        return tuple(_address_in(given, each) for each in given.value.split(","))
    return (_OTHER[given.name](given),)


def _address_in(given: Given, text: str) -> Match | None:
    where = prefix(text)
    side: Side = "source" if given.name == "source" else "destination"
    # `! -s 0.0.0.0/0` matches nothing; it must not vanish with the match that says nothing.
    return None if where.everything and not given.negated else AddressIn(side, where, negated=given.negated)


def _protocol_match(given: Given) -> Match | None:
    name = _protocol(given.value)
    return None if name in {"all", "0"} else Protocol(name, negated=given.negated)


def _interface(given: Given) -> Match | None:
    if given.value == "+" and not given.negated:
        return None
    return Interface("in" if given.name == "in-interface" else "out", given.value, negated=given.negated)


def _fragment(given: Given) -> Match:
    return Fragment(negated=given.negated)


_OTHER: Mapping[str, Callable[[Given], Match | None]] = {
    "protocol": _protocol_match,
    "in-interface": _interface,
    "out-interface": _interface,
    "fragment": _fragment,
}
