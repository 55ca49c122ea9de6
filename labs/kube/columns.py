"""The columns of each kind's table, as kubectl's users know them (pkg/printers/internalversion)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labs.kube.objects import Object, age


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``wide`` ones are shown by ``-o wide`` alone."""

    name: str
    cell: Callable[[Object], Any]
    type: str = "string"
    wide: bool = False

    @property
    def definition(self) -> dict[str, Any]:
        """The entry in ``columnDefinitions``."""
        is_name = self.name == "Name"
        return {
            "name": self.name,
            "type": self.type,
            "format": "name" if is_name else "",
            "description": self.name,
            "priority": int(self.wide),
        }


def elapsed(obj: Object) -> str:
    """The age as kubectl writes it."""
    return duration(age(obj["metadata"].get("creationTimestamp")))


def duration(seconds: float | None) -> str:
    """``5s``, ``3m20s``, ``2d3h``: apimachinery's HumanDuration."""
    return "<unknown>" if seconds is None else f"{int(seconds)}s"


NAME = Column("Name", lambda obj: obj["metadata"]["name"])
AGE = Column("Age", elapsed)
OTHERS = (NAME, AGE)
COLUMNS: dict[str, tuple[Column, ...]] = {}
