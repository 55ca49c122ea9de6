"""The values of one learner's lab: names, ports, replica counts, drawn from a seed by `labs.course`.

They are what the learner reads in the lesson anyway. No expected answer is among them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from checker.errors import LabInvalid, WrongUsage


@dataclass(frozen=True)
class Variant:
    """The drawn values by name."""

    seed: int = 0
    values: Mapping[str, str | int] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A value as text."""
        if name not in self.values:
            raise LabInvalid(f"the variant has no value `{name}`; it has: {', '.join(sorted(self.values))}")
        return str(self.values[name])

    def number(self, name: str) -> int:
        """A value that is a whole number."""
        try:
            return int(self.text(name))
        except ValueError as error:
            raise LabInvalid(
                f"the variant's `{name}` is `{self.values[name]}`, not a whole number"
            ) from error

    def __contains__(self, value: object) -> bool:
        """Is this one of the drawn values? So a namespace can be told to be the lab's."""
        return value in self.values.values()


def load(path: Path) -> Variant:
    """Read a variant's file; WrongUsage if there is none."""
    try:
        found = json.loads(path.read_text())
        return Variant(int(found["seed"]), dict(found["values"]))
    except FileNotFoundError as error:
        raise WrongUsage(f"there is no variant file {path}", "begin the lab first: `lab start N`") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WrongUsage(
            f"{path} is no variant file: {error}", "begin the lab again: `lab start N`"
        ) from error
