"""The flags of ``echo``: parsed by hand, because argparse costs every pod 1 MB of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

USAGE = (
    "usage: echo [--http PORT]… [--tcp PORT]… [--udp PORT]… [--linger SECONDS] [--not-ready]; "
    "without a port, HTTP on 8080"
)


class FlagInvalid(ValueError):
    """A flag that there is not, or with a value that it cannot have."""


@dataclass(slots=True)
class Flags:
    """What to serve; ``linger``: seconds to serve on after SIGTERM."""

    http: list[int] = field(default_factory=list)
    tcp: list[int] = field(default_factory=list)
    udp: list[int] = field(default_factory=list)
    linger: float = 0.0
    not_ready: bool = False

    @classmethod
    def parse(cls, argv: Sequence[str]) -> Flags:
        """From ``--flag value`` and ``--flag=value``; raises FlagInvalid."""
        found, words = cls(), list(argv)
        while words:
            name, _, value = words.pop(0).partition("=")
            if name == "--not-ready":
                found.not_ready = True
            elif name not in ("--http", "--tcp", "--udp", "--linger"):
                raise FlagInvalid(f"{name} is not a flag; {USAGE}")
            elif not value and not words:
                raise FlagInvalid(f"{name} needs a value; {USAGE}")
            else:
                found.take(name.removeprefix("--"), value or words.pop(0))
        if not (found.http or found.tcp or found.udp):
            found.http = [8080]
        return found

    def take(self, name: str, value: str) -> None:
        """One flag's value; raises FlagInvalid."""
        if name == "linger":
            if not value.isdecimal():
                raise FlagInvalid(f"--linger {value} is not a whole number of seconds")
            self.linger = float(value)
            return
        if not value.isdecimal() or not 0 < int(value) < 65536:
            raise FlagInvalid(f"--{name} {value} is not a port from 1 to 65535")
        getattr(self, name).append(int(value))
