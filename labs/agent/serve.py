"""The agent as a program: everything it does, started and held together.

Its parts know nothing of each other: the informers feed pods, routes, volumes and the heartbeat; each pod
looks after itself. ``kill -9`` of the agent ends none of the pods: the zygote holds them, and the next
agent asks it what is running.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp import web

from labs.agent.addresses import Addresses
from labs.agent.callers import Callers
from labs.agent.config import AgentConfig
from labs.agent.environment import Lookups
from labs.agent.events import Events
from labs.agent.heartbeat import Heartbeat
from labs.agent.network import Network
from labs.agent.payload import Sources
from labs.agent.pods import Pods
from labs.agent.routes import Routes
from labs.agent.server import KubeletServer
from labs.agent.tokens import Tokens
from labs.agent.tools import Tools
from labs.agent.volumes import Volumes
from labs.kube.client import Client
from labs.kube.informer import Informer
from vm.zygote_client import ZygoteClient

log = logging.getLogger(__name__)

Object = dict[str, Any]
AT_ONCE = 4  # pods in the middle of being started
ADDRESSES = "cni/networks/lab"  # beside the state folder: where host-local keeps its files


class Agent:
    """One node's agent and its informers."""

    def __init__(self, config: AgentConfig, client: Client) -> None:
        self.config, self.client = config, client
        self.heartbeat = Heartbeat(client, config)
        self.routes = Routes(config.node, [ip_address(address).version for address in config.addresses])
        self.events = Events(client, config.node)
        self.nodes = Informer(client, "Node", on_change=self._node)
        self.config_maps = Informer(client, "ConfigMap", on_change=self._source)
        self.secrets = Informer(client, "Secret", on_change=self._source)
        self.pods: Pods | None = None

    def tools(self, zygote: ZygoteClient, session: aiohttp.ClientSession) -> Tools:
        """What the pods work with."""
        config = self.config
        lookups = Lookups(
            lambda namespace, name: self.config_maps.objects.get((namespace, name)),
            lambda namespace, name: self.secrets.objects.get((namespace, name)),
        )
        folder = config.state.parent / ADDRESSES
        ranges = [Addresses(folder, cidr, number) for number, cidr in enumerate(config.pod_cidrs)]
        return Tools(
            config,
            self.client,
            zygote,
            self.events,
            Network(ranges, config.addresses, config.state),
            Volumes(config.state, Sources(lookups, Tokens(self.client).get)),
            lookups,
            session,
            asyncio.Semaphore(AT_ONCE),
        )

    def _node(self, old: Object | None, new: Object | None) -> None:
        name = (new or old or {})["metadata"]["name"]
        if name == self.config.node:
            self.heartbeat.follow(new)
        self.routes.follow(self.nodes.objects.values())

    def _source(self, old: Object | None, new: Object | None) -> None:
        if self.pods is not None:
            self.pods.refresh(old, new)

    async def run(self) -> None:
        """Until cancelled."""
        async with AsyncExitStack() as stack:
            zygote = ZygoteClient(self.config.zygote)
            stack.push_async_callback(zygote.close)
            connector = aiohttp.TCPConnector(force_close=True, limit=0)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            self.pods = Pods(self.tools(zygote, session), await zygote.children())
            stack.push_async_callback(self.pods.close)
            await self._serve(stack, self.pods)
            await self._follow(self.pods)

    async def _serve(self, stack: AsyncExitStack, pods: Pods) -> None:
        runner = web.AppRunner(KubeletServer(pods, Callers(self.client)).application(), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "0.0.0.0", self.config.port, reuse_address=True, shutdown_timeout=1).start()

    async def _follow(self, pods: Pods) -> None:
        """Pods are followed when the ConfigMaps and Secrets that they may need are known."""
        node = f"spec.nodeName={self.config.node}"
        informer = Informer(self.client, "Pod", fields=node, on_change=pods.follow)
        async with asyncio.TaskGroup() as tasks:
            for part in (
                self.heartbeat,
                self.nodes,
                self.routes,
                self.config_maps,
                self.secrets,
                self.events,
            ):
                tasks.create_task(part.run(), name=type(part).__name__)
            await asyncio.gather(self.config_maps.synced.wait(), self.secrets.synced.wait())
            tasks.create_task(informer.run(), name="Informer of pods")
            await informer.synced.wait()
            await pods.collect()


async def run(config: AgentConfig) -> None:
    """The agent of one node, until cancelled."""
    async with Client.from_token(config.server, config.token, config.ca) as client:
        await Agent(config, client).run()


def main(**arguments: Any) -> int:
    """For the zygote: JSON-able arguments, the fields of AgentConfig."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if sys.version_info < (3, 12):  # the default there until then: a thread for each command
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    try:
        asyncio.run(_until_terminated(AgentConfig.of(arguments)))
    except asyncio.CancelledError:
        log.info("terminated")
    return 0


async def _until_terminated(config: AgentConfig) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await run(config)
