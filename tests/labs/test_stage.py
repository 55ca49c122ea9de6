"""The stage of a lab on a real API server: its own objects come and go, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs import addons, course, stage
from labs.kube.client import Client
from labs.kube.local import LocalServer
from labs.variants import Variant

LAB = course.find(3)
ARTICLE, MINE, OTHER = (LAB.variant(seed) for seed in (0, 5, 6))


@pytest.fixture(autouse=True)
def no_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no nodes here, so no pod becomes ready and none is waited for."""

    async def at_once(*_: object) -> None:
        return None

    monkeypatch.setattr(stage, "_wait", at_once)


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    with LocalServer(tmp_path) as server:
        yield server.kubeconfig


async def owned(kubeconfig: Path, kind: str) -> set[str]:
    async with await Client.from_kubeconfig(kubeconfig) as client:
        found = await client.list(kind, labels=LAB.selector)
    return {
        each["metadata"]["name"] for each in found["items"] if "deletionTimestamp" not in each["metadata"]
    }


def named(kind: str, variant: Variant) -> set[str]:
    return {each["metadata"]["name"] for each in LAB.manifests(variant) if each["kind"] == kind}


def test_another_variant_takes_the_place_of_the_first(kubeconfig: Path) -> None:
    stage.lay(kubeconfig, LAB, MINE)
    stage.lay(kubeconfig, LAB, OTHER)
    for kind in ("Namespace", "Service"):
        assert asyncio.run(owned(kubeconfig, kind)) == named(kind, OTHER)


def test_what_a_learner_changed_is_as_it_was_when_laid_again(kubeconfig: Path) -> None:
    async def replicas(wanted: int | None = None) -> int:
        (name,) = named("Deployment", MINE)
        (place,) = named("Namespace", MINE)
        async with await Client.from_kubeconfig(kubeconfig) as client:
            if wanted is not None:
                await client.patch("Deployment", name, place, {"spec": {"replicas": wanted}})
            return int((await client.get("Deployment", name, place))["spec"]["replicas"])

    stage.lay(kubeconfig, LAB, MINE)
    before = asyncio.run(replicas())
    assert asyncio.run(replicas(9)) == 9
    stage.lay(kubeconfig, LAB, MINE)
    assert asyncio.run(replicas()) == before


def test_the_example_that_every_cluster_has_only_loses_the_label(kubeconfig: Path) -> None:
    async def services() -> set[str]:
        async with await Client.from_kubeconfig(kubeconfig) as client:
            found = await client.list("Service", addons.manifests("example")[0]["metadata"]["name"])
        return {each["metadata"]["name"] for each in found["items"]}

    stage.lay(kubeconfig, LAB, ARTICLE)
    stage.lay(kubeconfig, LAB, MINE)
    assert asyncio.run(services()) == {"appname-backend-svc"}
    assert asyncio.run(owned(kubeconfig, "Service")) == named("Service", MINE)


def test_what_goes_with_its_namespace_meanwhile_is_no_error(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = Client.delete

    async def late(client: Client, kind: str, name: str, namespace: str = "") -> None:
        if kind == "Service":  # the namespace's end was quicker
            await delete(client, kind, name, namespace)
        await delete(client, kind, name, namespace)

    stage.lay(kubeconfig, LAB, MINE)
    monkeypatch.setattr(Client, "delete", late)
    stage.lay(kubeconfig, LAB, OTHER)
    assert asyncio.run(owned(kubeconfig, "Service")) == named("Service", OTHER)
