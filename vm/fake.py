"""A machine for tests: it answers commands from a script and remembers what it was asked.

    worker = FakeMachine("worker-1", {"hostname": "worker-1\\n", "iptables-save -t nat": RULES})

A script's keys are whole command lines; its values what the command prints, a ``Completed``, or an error to
raise. It is part of the product: the kernel's stand-in for anyone who tests against ``Machine``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vm.command import Completed
from vm.errors import MachineError

Answer = str | Completed | MachineError


@dataclass
class FakeMachine:
    """A scripted ``Machine``; a command that is not in the script ends with code 127, as in a shell."""

    name: str = "worker-1"
    script: Mapping[str, Answer] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(
        self, argv: Sequence[str], *, input: str | None = None, timeout: float = 30, check: bool = True
    ) -> Completed:
        """The scripted answer."""
        completed = self._answer(tuple(argv))
        return completed.checked() if check else completed

    async def run_async(self, argv: Sequence[str], *, timeout: float = 30) -> Completed:
        """The scripted answer."""
        return self.run(argv)

    def shell(self, argv: Sequence[str] = ()) -> int:
        """The exit code of the scripted answer."""
        return self._answer(tuple(argv)).returncode

    def stream(self, argv: Sequence[str], write: Callable[[str], object]) -> int:
        """Write the scripted answer; its exit code."""
        completed = self._answer(tuple(argv))
        write(completed.stdout + completed.stderr)
        return completed.returncode

    def put(self, text: str, path: str) -> None:
        """Keep the file in ``files``."""
        self.files[path] = text

    def get(self, path: str) -> str:
        """A file of ``files``; raises CommandFailed as `cat` would."""
        missing = Completed(("cat", path), 1, "", f"cat: {path}: No such file or directory")
        return self.files[path] if path in self.files else missing.checked().stdout

    def _answer(self, argv: tuple[str, ...]) -> Completed:
        self.asked.append(argv)
        line = shlex.join(argv)
        answer = self.script.get(line)
        if isinstance(answer, MachineError):
            raise answer
        if isinstance(answer, Completed):
            return answer
        if answer is None:
            return Completed(argv, 127, "", f"{line}: not in the script of the fake machine {self.name}")
        return Completed(argv, 0, answer, "")
