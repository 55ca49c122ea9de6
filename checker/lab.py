"""What the grader takes from a lab's ``lab.yaml``: its number, its title, and its tasks in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from checker import copies
from checker.errors import LabInvalid, WrongUsage


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab: `tasks` maps a task's name to its title, `names` a value to all that it may be."""

    number: int
    slug: str
    title: str
    tasks: Mapping[str, str]
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)


def load(folder: Path) -> Lab:
    """Read a lab's folder; WrongUsage if it is none, LabInvalid if its lab.yaml is not as it must be."""
    file = folder / "lab.yaml"
    if not file.is_file():
        raise WrongUsage(
            f"{folder} is no lab: it has no lab.yaml", "name a folder such as content/03-iptables-chains"
        )
    try:
        found = yaml.safe_load(file.read_text())
        tasks = {str(task["name"]): str(task["title"]) for task in found["tasks"]}
        names = copies.others(found.get("variants") or {})
        return Lab(int(folder.name.partition("-")[0]), folder.name, str(found["title"]), tasks, names)
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise LabInvalid(f"{file}: {error!r}") from error
