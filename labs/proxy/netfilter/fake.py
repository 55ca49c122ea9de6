"""A kernel of text: takes restores, prints saves, keeps what was asked of it. Stands in for ``run``."""

from __future__ import annotations

from vm.command import Completed
from vm.errors import CommandFailed

BUILT_IN = {
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
}


class Iptables:
    """A kernel of text: rules are kept as they were written."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, list[str]]] = {
            table: {chain: [] for chain in chains} for table, chains in BUILT_IN.items()
        }
        self.commands: list[str] = []
        self.payloads: list[str] = []
        self.refuse = ""  # a restore with this text in it is refused

    async def __call__(
        self, argv: tuple[str, ...], *, input: str | None = None, timeout: float = 30, check: bool = True
    ) -> Completed:
        """Answer a command as iptables would."""
        self.commands.append(" ".join(argv))
        done = Completed(tuple(argv), *self._answer(argv, input or ""))
        if check and done.returncode:
            raise CommandFailed(done.argv, done.returncode, done.stderr)
        return done

    def _answer(self, argv: tuple[str, ...], text: str) -> tuple[int, str, str]:
        if "--version" in argv:
            return 0, "iptables v1.8.9 (nf_tables)\n", ""
        if argv[0].endswith("-save"):
            return 0, self.save(), ""
        if "-S" in argv:
            return (0 if argv[-1] in self.tables[argv[argv.index("-t") + 1]] else 1), "", ""
        return self._restore(text)

    def _restore(self, text: str) -> tuple[int, str, str]:
        self.payloads.append(text)
        for number, line in enumerate(text.splitlines(), 1):
            if self.refuse and self.refuse in line:
                return 4, "", f"iptables-restore v1.8.9 (nf_tables): \nline {number}: RULE_APPEND failed"
        chains: dict[str, list[str]] = {}
        for line in text.splitlines():
            what, _, rest = line.partition(" ")
            chain, _, rule = rest.partition(" ")
            if line.startswith("*"):
                chains = self.tables[line[1:]]
            elif line.startswith(":"):
                chains[what[1:]] = []
            elif what == "-A":
                chains[chain].append(rule)
            elif what == "-I":
                chains[chain].insert(0, rule)
            elif what == "-D":
                chains[chain].remove(rule)
            elif what == "-X":
                del chains[rest]
        return 0, "", ""

    def save(self) -> str:
        """What iptables-save prints."""
        lines = []
        for table, chains in self.tables.items():
            lines += [f"*{table}", *(f":{chain} - [0:0]" for chain in chains)]
            lines += [f"-A {chain} {rule}" for chain, rules in chains.items() for rule in rules]
            lines.append("COMMIT")
        return "\n".join(lines) + "\n"
