"""A local copy of all objects of one kind, kept right by list and watch.

``list`` gives the objects and a resourceVersion; ``watch`` from there gives every change in order. When the
connection breaks the watch goes on from the last version seen; when the server no longer has that version
(410) the list is read again and the differences are reported as if they had been watched. Whoever follows
``on_change`` therefore never needs to know that there was a break.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import aclosing

from labs.kube.client import ApiError, Client, Object, selectors
from labs.kube.kinds import KINDS

log = logging.getLogger(__name__)

Change = Callable[[Object | None, Object | None], None]
Key = tuple[str, str]
Keep = Callable[[Object], Object]
FIRST_DELAY, LAST_DELAY = 0.1, 2.0  # seconds between tries while the server cannot be reached


def whole(obj: Object) -> Object:
    """Keep all of it."""
    return obj


class Informer:
    """``objects`` by (namespace, name); ``on_change(old, new)`` for each addition, update and deletion.

    ``new`` is always the whole object; ``keep`` says what stays of it and comes as ``old`` the next time. Its
    metadata must be there with namespace, name and resourceVersion.
    """

    def __init__(
        self,
        client: Client,
        kind: str,
        *,
        labels: str = "",
        fields: str = "",
        on_change: Change | None = None,
        keep: Keep = whole,
    ) -> None:
        self.kind = kind
        self.objects: dict[Key, Object] = {}
        self.synced = asyncio.Event()
        self._client = client
        self._labels, self._fields = labels, fields
        self._on_change = on_change
        self._keep = keep
        self._version = ""  # where the next watch starts; empty: list first

    async def run(self) -> None:
        """Follow the server until cancelled; while it cannot be reached, try again with a growing delay."""
        delay = FIRST_DELAY
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                delay = FIRST_DELAY
            except ApiError as error:
                delay = await self._pause(error, delay)

    async def _pause(self, error: ApiError, delay: float) -> float:
        if error.status == 410:  # the history since our version is gone: list at once
            self._version = ""
            return FIRST_DELAY
        if error.status:  # an answer, but a refusal: the copy may be wrong, so start anew
            self._version = ""
        log.warning("%s: %s; trying again", self.kind, error)
        await asyncio.sleep(delay * random.uniform(0.7, 1.3))
        return min(delay * 2, LAST_DELAY)

    async def _list(self) -> None:
        answer = await self._client.list(self.kind, labels=self._labels, fields=self._fields)
        items = answer["items"]
        for gone in self.objects.keys() - {key(item) for item in items}:
            self._set(gone, None)
        for item in taken_from(items):
            at = key(item)
            if version(self.objects.get(at)) != version(item):
                self._set(at, item)
        self._version = answer["metadata"]["resourceVersion"]
        self.synced.set()

    async def _watch(self) -> None:
        query = selectors(self._labels, self._fields)
        async with aclosing(self._client.watch(self.kind, self._version, query)) as events:
            async for event in events:
                self._take(event["type"], event["object"])

    def _take(self, happened: str, item: Object) -> None:
        if happened == "ERROR":
            raise ApiError(item.get("code", 500), item.get("reason", ""), item.get("message", ""))
        if happened != "BOOKMARK":
            self._set(key(item), None if happened == "DELETED" else item)
        self._version = item["metadata"]["resourceVersion"]

    def _set(self, at: Key, new: Object | None) -> None:
        old = self.objects.get(at)
        if new is None:
            self.objects.pop(at, None)
        else:
            # Items of a list lack these two, as with the real server; whoever passes objects on needs them.
            new.setdefault("kind", self.kind)
            new.setdefault("apiVersion", KINDS[self.kind].api_version)
            self.objects[at] = self._keep(new)
        if self._on_change is not None and not (old is None and new is None):
            self._on_change(old, new)


def taken_from(items: list[Object]) -> Iterator[Object]:
    """Each of them, and the list lets go of it: 10,000 EndpointSlices are 50 MB that nobody needs twice."""
    items.reverse()
    while items:
        yield items.pop()


def key(obj: Object) -> Key:
    """(namespace, name); the namespace is empty for cluster-wide kinds."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def version(obj: Object | None) -> str | None:
    """The resourceVersion, by which two states of an object are told apart."""
    return obj["metadata"]["resourceVersion"] if obj is not None else None
