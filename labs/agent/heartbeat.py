"""Registration and heartbeats: the Node object, and the Lease that says that this agent lives.

The Lease is renewed every 2.5 s; the Node's status is written when it says something else than we would, as
after the node controller has given us up: its view and ours are compared at every change of our Node
object.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from labs.agent.config import AgentConfig
from labs.agent.node import labels, node, ranges, status
from labs.kube.client import ApiError, Client

log = logging.getLogger(__name__)

Object = dict[str, Any]
PERIOD, DURATION = 2.5, 10  # seconds; the kubelet's are 10 and 40
RETRY = 1.0  # seconds, while the API is away
LEASES = "kube-node-lease"


class Heartbeat:
    """Tells the API that the node is there."""

    def __init__(self, client: Client, config: AgentConfig) -> None:
        self._client = client
        self._config = config
        self._seen: Object | None = None
        self._changed = asyncio.Event()

    def follow(self, own: Object | None) -> None:
        """Our Node object has changed, or gone."""
        self._seen = own
        self._changed.set()

    async def run(self) -> None:
        """Register, then beat, until cancelled; while the API is away, try again every period."""
        while True:
            self._changed.clear()
            try:
                await self._register()
                await self._renew()
            except ApiError as error:
                log.warning("heartbeat of %s: %s; trying again", self._config.node, error)
                await asyncio.sleep(RETRY)
                continue
            await self._pause()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), PERIOD)
        except TimeoutError:
            return

    async def _register(self) -> None:
        """Create the Node, or correct what it says about us."""
        config = self._config
        if self._seen is None:
            self._seen = await self._create()
        old = self._seen
        metadata, spec = old["metadata"], old.get("spec", {})
        wanted, own = labels(config), ranges(config)
        if wanted.items() - metadata.get("labels", {}).items() or spec.get("podCIDRs") != own["podCIDRs"]:
            patch = {"metadata": {"labels": wanted}, "spec": own}
            self._seen = await self._client.patch("Node", config.node, "", patch)
        if said(status(config, old.get("status", {}))) != said(old.get("status", {})):
            await self._post(old)

    async def _create(self) -> Object:
        try:
            return await self._client.create(node(self._config))
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return await self._client.get("Node", self._config.node)

    async def _post(self, old: Object) -> None:
        """Write the whole status; conditions of other types stay."""
        patch = whole(status(self._config, old.get("status", {})))
        self._seen = await self._client.patch(
            "Node", self._config.node, "", patch, subresource="status", type="strategic"
        )

    async def _renew(self) -> None:
        spec = {
            "holderIdentity": self._config.node,
            "leaseDurationSeconds": DURATION,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        try:
            await self._client.patch("Lease", self._config.node, LEASES, {"spec": spec})
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            metadata = {"name": self._config.node, "namespace": LEASES}
            version = "coordination.k8s.io/v1"
            await self._client.create(
                {"apiVersion": version, "kind": "Lease", "metadata": metadata, "spec": spec}
            )


def whole(status: Object) -> Object:
    """The strategic merge patch to this status.

    Addresses are replaced: merged they would be told apart by their type, and of two InternalIPs one would be
    left (https://github.com/kubernetes/kubernetes/pull/79391).
    """
    return {"status": {**status, "addresses": [*status["addresses"], {"$patch": "replace"}]}}


def said(status: Object) -> Object:
    """A NodeStatus without its times: what it says."""
    times = ("lastHeartbeatTime", "lastTransitionTime")
    conditions = {
        entry["type"]: {key: value for key, value in entry.items() if key not in times}
        for entry in status.get("conditions", ())
    }
    ours = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    kept = ("addresses", "capacity", "allocatable", "nodeInfo", "daemonEndpoints")
    facts = {key: status.get(key) for key in kept}
    return {**facts, "conditions": {kind: conditions.get(kind) for kind in ours}}
