# ruff: noqa: T201
"""An API server inside the test's namespace, told by lines of JSON what to do; it answers a line each.

api.py FOLDER: {"do": "apply"|"delete", "with": [object, …]}, {"do": "down"}, {"do": "up"}
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from labs.kube.client import ApiError, Client
from labs.kube.local import LocalServer

Object = dict[str, Any]


async def apply(client: Client, objects: list[Object]) -> None:
    """Create them, or put them in the place of those there are."""
    for item in objects:
        try:
            await client.create(item)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            meta = item["metadata"]
            known = await client.get(item["kind"], meta["name"], meta.get("namespace", ""))
            version = known["metadata"]["resourceVersion"]
            await client.update({**item, "metadata": {**meta, "resourceVersion": version}})


async def delete(client: Client, objects: list[Object]) -> None:
    """Delete them."""
    for item in objects:
        meta = item["metadata"]
        await client.delete(item["kind"], meta["name"], meta.get("namespace", ""))


async def do(server: LocalServer, told: Object) -> None:
    """One change of objects."""
    async with await Client.from_kubeconfig(str(server.kubeconfig)) as client:
        await {"apply": apply, "delete": delete}[told["do"]](client, told["with"])


def main(folder: str) -> None:
    server = LocalServer(Path(folder))
    server.__enter__()
    print(server.kubeconfig, flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        if told["do"] == "down":
            server.__exit__()
        elif told["do"] == "up":
            server.__enter__()
        else:
            asyncio.run(do(server, told))
        print("done", flush=True)


main(sys.argv[1])
