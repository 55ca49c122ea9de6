"""The client and the informer against a real server, which also restarts under them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from labs.kube.client import ApiError, Client
from labs.kube.informer import Informer
from labs.kube.local import LocalServer


@pytest.fixture
async def client(api: Any) -> AsyncIterator[Client]:
    async with await Client.from_kubeconfig(api.kubeconfig) as made:
        yield made


async def until(holds: Callable[[], bool], what: str) -> None:
    """Poll with a deadline."""
    async with asyncio.timeout(15):
        while not holds():
            await asyncio.sleep(0.01)
    assert holds(), what


async def test_an_object_is_created_read_patched_and_deleted(client: Client, make: Any) -> None:
    created = await client.create(make.obj("ConfigMap", "round-trip", data={"key": "one"}))
    created["data"] = {"key": "two"}
    updated = await client.update(created)
    patched = await client.patch("ConfigMap", "round-trip", "default", {"data": {"other": "three"}})
    listed = await client.list("ConfigMap", "default", fields="metadata.name=round-trip")
    await client.delete("ConfigMap", "round-trip", "default", uid=created["metadata"]["uid"])

    assert updated["data"] == {"key": "two"}
    assert patched["data"] == listed["items"][0]["data"] == {"key": "two", "other": "three"}
    with pytest.raises(ApiError, match='configmaps "round-trip" not found') as caught:
        await client.get("ConfigMap", "round-trip", "default")
    assert (caught.value.status, caught.value.reason) == (404, "NotFound")


async def test_a_token_and_the_authority_are_enough(api: Any) -> None:
    async with Client.from_token(api.url, api.token, api.config.ca) as made:
        assert (await made.get("Namespace", "default"))["status"]["phase"] == "Active"


async def test_a_server_that_is_not_there_is_named_with_the_cure() -> None:
    async with Client.from_token("https://127.0.0.1:1", "token", _ca()) as made:
        with pytest.raises(ApiError, match=r"GET https://127\.0\.0\.1:1/api/v1/nodes") as caught:
            await made.list("Node")

    assert (caught.value.status, caught.value.reason) == (0, "Unreachable")
    assert "lab up" in caught.value.cure


def _ca() -> str:
    import certifi

    return certifi.where()


async def test_a_kubeconfig_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="nowhere"):
        await Client.from_kubeconfig(tmp_path / "nowhere")


async def test_an_informer_reports_each_change_once_with_the_state_before(client: Client, make: Any) -> None:
    seen: list[tuple[str, str]] = []

    def on_change(old: Any, new: Any) -> None:
        seen.append((old["data"]["key"] if old else "", new["data"]["key"] if new else ""))

    informer = Informer(client, "ConfigMap", labels="informed", on_change=on_change)
    running = asyncio.create_task(informer.run())
    await informer.synced.wait()
    obj = make.obj("ConfigMap", "informed", data={"key": "one"})
    obj["metadata"]["labels"] = {"informed": "yes"}
    await client.create(obj)
    await client.patch("ConfigMap", "informed", "default", {"data": {"key": "two"}})
    await client.delete("ConfigMap", "informed", "default")

    await until(lambda: len(seen) == 3, f"three changes, found {seen}")
    assert seen == [("", "one"), ("one", "two"), ("two", "")]
    assert informer.objects == {}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_informer_may_keep_less_than_it_reports(client: Client, make: Any) -> None:
    seen: list[tuple[Any, Any]] = []

    def name_only(item: Any) -> Any:
        return {"metadata": {name: item["metadata"][name] for name in ("name", "resourceVersion")}}

    await client.create(make.obj("ConfigMap", "brief", data={"key": "one"}))
    informer = Informer(
        client,
        "ConfigMap",
        fields="metadata.name=brief",
        on_change=lambda *pair: seen.append(pair),
        keep=name_only,
    )
    running = asyncio.create_task(informer.run())
    await informer.synced.wait()
    await client.patch("ConfigMap", "brief", "default", {"data": {"key": "two"}})
    await until(lambda: len(seen) == 2, f"two changes, found {seen}")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.delete("ConfigMap", "brief", "default")

    assert [new["data"] for _, new in seen] == [{"key": "one"}, {"key": "two"}]
    assert seen[1][0] == name_only(seen[0][1])


async def test_an_informer_outlives_its_server_and_misses_nothing(tmp_path: Path, make: Any) -> None:
    server = LocalServer(tmp_path)
    await asyncio.to_thread(server.__enter__)
    async with await Client.from_kubeconfig(server.kubeconfig) as client:
        informer = Informer(client, "ConfigMap", labels="kept=yes")
        running = asyncio.create_task(informer.run())
        await informer.synced.wait()
        for name in ("stays", "goes"):
            obj = make.obj("ConfigMap", name)
            obj["metadata"]["labels"] = {"kept": "yes"}
            await client.create(obj)
        await until(lambda: len(informer.objects) == 2, "two objects")

        await asyncio.to_thread(server.__exit__)
        await asyncio.to_thread(server.__enter__)
        await client.delete("ConfigMap", "goes", "default")

        await until(lambda: [*informer.objects] == [("default", "stays")], f"one object, {informer.objects}")
        assert informer.objects["default", "stays"]["kind"] == "ConfigMap"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await asyncio.to_thread(server.__exit__)


async def test_an_informer_lists_again_when_the_history_is_gone(client: Client, make: Any) -> None:
    informer = Informer(client, "ConfigMap", fields="metadata.name=relisted")
    informer._version = "1"  # long gone
    running = asyncio.create_task(informer.run())
    await client.create(make.obj("ConfigMap", "relisted"))

    await until(lambda: ("default", "relisted") in informer.objects, "the object")
    assert informer.synced.is_set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
