"""A connection takes little memory, and what is larger than its buffer still passes whole."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from labs.kube.client import Client


async def test_a_connection_of_ours_has_a_small_buffer(api: Any) -> None:
    trusted = ssl.create_default_context(cafile=str(api.config.ca))
    _, writer = await asyncio.open_connection("127.0.0.1", api.port, ssl=trusted)
    assert len(writer.transport._ssl_protocol._ssl_buffer) <= 32 * 1024
    writer.close()


async def test_an_object_larger_than_the_buffer_passes_whole(api: Any) -> None:
    text = "kube-proxy " * 40_000
    async with await Client.from_kubeconfig(api.kubeconfig) as client:
        metadata = {"name": "large", "namespace": "default"}
        await client.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": text}}
        )
        assert (await client.get("ConfigMap", "large", "default"))["data"]["a"] == text
        await client.delete("ConfigMap", "large", "default")
