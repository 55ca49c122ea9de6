"""What is asked over HTTP: the pages of the metrics port, and where a Service's health is told."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest

from labs.proxy.health import ProxyHealth, ServiceCheck
from labs.proxy.metrics import Metrics
from labs.proxy.routes import metrics_routes
from labs.proxy.web import Hosts, ServiceHealthServers, open_server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def at() -> AsyncIterator[str]:
    """Where the metrics port answers."""
    port = free_port()
    routes = metrics_routes("nftables", {"mode": "nftables"}, Metrics(), {"v": "2"})
    runner = await open_server(routes, ("127.0.0.1", port))
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_every_page_that_statusz_names_answers(at: str) -> None:
    _, text = await ask(f"{at}/statusz")
    paths = text.rpartition("Paths: ")[2].split()
    assert paths == [
        "/configz",
        "/flagz",
        "/healthz",
        "/metrics",
        "/metrics/slis",
        "/proxyMode",
        "/statusz",
    ]
    assert [(await ask(f"{at}{path}"))[0] for path in paths] == [200] * len(paths)
    assert (await ask(f"{at}/flagz"))[1].endswith("\n\nv=2\n")
    assert (await ask(f"{at}/statusz", Accept="application/json"))[0] == 406


async def test_slis_count_the_health_checks_that_were_made_until_they_are_reset(at: str) -> None:
    slis = f"{at}/metrics/slis"
    success = 'kubernetes_healthchecks_total{name="ping",status="success",type="healthz"} 2.0'
    assert (await ask(f"{at}/healthz"))[1] == "ok"
    assert (await ask(f"{at}/healthz?verbose"))[1] == "[+]ping ok\nhealthz check passed\n"
    told = (await ask(slis))[1]
    assert success in told
    assert 'kubernetes_healthcheck{name="ping",type="healthz"} 1.0' in told
    assert await ask(slis, "DELETE") == (200, "metrics reset\n")
    assert "ping" not in (await ask(slis))[1]


class Healthy(ProxyHealth):
    """One Service with two endpoints here, asked about at a port."""

    def __init__(self, port: int) -> None:
        super().__init__(30)
        self.here = {port: ServiceCheck("default", "web", port, 2)}

    @property
    def checks(self) -> dict[int, ServiceCheck]:
        return self.here


async def answering(port: int) -> list[int]:
    """The last parts of the loopback addresses that answer at this port."""
    found = []
    for last in (1, 2, 3):
        with suppress(aiohttp.ClientConnectorError):
            await ask(f"http://127.0.0.{last}:{port}/")
            found.append(last)
    return found


async def test_a_service_s_health_is_told_where_its_node_ports_are_and_nowhere_else() -> None:
    places: list[Hosts] = [("127.0.0.2", "127.0.0.3"), ("127.0.0.3",), (None,)]
    port, seen = free_port(), []
    health = Healthy(port)

    async def hosts() -> Hosts:
        return places[len(seen)]

    servers = ServiceHealthServers(health, hosts)
    for _ in places:
        await servers.update()
        seen.append(await answering(port))
    health.here.clear()
    await servers.update()
    assert seen == [[2, 3], [3], [1, 2, 3]]
    assert await answering(port) == []
