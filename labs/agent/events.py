"""What ``kubectl describe`` and ``kubectl get events`` tell: the agent's Events.

Events are courtesy, pods are the work: they are written one after another, a moment later, and the same
event again only raises the count of the first one.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from typing import Any

from labs.agent.state import now
from labs.kube.client import ApiError, Client

log = logging.getLogger(__name__)

Object = dict[str, Any]
NORMAL, WARNING = "Normal", "Warning"
PATIENCE = 1.0  # seconds that an event waits for the pods of a burst to be started first
PAUSE = 0.02  # seconds between two events
MOST = 1000  # waiting events; more are dropped


@dataclass(frozen=True, slots=True)
class Event:
    """One happening; equal events are counted."""

    namespace: str
    kind: str
    name: str
    uid: str
    reason: str
    message: str
    type: str = NORMAL
    field: str = ""  # spec.containers{NAME}

    @property
    def words(self) -> Object:
        """The API's object."""
        version = "v1"
        namespace = self.namespace or "default"
        involved = {"kind": self.kind, "apiVersion": version, "name": self.name, "uid": self.uid}
        if self.namespace:
            involved["namespace"] = self.namespace
        if self.field:
            involved["fieldPath"] = self.field
        return {
            "apiVersion": version,
            "kind": "Event",
            "metadata": {"name": f"{self.name}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "involvedObject": involved,
            "reason": self.reason,
            "message": self.message,
            "type": self.type,
            "count": 1,
        }


class Events:
    """The recorder of one node."""

    def __init__(self, client: Client, node: str) -> None:
        self._client = client
        self._source = {"component": "kubelet", "host": node}
        self._queue: asyncio.Queue[tuple[Event, str]] = asyncio.Queue(MOST)
        self._known: dict[Event, Object] = {}

    def pod(self, pod: Object, reason: str, message: str, type: str = NORMAL, *, container: str = "") -> None:
        """Something happened to a pod, or to one of its containers."""
        metadata = pod["metadata"]
        field = f"spec.containers{{{container}}}" if container else ""
        names = (metadata["namespace"], "Pod", metadata["name"], metadata["uid"])
        self.record(Event(*names, reason, message, type, field))

    def record(self, event: Event) -> None:
        """Queue an event; when too many wait, it is dropped."""
        if not self._queue.full():
            self._queue.put_nowait((event, now()))

    async def run(self) -> None:
        """Write the queued events until cancelled."""
        while True:
            event, when = await self._queue.get()
            await asyncio.sleep(PATIENCE if self._queue.empty() else PAUSE)
            try:
                await self._write(event, when)
            except ApiError as error:  # its namespace is being deleted, or the API is away
                log.info("event %s for %s/%s: %s", event.reason, event.namespace, event.name, error)

    async def _write(self, event: Event, when: str) -> None:
        known = self._known.get(event)
        if known is not None:
            count = known["count"] = known["count"] + 1
            place = (known["metadata"]["name"], known["metadata"]["namespace"])
            await self._client.patch("Event", *place, {"count": count, "lastTimestamp": when})
            return
        stamps = {"firstTimestamp": when, "lastTimestamp": when}
        source = {
            "source": self._source,
            "reportingComponent": "kubelet",
            "reportingInstance": self._source["host"],
        }
        self._known[event] = await self._client.create({**event.words, **stamps, **source})
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]
