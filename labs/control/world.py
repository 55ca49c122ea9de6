"""What all loops look at: one cache a kind, fed by one informer a kind, and the way to write and to tell.

Every loop gets the same ``World``; a second watch of the same kind would double the work of the API server.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from labs.control import ownership
from labs.control.actions import Action, Create
from labs.control.cache import Cache, Index, uid
from labs.control.events import EventRecorder
from labs.control.hints import is_auto
from labs.control.labels import selects, subset
from labs.control.services import balanced
from labs.control.writer import Writer
from labs.kube.client import ApiError, Client, Object
from labs.kube.informer import Informer, key
from labs.kube.kinds import KINDS

CONFIRM = 5.0  # seconds after which an object that we made must have come by the watch


def _namespace(obj: Object) -> Iterable[Hashable]:
    return (obj["metadata"].get("namespace", ""),)


def _labels(obj: Object) -> Iterable[Hashable]:
    namespace = obj["metadata"].get("namespace", "")
    return ((namespace, *item) for item in (obj["metadata"].get("labels") or {}).items())


def _node(pod: Object) -> Iterable[Hashable]:
    node = pod["spec"].get("nodeName")
    return (node,) if node else ()


def _selector(service: Object) -> Iterable[Hashable]:
    """A Service is filed under one word of its selector, so a pod finds its few among 10,000."""
    wanted = service["spec"].get("selector")
    return ((service["metadata"]["namespace"], *min(wanted.items())),) if wanted else ()


def _auto(service: Object) -> Iterable[Hashable]:
    return (True,) if is_auto(service) else ()


INDEXES: dict[str, dict[str, Index]] = {
    "Pod": {"node": _node, "label": _labels, "namespace": _namespace},
    "Service": {"selector": _selector, "balanced": balanced, "auto": _auto},
    "EndpointSlice": {"label": _labels},
    "ReplicaSet": {"label": _labels, "namespace": _namespace},
    "DaemonSet": {"namespace": _namespace},
    "ControllerRevision": {"label": _labels, "namespace": _namespace},
}
UNWATCHED = {"Event"}  # written by the loops, read by people; a namespace's end lists them itself


class World:
    """``world["Pod"]`` is the cache of pods; ``write`` performs actions; ``events`` records Events."""

    def __init__(self, client: Client) -> None:
        self.client = client
        kinds = KINDS.keys() - UNWATCHED
        self.caches = {kind: Cache(kind, _indexes(kind)) for kind in sorted(kinds)}
        self.informers = {
            kind: Informer(client, kind, on_change=cache.watched) for kind, cache in self.caches.items()
        }
        self.writer = Writer(client, self.caches)
        self.events = EventRecorder(client)
        self._made: deque[tuple[float, Object]] = deque()

    def __getitem__(self, kind: str) -> Cache:
        return self.caches[kind]

    async def synced(self) -> None:
        """Wait until every cache holds what the API holds: before that, nothing may be decided."""
        await asyncio.gather(*(informer.synced.wait() for informer in self.informers.values()))

    async def write(self, actions: Sequence[Action]) -> None:
        """Perform actions; raises ApiError."""
        if not actions:
            return
        await self.writer.perform(actions)
        due = asyncio.get_running_loop().time() + CONFIRM
        self._made.extend((due, action.obj) for action in actions if isinstance(action, Create))

    def matching(self, kind: str, namespace: str, wanted: Mapping[str, str]) -> list[Object]:
        """Objects of a namespace with these labels, found through the rarest of them."""
        cache = self[kind]
        if not wanted:
            return cache.by("namespace", namespace)
        places = [(namespace, *item) for item in wanted.items()]
        rarest = min(places, key=lambda place: cache.count("label", place))
        return [
            obj for obj in cache.by("label", rarest) if subset(wanted, obj["metadata"].get("labels") or {})
        ]

    def selected(self, kind: str, namespace: str, selector: Mapping[str, Any]) -> list[Object]:
        """Objects of a namespace that a LabelSelector selects."""
        found = self.matching(kind, namespace, selector.get("matchLabels") or {})
        return [obj for obj in found if selects(selector, obj["metadata"].get("labels") or {})]

    async def confirm(self) -> None:
        """Find objects that we made and that were deleted during a break of the watch: it never saw them."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CONFIRM)
            while self._made and self._made[0][0] <= loop.time():
                await self._confirm_one(self._made.popleft()[1])

    async def _confirm_one(self, made: Object) -> None:
        kind, at = made["kind"], key(made)
        known = self[kind].objects.get(at)
        if known is None or at in self.informers[kind].objects:
            return
        try:
            found = await self.client.get(kind, at[1], at[0])
        except ApiError as error:
            if error.reason == "NotFound":
                self[kind].remove(known)
            else:
                self._made.append((asyncio.get_running_loop().time() + CONFIRM, made))
            return
        if uid(found) != uid(known):
            self[kind].remove(known)


def _indexes(kind: str) -> dict[str, Index]:
    return {"owner": ownership.owner_uids, **INDEXES.get(kind, {})}
