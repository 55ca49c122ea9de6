"""Read what iptables-save prints and what iptables-restore takes, of either variant and family.

Lines are commands: `*table`, `:CHAIN POLICY [counters]`, `-A CHAIN …`, `COMMIT`. A payload may also
insert, delete and remove chains; `parse(payload, onto=ruleset)` is then what `iptables-restore --noflush`
would leave: a chain with a `:` line is emptied, all others stay, which is what kube-proxy's partial syncs
rest on.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from checker.rulesets.model import Chain, Rule, Ruleset, RulesetError, Table
from checker.rulesets.rule_line import rules_of

BASE_CHAINS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}

_COUNTERS = re.compile(r"^\[(\d+):(\d+)\]\s+")


class SaveError(RulesetError):
    """A line of an iptables-save text or a restore payload is wrong."""

    def __init__(self, number: int, line: str, rule: str) -> None:
        super().__init__(f"line {number}: {rule}; the line is: {line}")
        self.number = number
        self.line = line
        self.rule = rule


@dataclass
class _Tables:
    """The rules as they grow, line by line."""

    tables: dict[str, dict[str, Chain]] = field(default_factory=dict)
    rules: dict[tuple[str, str], list[Rule]] = field(default_factory=dict)
    current: str = ""

    def chain_line(self, line: str) -> None:
        """`:INPUT ACCEPT [0:0]`: the chain is there, and empty."""
        name, policy = [*line[1:].split(), "", ""][:2]
        if not policy:
            raise ValueError("a chain line is “:CHAIN POLICY [packets:octets]”, with - for no policy")
        self.declare(name, "" if policy == "-" else policy)

    def declare(self, name: str, policy: str) -> None:
        """Make a chain, or empty the one there is."""
        self.tables[self.current][name] = Chain(name, policy)
        self.rules[self.current, name] = []

    def of(self, name: str) -> list[Rule]:
        """The rules of a chain, to be changed in place; base chains are there without being declared."""
        if (self.current, name) not in self.rules:
            if name not in BASE_CHAINS[self.current]:
                raise ValueError(
                    f"table {self.current} has no chain {name}; a line “:{name} - [0:0]” makes it"
                )
            self.declare(name, "ACCEPT")
        return self.rules[self.current, name]

    def remove(self, name: str) -> None:
        """`-X`: a chain must be empty, as the kernel wants it."""
        if self.of(name):
            raise ValueError(f"chain {name} still has rules, so -X cannot remove it")
        del self.tables[self.current][name], self.rules[self.current, name]

    def ruleset(self) -> Ruleset:
        """Everything read so far."""
        return Ruleset(
            {
                table: Table(
                    table,
                    {
                        name: Chain(name, chain.policy, tuple(self.rules[table, name]))
                        for name, chain in chains.items()
                    },
                )
                for table, chains in self.tables.items()
            }
        )


@dataclass(frozen=True, slots=True)
class _Command:
    """One command line: the chain, what follows it, the rule's counters where they are printed."""

    chain: str
    rest: str
    counters: tuple[int, int] | None = None

    def numbered(self) -> tuple[int | None, "_Command"]:
        """The rule number that may stand first, and the command without it."""
        first, _, after = self.rest.partition(" ")
        if not first.isdigit():
            return None, self
        return int(first), _Command(self.chain, after, self.counters)


def _rules(tables: _Tables, command: _Command) -> list[Rule]:
    return list(rules_of(command.rest, tables.tables[tables.current], command.counters))


def _append(tables: _Tables, command: _Command) -> None:
    tables.of(command.chain).extend(_rules(tables, command))


def _insert(tables: _Tables, command: _Command) -> None:
    number, command = command.numbered()
    at = (number or 1) - 1
    tables.of(command.chain)[at:at] = _rules(tables, command)


def _delete(tables: _Tables, command: _Command) -> None:
    rules = tables.of(command.chain)
    number, command = command.numbered()
    if number is None:
        for rule in _rules(tables, command):
            if rule not in rules:
                raise ValueError(f"chain {command.chain} has no such rule to delete")
            rules.remove(rule)
    elif not 0 < number <= len(rules):
        raise ValueError(f"chain {command.chain} has {len(rules)} rules, so no rule {number} to delete")
    else:
        del rules[number - 1]


def _policy(tables: _Tables, command: _Command) -> None:
    if not command.rest:
        raise ValueError(f"-P {command.chain} needs a policy: ACCEPT or DROP")
    tables.of(command.chain)
    tables.tables[tables.current][command.chain] = Chain(command.chain, command.rest.split()[0])


COMMANDS: dict[str, Callable[[_Tables, _Command], None]] = {
    "-A": _append,
    "--append": _append,
    "-I": _insert,
    "--insert": _insert,
    "-D": _delete,
    "--delete": _delete,
    "-N": lambda tables, command: tables.declare(command.chain, ""),
    "-F": lambda tables, command: tables.of(command.chain).clear(),
    "-X": lambda tables, command: tables.remove(command.chain),
    "-P": _policy,
}


def parse(text: str, onto: Ruleset | None = None) -> Ruleset:
    """Read a save or a payload; with `onto`, a payload applied to rules that are there already.

    Raises SaveError, which has the line's number and text, for what iptables-restore would refuse.
    """
    tables = _Tables()
    for table in (onto or Ruleset()).tables.values():
        tables.tables[table.name] = dict(table.chains)
        tables.rules.update({(table.name, chain.name): list(chain.rules) for chain in table.chains.values()})
    for number, line in enumerate(text.splitlines(), 1):
        try:
            _read(tables, line.strip())
        except ValueError as error:
            raise SaveError(number, line.strip(), str(error)) from error
    return tables.ruleset()


def _read(tables: _Tables, line: str) -> None:
    if not line or line.startswith("#"):
        return
    if line.startswith("*"):
        tables.current = line[1:].strip()
        if tables.current not in BASE_CHAINS:
            raise ValueError(f"{line} is no table of iptables; there are {', '.join(BASE_CHAINS)}")
        tables.tables.setdefault(tables.current, {})
    elif not tables.current:
        raise ValueError("this stands before the first table; a line like “*nat” must come before it")
    elif line.startswith(":"):
        tables.chain_line(line)
    elif line == "COMMIT":
        tables.current = ""
    else:
        _command(tables, line)


def _command(tables: _Tables, line: str) -> None:
    counters = _COUNTERS.match(line)
    command, _, rest = line[counters.end() if counters else 0 :].partition(" ")
    if command not in COMMANDS:
        raise ValueError(f"{command} is no command of iptables-restore; known are {' '.join(COMMANDS)}")
    name, _, rest = rest.strip().partition(" ")
    if not name:
        raise ValueError(f"{command} needs the name of a chain")
    count = (int(counters[1]), int(counters[2])) if counters else None
    COMMANDS[command](tables, _Command(name, rest.strip(), count))
