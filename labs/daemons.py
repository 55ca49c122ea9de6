"""The API server's process: the embedded Kubernetes and its controllers, in one event loop.

They are two packages that do not know each other; the controllers talk to the server as any client does, over
its own socket, so what they see is what kubectl sees.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labs.control import plane
from labs.kube.client import Client
from labs.kube.serve import ServerConfig, serve
from labs.kube.tokens import Keyring, User

CONTROLLERS = User("system:kube-controller-manager", ("system:masters", "system:authenticated"))
PATHS = ("database", "certificate", "key", "ca", "signing_key")


def apiserver(*, sockets: Mapping[str, int] | None = None, listen: str = "", **arguments: Any) -> None:
    """Serve until killed; ``arguments`` are the fields of ServerConfig as JSON has them.

    ``listen`` is for a machine that is reached at more addresses than its own on the fabric.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    settings: dict[str, Any] = {**arguments, **{name: Path(arguments[name]) for name in PATHS}}
    settings["sockets"] = (*(sockets or {}).values(), (listen or arguments["address"], arguments["port"]))
    config = ServerConfig(**settings)
    asyncio.run(_serve_and_control(config))


async def _serve_and_control(config: ServerConfig) -> None:
    """If either ends, both do, and lab init starts the process again: state is in the database alone."""
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(config, ready.set))
        await ready.wait()
        token = Keyring.load(config.signing_key).issue(CONTROLLERS)
        server = f"https://{config.address}:{config.port}"
        async with Client.from_token(server, token, config.ca) as client:
            await plane.run(client)
