"""The one door from plans to the API: performs actions side by side and puts each answer into the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import assert_never

from labs.control.actions import Action, Bind, Create, Delete, Patch, Update
from labs.control.cache import Cache
from labs.control.moments import now, stamp
from labs.kube.client import ApiError, Client, Object
from labs.kube.informer import key
from labs.kube.kinds import KINDS

# Requests of one plan in flight. Measured with 2 → 50 pods: 4 is slower; with 32 the handshakes of new
# connections cost more than is won, as the API server has one processor.
SIDE_BY_SIDE = 8


class Writer:
    """Performs actions; what the API answers is in the caches before ``perform`` returns."""

    def __init__(self, client: Client, caches: Mapping[str, Cache]) -> None:
        self._client, self._caches = client, caches

    async def perform(self, actions: Sequence[Action]) -> None:
        """All actions, in no order; raises the first ApiError after all have ended."""
        if len(actions) == 1:  # the common case needs no task
            await self._one(actions[0])
            return
        slots = asyncio.Semaphore(SIDE_BY_SIDE)
        outcomes = await asyncio.gather(
            *(self._in_turn(slots, action) for action in actions), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _in_turn(self, slots: asyncio.Semaphore, action: Action) -> None:
        async with slots:
            await self._one(action)

    async def _bind(self, pod: Object, node: str) -> None:
        namespace, name = key(pod)
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": pod["metadata"]["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._client.request("POST", KINDS["Pod"].path(namespace, name, "binding"), binding)

    async def _one(self, action: Action) -> None:
        match action:
            case Create(obj):
                self._caches[obj["kind"]].store(await self._client.create(obj))
            case Update(obj):
                self._caches[obj["kind"]].store(await self._client.update(obj))
            case Patch(obj, patch, subresource):
                await self._patch(obj, patch, subresource)
            case Bind(pod, node):
                await self._bind(pod, node)
            case Delete():
                await self._delete(action)
            case _:
                assert_never(action)

    async def _patch(self, obj: Object, patch: Object, subresource: str) -> None:
        namespace, name = key(obj)
        cache = self._caches[obj["kind"]]
        try:
            cache.store(
                await self._client.patch(obj["kind"], name, namespace, patch, subresource=subresource)
            )
        except ApiError as error:
            if error.reason == "NotFound":
                cache.remove(obj)
            raise

    async def _delete(self, action: Delete) -> None:
        namespace, name = key(action.obj)
        options: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": action.obj["metadata"]["uid"]},
        }
        if action.grace is not None:
            options["gracePeriodSeconds"] = action.grace
        if action.policy:
            options["propagationPolicy"] = action.policy
        kind = action.obj["kind"]
        try:
            await self._client.request("DELETE", KINDS[kind].path(namespace, name), options)
        except ApiError as error:
            # Gone already, or another object has the name now: what was asked for is so.
            if error.reason not in {"NotFound", "Conflict"}:
                raise
            self._caches[kind].remove(action.obj)
        else:
            self._caches[kind].mark_deleted(action.obj, stamp(now()))
