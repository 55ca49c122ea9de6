"""Which DaemonSet runs kube-proxy on which node, as objects.

There is one for all nodes, and one a mode for nodes that were given a mode of their own. Those nodes are
said in the affinity: the mode's DaemonSet is tied to them, the one for all is kept off them. Nothing else
remembers the division, so an operator may change it with kubectl too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from labs import proxyconfig
from labs.kube.client import Object

NAMESPACE, NAME, CONFIG = "kube-system", "kube-proxy", "kube-proxy-config"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
OF_MODE = "proxy-mode"
"""The label of what belongs to a mode's own DaemonSet; its value is the mode."""
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class Division:
    """The nodes that have a mode of their own, by mode; all others run the common mode."""

    own: dict[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, daemonsets: Iterable[Object]) -> Division:
        """What the modes' DaemonSets say."""
        found = {mode: tied_to(each) for each in daemonsets if (mode := own_mode(each))}
        return cls(found)

    def give(self, nodes: Collection[str], mode: str, common: str) -> Division:
        """These nodes get this mode; the common one is nobody's own."""
        left = {each: there - set(nodes) for each, there in self.own.items()}
        if mode != common:
            left[mode] = left.get(mode, frozenset()) | set(nodes)
        return Division({each: there for each, there in left.items() if there})

    @property
    def nodes(self) -> frozenset[str]:
        """All that have a mode of their own."""
        return frozenset().union(*self.own.values())


def own_mode(obj: Object) -> str:
    """The mode whose own this object is; empty if none's."""
    return str((obj["metadata"].get("labels") or {}).get(OF_MODE, ""))


def name_of(mode: str) -> str:
    """The DaemonSet and the ConfigMap of a mode's own nodes."""
    return f"{NAME}-{mode}"


def tied_to(daemonset: Object) -> frozenset[str]:
    """The nodes that its affinity names."""
    terms = daemonset["spec"]["template"]["spec"]["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    return frozenset(name for term in terms for each in term["matchFields"] for name in each["values"])


def affinity(operator: str, nodes: Collection[str]) -> Object | None:
    """Only on these nodes ("In"), or on all others ("NotIn"); None if none are named."""
    if not nodes:
        return None
    fields = [
        {"key": "metadata.name", "operator": operator, "values": [node]} for node in sorted(nodes)
    ]  # a field takes one value: "In" is one of the terms, "NotIn" all of one term's fields
    terms = [{"matchFields": [each]} for each in fields] if operator == "In" else [{"matchFields": fields}]
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}


def template(stamp: str, nodes: Object | None) -> Object:
    """A patch of a DaemonSet: restarted now, with this affinity."""
    return {
        "spec": {
            "template": {
                "metadata": {"annotations": {RESTARTED: stamp}},
                "spec": {"affinity": nodes},
            }
        }
    }


def own_config(mode: str, text: str) -> Object:
    """The ConfigMap of a mode's own nodes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(mode),
        "data": {"config": proxyconfig.with_mode(text, mode, name_of(mode))},
    }


def own_daemonset(common: Object, mode: str, nodes: Collection[str], stamp: str) -> Object:
    """A mode's DaemonSet: the common one's template, its own labels, configuration and nodes."""
    pods: dict[str, Any] = common["spec"]["template"]
    labels = {**pods["metadata"]["labels"], OF_MODE: mode}
    volumes = [_own_volume(each, mode) for each in pods["spec"]["volumes"]]
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": _metadata(mode),
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": common["spec"]["updateStrategy"],
            "template": {
                "metadata": {"labels": labels, "annotations": {RESTARTED: stamp}},
                "spec": {**pods["spec"], "volumes": volumes, "affinity": affinity("In", nodes)},
            },
        },
    }


def _metadata(mode: str) -> Object:
    labels = {"k8s-app": NAME, OF_MODE: mode}
    return {"name": name_of(mode), "namespace": NAMESPACE, "labels": labels}


def _own_volume(volume: Object, mode: str) -> Object:
    if volume.get("configMap", {}).get("name") != CONFIG:
        return volume
    return {**volume, "configMap": {**volume["configMap"], "name": name_of(mode)}}
