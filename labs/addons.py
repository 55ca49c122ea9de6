"""The objects that every cluster of the lab has: kube-proxy, the name server, a class, the article's backend.

They are created when they are missing and left alone when they are there: what a learner changed
(the mode in the ConfigMap, say) is theirs, also after the next `lab up`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

import yaml

from labs import proxyconfig
from labs.kube.client import ApiError, Client
from labs.proxysets import CONFIG

ADDONS = ("kube-proxy", "dns", "ingress", "example")
ONE_FAMILY = ("10.244.0.0/16",)
EXAMPLE_SERVICE = ("Service", "appname-backend-svc")
PREFER_TWO = {"ipFamilyPolicy": "PreferDualStack"}


def manifests(name: str) -> list[dict[str, Any]]:
    """The objects of ``labs/manifests/NAME.yaml``, in the order in which they are to be created."""
    text = resources.files("labs").joinpath("manifests", f"{name}.yaml").read_text()
    return [document for document in yaml.safe_load_all(text) if document]


def with_mode(objects: Iterable[dict[str, Any]], mode: str) -> list[dict[str, Any]]:
    """The same objects with `mode` in kube-proxy's configuration."""
    changed = list(objects)
    for obj in changed:
        if obj["kind"] == "ConfigMap" and obj["metadata"]["name"] == CONFIG:
            config = proxyconfig.with_mode(obj["data"]["config"], mode, CONFIG)
            obj["data"] = {**obj["data"], "config": config}
    return changed


def with_families(objects: Iterable[dict[str, Any]], cidrs: Sequence[str]) -> list[dict[str, Any]]:
    """The same objects for pods with addresses from these ranges, one a family."""
    changed = list(objects)
    for obj in changed if len(cidrs) > 1 else ():
        what = (obj["kind"], obj["metadata"]["name"])
        if what == ("ConfigMap", CONFIG):
            config = proxyconfig.with_cluster_cidr(obj["data"]["config"], cidrs)
            obj["data"] = {**obj["data"], "config": config}
        elif what == EXAMPLE_SERVICE:
            obj["spec"] = {**obj["spec"], **PREFER_TWO}
    return changed


def configuration(mode: str, cidrs: Sequence[str] = ONE_FAMILY) -> str:
    """kube-proxy's configuration as every cluster begins with it, in this mode."""
    objects = with_families(with_mode(manifests("kube-proxy"), mode), cidrs)
    return next(str(each["data"]["config"]) for each in objects if each["metadata"]["name"] == CONFIG)


async def ensure(
    client: Client, mode: str, names: Iterable[str] = ADDONS, *, cidrs: Sequence[str] = ONE_FAMILY
) -> None:
    """Create what is missing; raises ApiError if the API refuses one of the objects."""
    for name in names:
        for obj in with_families(with_mode(manifests(name), mode), cidrs):
            try:
                await client.create(obj)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
