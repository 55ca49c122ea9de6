"""Garbage collection where it must not be hasty: against the real API server, without the other loops."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from labs.control.garbage import Garbage
from labs.control.world import World
from labs.kube.client import Client
from labs.kube.local import LocalServer


@pytest.fixture
async def client(tmp_path):
    with LocalServer(tmp_path) as server:
        async with Client.from_token(server.url, server.token, server.config.ca) as found:
            yield found


@asynccontextmanager
async def collecting(client):
    world = World(client)
    queue = Garbage(world).queue
    work = [informer.run() for informer in world.informers.values()]
    tasks = [asyncio.create_task(part) for part in work]
    await world.synced()
    tasks.append(asyncio.create_task(queue.run()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def config(client, name, *owners):
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
        for owner in owners
    ]
    metadata = {"name": name, "namespace": "default", "ownerReferences": references}
    return await client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


async def names(client):
    items = (await client.list("ConfigMap", "default"))["items"]
    return {
        item["metadata"]["name"]: item for item in items if item["metadata"]["name"] != "kube-root-ca.crt"
    }


async def become(client, *wanted):
    async with asyncio.timeout(8):
        while (found := await names(client)).keys() != set(wanted):
            await asyncio.sleep(0.02)
    return found


async def test_what_lost_its_last_owner_goes_and_what_has_another_stays_with_that_one(client):
    first, second = await config(client, "first"), await config(client, "second")
    await config(client, "both", first, second)
    await config(client, "one", first)
    async with collecting(client):
        await client.delete("ConfigMap", "first", "default")
        found = await become(client, "second", "both")

        async with asyncio.timeout(8):
            while len(found["both"]["metadata"]["ownerReferences"]) == 2:
                found = await names(client)
        kept = [owner["name"] for owner in found["both"]["metadata"]["ownerReferences"]]
        assert kept == ["second"]
        await client.delete("ConfigMap", "second", "default")
        assert await become(client) == {}


async def test_owners_that_went_while_nobody_looked_are_noticed_at_the_start(client):
    owner = await config(client, "owner")
    await config(client, "child", owner)
    await client.delete("ConfigMap", "owner", "default")
    async with collecting(client):
        assert await become(client) == {}


async def test_a_successor_of_the_same_name_is_no_owner(client):
    owner = await config(client, "owner")
    await config(client, "child", owner)
    await client.delete("ConfigMap", "owner", "default")
    await config(client, "owner")
    async with collecting(client):
        assert (await become(client, "owner")).keys() == {"owner"}
