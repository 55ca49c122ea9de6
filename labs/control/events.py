"""Events: what the loops tell people (``kubectl describe``, ``kubectl get events``).

Telling must not slow down doing: notes are taken in memory and written one after another behind the work.
As in Kubernetes, the same note again raises a count instead of making a second Event, and more than ten notes
that differ only in their text become one: "(combined from similar events)".
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime

from labs.control.actions import Note
from labs.control.moments import now, stamp
from labs.kube.client import ApiError, Client, Object

log = logging.getLogger(__name__)

REMEMBERED = 4096  # notes whose Event is still known, as in client-go
SIMILAR = 10  # Events of one object, reason and source before their texts are combined
COMBINE_WITHIN = 600.0  # seconds
COMBINED = "(combined from similar events): "

Identity = tuple[str, ...]


@dataclass(slots=True)
class _Told:
    """An Event in the API, or on its way there."""

    note: Note
    component: str
    first: datetime
    last: datetime
    count: int = 1
    name: str = ""  # empty until the Event was made
    queued: bool = False


@dataclass(slots=True)
class _Group:
    """Notes that differ in their text only."""

    last: datetime
    messages: set[str]


class EventRecorder:
    """``record`` takes notes and returns at once; ``run`` writes them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._told: OrderedDict[Identity, _Told] = OrderedDict()
        self._groups: OrderedDict[Identity, _Group] = OrderedDict()
        self._queue: deque[_Told] = deque()
        self._wake = asyncio.Event()
        self._serial = time.time_ns()  # part of each Event's name, so it only ever grows

    def record(self, component: str, note: Note) -> None:
        """Take a note; ``component`` is who tells it, as in the column FROM of ``kubectl describe``."""
        moment = now()
        identity = _identity(component, note, note.message)
        if self._too_similar(component, note, moment):
            note = Note(note.about, note.reason, COMBINED + note.message, note.type)
            identity = _identity(component, note, COMBINED)
        told = self._told.get(identity)
        if told is None:
            told = self._told[identity] = _Told(note, component, moment, moment)
            _limit(self._told)
        else:
            told.note, told.count, told.last = note, told.count + 1, moment
            self._told.move_to_end(identity)
        if not told.queued:
            told.queued = True
            self._queue.append(told)
            self._wake.set()

    async def run(self) -> None:
        """Write notes until cancelled; an Event that the API refuses is dropped, it is only talk."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                told = self._queue.popleft()
                told.queued = False
                await self._write(told)

    def _too_similar(self, component: str, note: Note, moment: datetime) -> bool:
        identity = _identity(component, note, "")
        group = self._groups.get(identity)
        if group is None or (moment - group.last).total_seconds() > COMBINE_WITHIN:
            group = self._groups[identity] = _Group(moment, set())
            _limit(self._groups)
        group.last = moment
        if note.message in group.messages or len(group.messages) < SIMILAR:
            group.messages.add(note.message)
            return False
        return True

    async def _write(self, told: _Told) -> None:
        try:
            if told.name:
                await self._raise_count(told)
            else:
                await self._make(told)
        except ApiError as error:
            told.name = ""
            log.debug("event %s of %s: %s", told.note.reason, told.note.about["metadata"]["name"], error)

    async def _make(self, told: _Told) -> None:
        self._serial = max(self._serial + 1, time.time_ns())
        event = event_object(told.note, told.component, told.first)
        event["metadata"]["name"] = f"{told.note.about['metadata']['name'][:230]}.{self._serial:x}"
        event["count"], event["lastTimestamp"] = told.count, stamp(told.last)
        told.name = event["metadata"]["name"]
        await self._client.create(event)

    async def _raise_count(self, told: _Told) -> None:
        patch = {"count": told.count, "lastTimestamp": stamp(told.last), "message": told.note.message}
        namespace = told.note.about["metadata"].get("namespace") or "default"
        await self._client.patch("Event", told.name, namespace, patch)


def event_object(note: Note, component: str, moment: datetime) -> Object:
    """The Event as the API has it; Events about cluster-wide objects live in ``default``."""
    about = note.about
    metadata = about["metadata"]
    namespace = metadata.get("namespace") or "default"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": namespace},
        "involvedObject": {
            "kind": about["kind"],
            "apiVersion": about["apiVersion"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
            **({"namespace": metadata["namespace"]} if metadata.get("namespace") else {}),
        },
        "type": note.type,
        "reason": note.reason,
        "message": note.message,
        "source": {"component": component},
        "reportingComponent": component,
        "reportingInstance": "",
        "firstTimestamp": stamp(moment),
        "lastTimestamp": stamp(moment),
        "count": 1,
    }


def _identity(component: str, note: Note, message: str) -> Identity:
    about = note.about
    return (component, about["kind"], about["metadata"]["uid"], note.type, note.reason, message)


def _limit(remembered: OrderedDict[Identity, _Told] | OrderedDict[Identity, _Group]) -> None:
    if len(remembered) > REMEMBERED:
        remembered.popitem(last=False)
