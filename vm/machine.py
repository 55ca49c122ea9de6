"""What a machine is to everyone else: a name, and a way to run commands there.

Whoever needs a machine takes a ``Machine``; where it comes from is decided once, by the inventory. Every
kind we have is reached by putting some words before the command (`nsenter …`, `ssh worker-1`), so one class
does the work, and a kind says only which words.
"""

from __future__ import annotations

import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar, Protocol

from vm import command
from vm.command import Completed


class Machine(Protocol):
    """Where commands run: a node or helper made of namespaces, a virtual machine, or a real server."""

    @property
    def name(self) -> str:
        """The machine's name, as the plan and its own `hostname` say it."""

    def run(
        self, argv: Sequence[str], *, input: str | None = None, timeout: float = 30, check: bool = True
    ) -> Completed:
        """Run a command there; raises CommandFailed, CommandNotFound, CommandTimeout as ``command.run``."""

    async def run_async(self, argv: Sequence[str], *, timeout: float = 30) -> Completed:
        """``run`` beside others; one that is cancelled leaves no process on this side."""

    def shell(self, argv: Sequence[str] = ()) -> int:
        """Run a command on the caller's terminal, or a login shell without one; returns the exit code."""

    def stream(self, argv: Sequence[str], write: Callable[[str], object]) -> int:
        """Run a command there and hand on its merged output as it comes; returns the exit code."""

    def put(self, text: str, path: str) -> None:
        """Write a file there, with the folders above it."""

    def get(self, path: str) -> str:
        """Read a file there; raises CommandFailed if there is none."""


class Reached(ABC):
    """A machine that is reached by a command in front of the command."""

    login: ClassVar[tuple[str, ...]] = ("bash", "-l")
    forks: ClassVar[bool] = False  # the words in front start a process that the command is a child of
    patience: ClassVar[float] = 1.0  # a time-out is for this host; there it is so many times as long

    @abstractmethod
    def before(self, argv: Sequence[str], *, interactive: bool) -> list[str]:
        """The whole command line that runs ``argv`` there; ``interactive``: a person may interrupt it."""

    def environment(self) -> Mapping[str, str] | None:
        """The environment of commands there; None is the caller's own."""
        return None

    def run(
        self, argv: Sequence[str], *, input: str | None = None, timeout: float = 30, check: bool = True
    ) -> Completed:
        """See ``Machine.run``; ``Completed.argv`` is the command as it was given."""
        done = command.run(
            self.before(argv, interactive=False),
            input=input,
            timeout=timeout * self.patience,
            check=False,
            env=self.environment(),
        )
        completed = Completed(tuple(argv), done.returncode, done.stdout, done.stderr)
        return completed.checked() if check else completed

    async def run_async(self, argv: Sequence[str], *, timeout: float = 30) -> Completed:
        """See ``Machine.run_async``."""
        words = self.before(argv, interactive=False)
        patience = timeout * self.patience
        done = await command.run_async(words, timeout=patience, check=False, env=self.environment())
        return Completed(tuple(argv), done.returncode, done.stdout, done.stderr).checked()

    def shell(self, argv: Sequence[str] = ()) -> int:
        """See ``Machine.shell``."""
        words = self.before(argv or self.login, interactive=True)
        return command.passthrough(words, env=self.environment(), wrapped=self.forks)

    def stream(self, argv: Sequence[str], write: Callable[[str], object]) -> int:
        """See ``Machine.stream``."""
        words = self.before(argv, interactive=True)
        return command.stream(words, write, env=self.environment(), wrapped=self.forks)

    def put(self, text: str, path: str) -> None:
        """See ``Machine.put``."""
        self.run(["sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh", path], input=text)

    def get(self, path: str) -> str:
        """See ``Machine.get``."""
        return self.run(["cat", "--", path]).stdout


@dataclass(frozen=True)
class Via(Reached):
    """A machine of a hand-written inventory: behind `ssh root@n1`, `docker exec -i n1`, or nothing at all."""

    name: str
    via: tuple[str, ...] = ()

    def before(self, argv: Sequence[str], *, interactive: bool) -> list[str]:
        """The words of ``via``, then the command; `ssh` gets it quoted, for the shell on the other side."""
        if not self.via or PurePath(self.via[0]).name != "ssh":
            return [*self.via, *argv]
        with_terminal = interactive and os.isatty(0) and argv == self.login
        return [*self.via, *(["-t"] if with_terminal else []), "--", shlex.join(argv)]
