"""The objects that every cluster has, and the stage of a lab, on a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labs import addons
from labs.kube.client import Client
from labs.kube.local import LocalServer

Ask = Callable[[Callable[[Client], Awaitable[Any]]], Any]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Do something as a client of an API server with nothing in it."""
    with LocalServer(tmp_path) as server:

        async def within(do: Callable[[Client], Awaitable[Any]]) -> Any:
            async with await Client.from_kubeconfig(server.kubeconfig) as client:
                return await do(client)

        yield lambda do: asyncio.run(within(do))


async def configuration(client: Client) -> str:
    found = await client.get("ConfigMap", "kube-proxy-config", "kube-system")
    return str(found["data"]["config"])


def test_what_is_missing_is_made_and_what_is_there_stays_the_learners(ask: Ask) -> None:
    async def change(client: Client) -> int:
        await addons.ensure(client, "nftables")
        before = await configuration(client)
        await client.patch(
            "ConfigMap", "kube-proxy-config", "kube-system", {"data": {"config": f"{before}# mine\n"}}
        )
        await client.delete(
            "Service", "appname-backend-svc", addons.manifests("example")[0]["metadata"]["name"]
        )
        await addons.ensure(client, "iptables")
        services = await client.list("Service", addons.manifests("example")[0]["metadata"]["name"])
        assert 'mode: "nftables"' in before
        assert await configuration(client) == f"{before}# mine\n"
        return len(services["items"])

    assert ask(change) == 1


def test_only_kube_proxys_configuration_carries_the_mode() -> None:
    assert addons.with_mode(addons.manifests("dns"), "ipvs") == addons.manifests("dns")
