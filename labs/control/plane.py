"""The control plane: every loop, on one world, kept running.

``run`` returns only by being cancelled. The loops start to decide when all caches are filled, and a loop that
ends is started again: its queue, and with it what it had still to do, outlives it.
"""

from __future__ import annotations

import asyncio
import logging

from labs.control.daemonsets import DaemonSets
from labs.control.deployments import Deployments
from labs.control.endpointslices import Endpoints, EndpointSlices
from labs.control.garbage import Garbage
from labs.control.ingress.loop import Ingresses
from labs.control.loadbalancers import LoadBalancers
from labs.control.loop import Loop, keep_running
from labs.control.mirroring import Mirroring
from labs.control.namespaces import Namespaces
from labs.control.nodes import Nodes
from labs.control.replicasets import ReplicaSets
from labs.control.scheduler import Scheduler
from labs.control.world import World
from labs.kube.client import Client

log = logging.getLogger(__name__)

LOOPS: tuple[type[Loop], ...] = (
    Deployments,
    ReplicaSets,
    DaemonSets,
    Scheduler,
    EndpointSlices,
    Endpoints,
    Mirroring,
    LoadBalancers,
    Ingresses,
    Nodes,
    Namespaces,
    Garbage,
)


async def run(client: Client) -> None:
    """Run all loops against the API until cancelled."""
    world = World(client)
    loops = [make(world) for make in LOOPS]
    async with asyncio.TaskGroup() as tasks:
        for kind, informer in world.informers.items():
            tasks.create_task(keep_running(f"informer of {kind}", informer.run))
        tasks.create_task(keep_running("events", world.events.run))
        tasks.create_task(keep_running("confirmations", world.confirm))
        await world.synced()
        log.info("all caches are filled; %d loops start", len(loops))
        for loop in loops:
            tasks.create_task(keep_running(loop.name, loop.queue.run))
