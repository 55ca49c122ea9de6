"""Ingresses, Services and their slices as the API would store them."""

from typing import Any

import pytest

from labs.control.conditions import make
from labs.control.ingress.site import Site, build
from labs.control.ingress.targets import Facts

PREFIX = "alb.ingress.kubernetes.io/"


class Town:
    """What an ingress controller sees of a cluster."""

    def __init__(self) -> None:
        self.services: dict[str, Any] = {}
        self.slices: list[Any] = []
        self.nodes: list[Any] = []
        self.ingresses: list[Any] = []

    def node(self, name: str, address: str, *, ready: bool = True, **labels: str) -> None:
        status = {
            "conditions": [make("Ready", str(ready), "", "")],
            "addresses": [{"type": "InternalIP", "address": address}],
        }
        self.nodes.append({"metadata": {"name": name, "labels": labels}, "status": status})

    def service(self, name: str = "web", *pods: str, kind: str = "NodePort", **annotations: str) -> None:
        port = {"name": "http", "port": 80, **({"nodePort": 31103} if kind == "NodePort" else {})}
        said = {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
        metadata = {"name": name, "namespace": "default", "annotations": said}
        self.services[name] = {"metadata": metadata, "spec": {"type": kind, "ports": [port]}}
        entries = [
            {"addresses": [f"10.244.1.{number}"], "targetRef": {"name": pod}, "conditions": {"ready": True}}
            for number, pod in enumerate(pods, start=2)
        ]
        ports = [{"name": "http", "port": 3001}]
        self.slices.append({"addressType": "IPv4", "ports": ports, "endpoints": entries})

    def ingress(self, *paths: Any, name: str = "shop", host: str = "", **more: Any) -> dict[str, Any]:
        annotations = {PREFIX + key.replace("_", "-"): value for key, value in more.items()}
        metadata = {"name": name, "namespace": "default", "annotations": annotations}
        rule: dict[str, Any] = {"http": {"paths": list(paths)}, **({"host": host} if host else {})}
        made = {"kind": "Ingress", "metadata": metadata, "spec": {"rules": [rule]}}
        self.ingresses.append(made)
        return made

    def build(self) -> Site:
        return build(
            self.ingresses,
            lambda _, name: (
                Facts(self.services[name], self.slices, self.nodes) if name in self.services else None
            ),
        )


def to(path: str = "/", kind: str = "Prefix", service: str = "web", port: Any = 80) -> dict[str, Any]:
    """A path of a rule."""
    number = {"number": port} if isinstance(port, int) else {"name": port}
    return {"path": path, "pathType": kind, "backend": {"service": {"name": service, "port": number}}}


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture(name="to")
def path_to() -> Any:
    return to
