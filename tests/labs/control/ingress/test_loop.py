"""The loop against a real API server; the balancer is played."""

import asyncio

import pytest

from labs.control.ingress import loop as ingress_loop
from labs.control.ingress.loop import ADDRESS, CONTROLLER, Ingresses
from labs.control.loop import keep_running
from labs.control.world import World
from labs.kube.client import Client
from labs.kube.local import LocalServer
from vm.errors import MachineError

CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "alb"},
    "spec": {"controller": CONTROLLER},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"type": "NodePort", "ports": [{"port": 80}]},
}


class Balancer:
    """Keeps what it is told; fails where ``broken`` says how."""

    def __init__(self, ended):
        self.ended, self.text, self.broken, self.applied = ended, "", "", 0

    async def apply(self, text):
        if self.broken:
            raise MachineError(self.broken, "do this")
        self.applied += text != self.text
        self.text = text

    async def stop(self):
        self.text = ""


class Played:
    """The API, the loop and what the balancer was told."""

    def __init__(self, client, loop):
        self.client, self.loop, self.balancer = client, loop, loop.balancer

    async def create(self, obj):
        return await self.client.create(obj)

    async def ingress(self, name="shop", **spec):
        backend = {"service": {"name": "web", "port": {"number": 80}}}
        made = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"ingressClassName": "alb", "defaultBackend": backend, **spec},
        }
        return await self.create(made)

    async def address(self, name="shop"):
        found = await self.client.get("Ingress", name, "default")
        entries = found["status"]["loadBalancer"].get("ingress") or [{}]
        return entries[0].get("ip", "")

    async def told(self):
        events = (await self.client.list("Event", "default"))["items"]
        return {(event["reason"], event["message"]) for event in events}


@pytest.fixture
async def played(tmp_path, monkeypatch):
    monkeypatch.setattr(ingress_loop, "Balancer", Balancer)
    monkeypatch.setattr(ingress_loop, "AGAIN", 0.2)
    with LocalServer(tmp_path) as server:
        async with Client.from_token(server.url, server.token, server.config.ca) as client:
            world = World(client)
            loop = Ingresses(world)
            starts = [informer.run for informer in world.informers.values()]
            tasks = [asyncio.create_task(keep_running("x", start)) for start in (*starts, world.events.run)]
            await world.synced()
            tasks.append(asyncio.create_task(loop.queue.run()))
            yield Played(client, loop)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def until(question, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not await question():
            await asyncio.sleep(0.02)


async def test_an_ingress_is_served_and_says_where_until_it_goes(played):
    await played.create(CLASS)
    await played.create(SERVICE)
    await played.ingress()
    await until(lambda: _is(played.address(), ADDRESS))
    assert "backend default_shop_web_80" in played.balancer.text
    await until(lambda: _has(played.told(), ("SuccessfullyReconciled", "Successfully reconciled")))
    await played.client.delete("Ingress", "shop", "default")
    await until(lambda: _is(_text(played), ""))


async def test_a_change_of_class_takes_the_address_away(played):
    await played.create(CLASS)
    await played.ingress()
    await until(lambda: _is(played.address(), ADDRESS))
    await played.client.patch("Ingress", "shop", "default", {"spec": {"ingressClassName": "other"}})
    await until(lambda: _is(played.address(), ""))


async def test_what_the_balancer_cannot_do_is_an_event_and_no_address_until_it_can(played):
    played.balancer.broken = "the program haproxy is not installed"
    await played.create(CLASS)
    await played.create(SERVICE)
    await played.ingress()
    why = "Failed deploy model due to the program haproxy is not installed; do this"
    await until(lambda: _has(played.told(), ("FailedDeployModel", why)))
    assert await played.address() == ""
    played.balancer.broken = ""
    await until(lambda: _is(played.address(), ADDRESS))


async def test_a_mistake_is_an_event_of_its_ingress(played):
    await played.create(CLASS)
    await played.ingress()
    why = "Failed build model due to there is no Service web in the namespace default"
    await until(lambda: _has(played.told(), ("FailedBuildModel", why)))


async def _is(asked, expected):
    return await asked == expected


async def _has(asked, expected):
    return expected in await asked


async def _text(played):
    return played.balancer.text
