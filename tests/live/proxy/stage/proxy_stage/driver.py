# ruff: noqa: T201
"""A proxy inside the test's network namespace, told by lines of JSON what to do; it answers a line each.

It runs in there as a process of its own because sysctls belong to the namespace of who writes them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from labs.proxy.config import read
from labs.proxy.conntrack import Conntrack
from labs.proxy.health import ProxyHealth
from labs.proxy.log import set_up
from labs.proxy.metrics import Metrics
from labs.proxy.mode import Setup
from labs.proxy.modes import mode
from labs.proxy.runner import Bounds
from labs.proxy.state import Changed, Family, Node
from labs.proxy.sync import Parts, Proxier
from vm.command import run_async

DELETED = "kubeproxy_conntrack_reconciler_deleted_entries_total"


class Driver:
    def __init__(self, told: dict[str, Any]) -> None:
        family = Family(told["family"])
        setup = Setup(family, read(told["config"], "the test").config, run_async)
        self.mode = mode(told["mode"], setup)
        self.metrics = Metrics()
        parts = Parts(self.mode, Conntrack(family, run_async), ProxyHealth(30), self.metrics)
        self.proxier = Proxier(family, Node(**told["node"]), parts, Bounds())

    async def changes(self, pairs: list[list[Any]]) -> dict[str, Any]:
        for old, new in pairs:
            kind = (new or old)["kind"]
            (self.proxier.service if kind == "Service" else self.proxier.endpoint_slice)(old, new)
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

    async def close(self) -> None:
        """What only lives as long as the proxy ends with it; its rules stay."""
        closing = getattr(self.mode, "close", None)  # modes that hold sockets have one
        if closing:
            await closing()


def main() -> None:
    set_up("/dev/stderr", 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    driver: Driver | None = None
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            told = json.loads(line)
            if told["do"] == "start":
                if driver:
                    runner.run(driver.close())
                driver, answer = Driver(told["with"]), {}
            else:
                answer = runner.run(getattr(driver, told["do"])(told.get("with")))
            print("ANSWER", json.dumps(answer))


main()
