"""A node of text: ipset and ip beside the iptables of ``netfilter.fake``. Stands in for ``run``."""

from __future__ import annotations

from labs.proxy.ipvs.link import NAME
from labs.proxy.netfilter.fake import Iptables
from vm.command import Completed


class Commands(Iptables):
    """Keeps sets with their members, links with their addresses, and what was asked of it."""

    def __init__(self, *own: str) -> None:
        super().__init__()
        self.sets: dict[str, set[str]] = {}
        self.types: dict[str, str] = {}  # what follows a set's name where it is created
        self.lacks = ""  # a program for which this kernel has nothing
        self.links: dict[str, list[str]] = {"lo": ["127.0.0.1/8", "::1/128"], "eth0": list(own)}

    async def __call__(
        self, argv: tuple[str, ...], *, input: str | None = None, timeout: float = 30, check: bool = True
    ) -> Completed:
        """Answer a command as ipset, ip or iptables would."""
        answers = {"ipset": self._ipset, "ip": self._ip}
        if argv[0] not in answers:
            return await super().__call__(argv, input=input, timeout=timeout, check=check)
        self.commands.append(" ".join(argv))
        lacking = (1, "", f"{argv[0]}: Kernel error received: Invalid argument")
        code, stdout, stderr = lacking if argv[0] == self.lacks else answers[argv[0]](argv, input or "")
        done = Completed(tuple(argv), code, stdout, stderr)
        return done.checked() if check else done

    def _ipset(self, argv: tuple[str, ...], text: str) -> tuple[int, str, str]:
        if argv[-1] == "save":
            return 0, "".join(f"{line}\n" for line in self._saved()), ""
        if argv[-1] == "-name":
            return 0, "".join(f"{name}\n" for name in self.sets), ""
        for number, line in enumerate(text.splitlines(), 1):
            if self.refuse and self.refuse in line:
                return 1, "", f"ipset v7.17: Error in line {number}: The set does not exist"
            self._set(*line.split(" ", 2))
        return 0, "", ""

    def _saved(self) -> list[str]:
        made = [f"create {name} {self.types.get(name, '')}" for name in self.sets]
        return [*made, *(f"add {name} {member}" for name, found in self.sets.items() for member in found)]

    def _set(self, verb: str, name: str, member: str = "") -> None:
        if verb == "create":
            self.sets.setdefault(name, set())
            self.types[name] = member
        elif verb == "add":
            self.sets[name].add(member)
        elif verb == "del":
            self.sets[name].remove(member)
        else:
            del self.sets[name]

    def _ip(self, argv: tuple[str, ...], text: str) -> tuple[int, str, str]:
        if NAME not in self.links and ("del" in argv or argv[-1] == NAME):
            return 1, "", f'Device "{NAME}" does not exist.'
        if "-batch" in argv:
            for line in text.splitlines():
                self._address(line.split(" "))
        elif "add" in argv:
            self.links[NAME] = []
        elif "del" in argv:
            del self.links[NAME]
        elif "link" in argv:
            return 0, "".join(f"{at}: {name}: <UP>\n" for at, name in enumerate(self.links, 1)), ""
        else:
            return 0, self._addresses(argv), ""
        return 0, "", ""

    def _address(self, words: list[str]) -> None:
        _, verb, address, _, link = words
        if verb == "replace":
            self.links[link].append(address)
        else:
            self.links[link].remove(address)

    def _addresses(self, argv: tuple[str, ...]) -> str:
        """``ip -oneline addr show``: of one family, of one link, where asked for these."""
        family = {"-4": "inet", "-6": "inet6"}.get(argv[1], "")
        lines = []
        for at, (link, addresses) in enumerate(self.links.items(), 1):
            for address in addresses if link == argv[-1] or argv[-1] == "show" else ():
                kind = "inet6" if ":" in address else "inet"
                if family in ("", kind):
                    lines.append(f"{at}: {link}    {kind} {address} scope global {link}\n")
        return "".join(lines)
