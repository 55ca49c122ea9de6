"""The grader's command line: one table, for `python -m checker` and for pytest alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPTIONS: dict[str, dict[str, Any]] = {
    "--inventory": {"type": Path, "metavar": "FILE", "help": "the file by which the cluster is known"},
    "--lab": {"type": Path, "metavar": "DIR", "help": "the lab's folder: lab.yaml and checks.py"},
    "--answers": {"type": Path, "metavar": "FILE", "help": "the learner's answers.yaml"},
    "--variant": {"type": Path, "metavar": "FILE", "help": "the values of this learner's lab"},
    "--evidence": {"type": Path, "metavar": "DIR", "help": "evidence kept when answers were given"},
    "--json": {"metavar": "FILE", "help": "write the record as JSON; - is standard output, without the text"},
    "--junit": {"type": Path, "metavar": "FILE", "help": "write the record as JUnit XML"},
    "--deadline": {
        "type": float,
        "metavar": "S",
        "default": 5.0,
        "help": "wait so long for the cluster to settle",
    },
    "--task": {"metavar": "T", "help": "judge this task only, with what it needs"},
}
REQUIRED = ("--inventory", "--lab", "--answers", "--variant")


@dataclass(frozen=True)
class Options:
    """The options as they were given."""

    inventory: Path
    lab: Path
    answers: Path
    variant: Path
    evidence: Path | None = None
    json: str | None = None
    junit: Path | None = None
    deadline: float = 5.0
    task: str | None = None

    @classmethod
    def read(cls, option: Callable[[str], Any]) -> Options:
        """From wherever `option` finds a value by name."""
        return cls(**{name: option(name) for name in (each.removeprefix("--") for each in OPTIONS)})

    def argv(self) -> list[str]:
        """The options as words again."""
        given = ((each, getattr(self, each.removeprefix("--"))) for each in OPTIONS)
        return [f"{each}={value}" for each, value in given if value is not None]
