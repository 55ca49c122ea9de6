"""One container as the agent knows it: waiting, running or terminated, and how it was before.

This is the agent's own record; ``status`` turns it into the ``containerStatuses`` that the API shows, and
reads it back from there after the machine was gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
SCHEME = "lab://"  # containerIDs are lab://POD-UID/CONTAINER/ATTEMPT: the name of the zygote's child


def now() -> str:
    """The time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container's process ended; ``code`` is 128 + n after signal n, as the kubelet shows it."""

    code: int
    started_at: str
    finished_at: str
    container_id: str
    reason: str = ""
    message: str = ""

    @property
    def words(self) -> Object:
        """As ``state.terminated``."""
        found: Object = {
            "exitCode": self.code,
            "reason": self.reason or ("Error" if self.code else "Completed"),
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
            "containerID": self.container_id,
        }
        if self.code > 128 and self.code != 255:
            found["signal"] = self.code - 128
        if self.message:
            found["message"] = self.message
        return found

    @classmethod
    def of(cls, words: Object) -> Ended:
        """Back from ``state.terminated``."""
        return cls(
            words["exitCode"],
            words.get("startedAt", ""),
            words.get("finishedAt", ""),
            words.get("containerID", ""),
            words.get("reason", ""),
            words.get("message", ""),
        )


@dataclass(slots=True)
class ContainerState:
    """``waiting``, ``started_at`` and ``ended`` exclude each other; ``attempt`` is the restartCount."""

    name: str
    image: str
    image_id: str = ""
    attempt: int = 0
    waiting: tuple[str, str] = ("ContainerCreating", "")
    started_at: str = ""
    ended: Ended | None = None
    last: Ended | None = None
    container_id: str = ""
    pid: int = 0
    ready: bool = False
    started: bool = False

    @property
    def running(self) -> bool:
        """Whether its process runs, as far as the agent knows."""
        return bool(self.started_at) and self.ended is None

    def run(self, container_id: str, pid: int, started_at: str) -> None:
        """Its process runs."""
        self.container_id, self.pid, self.started_at = container_id, pid, started_at
        self.waiting, self.ended = ("", ""), None
        self.ready = self.started = False

    def end(self, ended: Ended) -> None:
        """Its process ended."""
        self.ended, self.pid = ended, 0
        self.ready = self.started = False

    def wait(self, reason: str, message: str = "") -> None:
        """It is to be started (again), but not yet."""
        if self.ended is not None:
            self.last, self.ended = self.ended, None
        self.waiting, self.started_at = (reason, message), ""
        self.ready = self.started = False
