"""Writes one pod's status to the API: only what differs, and as seldom as it can.

A pod that starts goes through four states in a tenth of a second; who watches wants the last one. So a
change waits a moment for the next, unless the pod is settled (everything runs and is ready, or something is
wrong that a user should see).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from labs.agent.status import difference
from labs.kube.client import ApiError, Client

log = logging.getLogger(__name__)

Object = dict[str, Any]
FIRST, LATER = 1.0, 0.1  # seconds a change waits: while the pod has no process yet, and after that
RETRY = 0.5  # seconds


class Reporter:
    """The status of one pod; ``compute(pod)`` gives the status as it should be."""

    def __init__(self, client: Client, pod: Object, compute: Callable[[Object], Object]) -> None:
        self._client = client
        self._shown = pod  # the newest state that the API has told us
        self._compute = compute
        self._dirty = asyncio.Event()
        self._settled = asyncio.Event()
        self.patience = FIRST

    def seen(self, pod: Object) -> None:
        """The API shows this; older news than our own last patch are ignored."""
        if version(pod) > version(self._shown):
            self._shown = pod
            self._dirty.set()

    def changed(self, settled: bool) -> None:
        """The pod's status may be another now."""
        self._dirty.set()
        if settled:
            self._settled.set()

    async def run(self) -> None:
        """Write until cancelled, or until the pod is gone from the API."""
        while True:
            await self._dirty.wait()
            await self._moment()
            self._dirty.clear()
            self._settled.clear()
            try:
                await self.write()
            except ApiError as error:
                if error.reason in ("NotFound", "Conflict"):  # the pod, or this pod of that name, is gone
                    return
                log.warning("status of pod %s: %s; trying again", self._shown["metadata"]["name"], error)
                await asyncio.sleep(RETRY)
                self._dirty.set()

    async def write(self) -> None:
        """Write the difference, if there is one; raises ApiError."""
        metadata = self._shown["metadata"]
        patch = difference(self._shown.get("status", {}), self._compute(self._shown))
        if patch:
            body = {"metadata": {"uid": metadata["uid"]}, "status": patch}
            self._shown = await self._client.patch(
                "Pod", metadata["name"], metadata["namespace"], body, subresource="status", type="strategic"
            )

    async def _moment(self) -> None:
        try:
            await asyncio.wait_for(self._settled.wait(), self.patience)
        except TimeoutError:
            return


def version(pod: Object) -> int:
    """The resourceVersion as a number; here it grows over the whole store."""
    return int(pod["metadata"].get("resourceVersion") or 0)
