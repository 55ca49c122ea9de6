# ruff: noqa: T201
"""A proxy inside the test's network namespace, told by lines of JSON what to do; it answers a line each.

It runs in there as a process of its own because sysctls belong to the namespace of who writes them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

from labs.proxy.config import read
from labs.proxy.conntrack import Conntrack
from labs.proxy.health import ProxyHealth
from labs.proxy.metrics import Metrics
from labs.proxy.mode import Setup
from labs.proxy.modes import mode
from labs.proxy.runner import Bounds
from labs.proxy.state import Changed, Family, Node
from labs.proxy.sync import Parts, Proxier
from vm.command import run_async

SEEN_BY = {"Service": "service", "EndpointSlice": "endpoint_slice", "ServiceCIDR": "service_cidr"}
DELETED = "kubeproxy_conntrack_reconciler_deleted_entries_total"


class Driver:
    def __init__(self, told: dict[str, Any]) -> None:
        family = Family(told["family"])
        setup = Setup(family, read({**told["config"], "mode": told["mode"]}, "the test").config, run_async)
        self.mode = mode(told["mode"], setup)
        self.metrics = Metrics()
        parts = Parts(self.mode, Conntrack(family, run_async), ProxyHealth(30), self.metrics)
        self.proxier = Proxier(family, Node(**told["node"]), parts, Bounds())

    async def changes(self, pairs: list[list[Any]]) -> dict[str, Any]:
        for old, new in pairs:
            seen = getattr(self.proxier, SEEN_BY[(new or old)["kind"]], None)
            if seen:  # not every kube-proxy looks at every kind
                seen(old, new)
        synced = await self.proxier.sync()
        deleted = self.metrics.registry.get_sample_value(DELETED, {"ip_family": "IPv4"})
        return {"synced": synced, "deleted_flows": deleted}

    async def full(self, _: object) -> dict[str, Any]:
        result = await self.mode.sync(self.proxier.changes.state, Changed(everything=True))
        return {"full": result.full}

    async def cleanup(self, _: object) -> dict[str, Any]:
        await self.mode.cleanup()
        return {}

    async def intact(self, _: object) -> dict[str, Any]:
        return {"intact": await self.mode.intact()}

    async def relays(self, _: object) -> dict[str, Any]:
        """[protocol, port, backends] of each port that the proxy itself listens on for a Service."""
        return {"relays": getattr(self.mode, "relays", list)()}

    async def close(self) -> None:
        """What only lives as long as the proxy ends with it; its rules stay."""
        closing = getattr(self.mode, "close", None)  # modes that hold sockets have one
        if closing:
            await closing()


async def main() -> None:
    """The loop goes on between commands: a mode may serve packets in it."""
    loop = asyncio.get_running_loop()
    driver: Driver | None = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told, answer = json.loads(line), {}
        if told["do"] == "start":
            if driver:
                await driver.close()
            driver = Driver(told["with"])
        else:
            answer = await getattr(driver, told["do"])(told.get("with"))
        print("ANSWER", json.dumps(answer))


# Not to standard output: nobody reads it between commands, and a mode may log every packet's way.
logging.basicConfig(stream=sys.stderr, level=logging.INFO)
sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
asyncio.run(main())
