"""The stage of a lab: its objects in the cluster, as they stand when the lab begins.

A lab owns the objects that carry its label and no others. With the article's own values these are the example
backend that every cluster has: then the label goes to them, and is all that goes when another stage is laid.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from labs import readiness
from labs.addons import manifests
from labs.course import LABEL, Lab
from labs.kube.client import ApiError, Client, Object
from labs.variants import Variant

OWNED = ("Namespace", "Deployment", "Service", "Ingress", "ConfigMap", "Pod", "DaemonSet")  # of a stage


def lay(kubeconfig: Path, lab: Lab, variant: Variant) -> None:
    """Make the objects of this variant, take away those of another, wait for the pods; ApiError, NotReady."""
    asyncio.run(_lay(kubeconfig, lab, lab.manifests(variant)))


async def _lay(kubeconfig: Path, lab: Lab, objects: list[Object]) -> None:
    async with readiness.Watched.at(kubeconfig) as watched:
        await _remove_others(watched.client, lab, objects)
        for obj in objects:
            if obj["kind"] == "Namespace":
                await _free(watched.client, obj["metadata"]["name"])
            await _put(watched.client, obj)
        for obj in objects:
            if obj["kind"] == "Deployment":
                await _wait(watched, obj)


async def _wait(watched: readiness.Watched, deployment: Object) -> None:
    labels = deployment["spec"]["selector"]["matchLabels"]
    place, replicas = deployment["metadata"]["namespace"], deployment["spec"]["replicas"]

    def missing() -> list[str]:
        pods = watched.pods_of(place, labels)
        over = [f"{len(pods) - replicas} pods too many"] if len(pods) > replicas else []
        return over + readiness.not_ready(pods, replicas, "pod")

    await watched.until(missing)


async def _free(client: Client, namespace: str) -> None:
    """Return when no namespace of that name is on its way out: who goes back to a variant may be quick."""

    async def look() -> None:
        if await _ends(client, namespace):
            raise readiness.NotYet(f"the end of the old namespace {namespace}, which is being deleted")

    await readiness.poll(look)


async def _ends(client: Client, namespace: str) -> bool:
    found = await client.list("Namespace", fields=f"metadata.name={namespace}")
    return any("deletionTimestamp" in each["metadata"] for each in found["items"])


async def _put(client: Client, obj: Object) -> None:
    """Create, or give what is there already the manifest's fields back."""
    metadata = obj["metadata"]
    try:
        await client.create(obj)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        await client.patch(obj["kind"], metadata["name"], metadata.get("namespace", ""), obj)


async def _remove_others(client: Client, lab: Lab, objects: list[Object]) -> None:
    """What carries the lab's label but is none of these objects: another variant's stage."""
    ours = {_place(obj) for obj in objects}
    example = {_place(obj) for obj in manifests("example")}
    for kind in OWNED:
        for found in (await client.list(kind, labels=lab.selector))["items"]:
            place = _place({**found, "kind": kind})
            if place in ours or "deletionTimestamp" in found["metadata"]:
                continue
            if place in example:
                await client.patch(kind, place[2], place[1], {"metadata": {"labels": {LABEL: None}}})
            else:
                await client.remove(kind, place[2], place[1])  # its namespace's end may have been quicker


def _place(obj: Object) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
