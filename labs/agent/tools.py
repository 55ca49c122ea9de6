"""What every pod of a node needs to do its work: made once by the agent, handed to each pod."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp

from labs.agent.config import AgentConfig
from labs.agent.environment import Lookups
from labs.agent.events import Events
from labs.agent.network import Network
from labs.agent.volumes import Volumes
from labs.kube.client import Client
from vm.zygote_client import ZygoteClient


@dataclass(frozen=True, slots=True)
class Tools:
    """The agent's doors to the API, to the zygote and to the kernel."""

    config: AgentConfig
    client: Client
    zygote: ZygoteClient
    events: Events
    network: Network
    volumes: Volumes
    lookups: Lookups
    session: aiohttp.ClientSession  # for probes
    # Starting a pod is work for the CPU: a few at a time finish sooner than all at once.
    turn: asyncio.Semaphore
