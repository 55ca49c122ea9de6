"""What the checker read from the machines and the API at one moment: plain data, live or recorded.

Evidence is gathered whole (`checker.gather`), before anything is judged, so that all checks of a round see
one moment. It is JSON through and through: the evidence kept when an answer was given, the evidence a test
recorded on the real lab, and the evidence read a millisecond ago are the same type and are judged alike.
The fixtures of a check (`Cluster`, `Nodes`, `Rules`, `Traffic`) are views of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from checker.errors import LabInvalid

SCHEMA = 1
Object = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What one machine said: `texts` by the names in `checker.gather`, or why it could not be read."""

    name: str
    role: str = "worker"
    address: str = ""
    pod_cidr: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Evidence:
    """The API's objects by their plural name, each node's reading, and the balancer's while it is needed."""

    taken: str
    objects: Mapping[str, list[Object]] = field(default_factory=dict)
    nodes: tuple[Reading, ...] = ()
    client: str = "192.168.56.200"
    balancer: Reading | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values, with the schema's number."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Evidence:
        """The inverse of `to_json`; LabInvalid for anything else."""
        if value.get("schema") != SCHEMA:
            raise LabInvalid(
                f"evidence of schema {value.get('schema')!r}; this checker reads schema {SCHEMA}"
            )
        try:
            nodes = tuple(Reading(**node) for node in value["nodes"])
            balancer = Reading(**value["balancer"]) if value.get("balancer") else None
            return cls(value["taken"], dict(value["objects"]), nodes, value["client"], balancer)
        except (KeyError, TypeError) as error:
            raise LabInvalid(f"this is no evidence: {error}") from error


def now() -> str:
    """This moment, as evidence and records write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(taken: str) -> str:
    """A moment as a learner's wall clock showed it, HH:MM."""
    return datetime.fromisoformat(taken).astimezone().strftime("%H:%M")
