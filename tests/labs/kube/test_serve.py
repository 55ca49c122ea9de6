"""Where the server listens, what it says when it cannot, and how it comes back."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from labs.kube.client import Client
from labs.kube.local import LocalServer
from labs.kube.serve import CannotListen, serve


async def test_a_busy_port_is_named_with_the_way_to_see_who_has_it(tmp_path: Path) -> None:
    config = LocalServer(tmp_path).config
    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = other.getsockname()

        with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{busy[1]}: Address already in use") as caught:
            await serve(dataclasses.replace(config, sockets=[busy]))

    assert "ss -ltnp" in caught.value.cure


async def test_a_listening_socket_may_be_handed_over(tmp_path: Path) -> None:
    local = LocalServer(tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    ready = asyncio.Event()
    config = dataclasses.replace(local.config, sockets=[listener.detach()])
    serving = asyncio.create_task(serve(config, ready.set))
    await ready.wait()

    async with Client.from_token(url, local.token, config.ca) as client:
        assert (await client.get("Service", "kubernetes", "default"))["spec"]["clusterIP"] == "10.96.0.1"

    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_objects_addresses_and_tokens_are_the_same_after_a_restart(tmp_path: Path) -> None:
    local = LocalServer(tmp_path)
    spec = {"type": "NodePort", "ports": [{"port": 80}]}
    web = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
    async with Client.from_token(local.url, local.token, local.config.ca) as client:
        await asyncio.to_thread(local.__enter__)
        before = await client.create(web)
        await asyncio.to_thread(local.__exit__)
        await asyncio.to_thread(local.__enter__)
        after = await client.get("Service", "web", "default")
        port = before["spec"]["ports"][0]["nodePort"]
        other = {**web, "metadata": {"name": "other"}}
        other["spec"] = {**spec, "ports": [{"port": 80, "nodePort": port}]}
        with pytest.raises(Exception, match="provided port is already allocated"):
            await client.create(other)
        await asyncio.to_thread(local.__exit__)

    assert after == before


def test_the_client_side_does_not_load_the_server() -> None:
    program = "import sys, labs.kube.informer; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = {name for name in shown.stdout.split() if name.startswith(("labs.kube", "kubernetes"))}
    client = {"labs.kube", "labs.kube.client", "labs.kube.informer", "labs.kube.kinds", "labs.kube.tls"}
    assert loaded == client
