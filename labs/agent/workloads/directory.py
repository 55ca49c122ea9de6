"""What the cluster's name server knows: Services and their endpoints, found by name and by address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]
SERVICE_NAME = "kubernetes.io/service-name"


class Directory:
    """Kept right by two informers' ``on_change``."""

    def __init__(self) -> None:
        self.services: dict[Key, Object] = {}
        self._slices: dict[Key, dict[str, Object]] = {}
        self._addresses: dict[str, Key] = {}

    def service(self, old: Object | None, new: Object | None) -> None:
        """A Service has changed."""
        for address in addresses(old):
            self._addresses.pop(address, None)
        if new is None and old is not None:
            self.services.pop(key(old), None)
        if new is not None:
            self.services[key(new)] = new
            self._addresses.update(dict.fromkeys(addresses(new), key(new)))

    def slice(self, old: Object | None, new: Object | None) -> None:
        """An EndpointSlice has changed."""
        if old is not None:
            of = owner(old)
            slices = self._slices.get(of, {})
            slices.pop(old["metadata"]["name"], None)
            if not slices:
                self._slices.pop(of, None)
        if new is not None:
            self._slices.setdefault(owner(new), {})[new["metadata"]["name"]] = new

    def by_address(self, address: str) -> Key | None:
        """The Service with this ClusterIP."""
        return self._addresses.get(address)

    def has_namespace(self, namespace: str) -> bool:
        """Whether the namespace has a Service; of others the name server knows nothing."""
        return any(found == namespace for found, _ in self.services)

    def slices(self, of: Key) -> Iterator[Object]:
        """The slices of a Service."""
        yield from self._slices.get(of, {}).values()


def key(obj: Object) -> Key:
    """(namespace, name)."""
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def owner(slice: Object) -> Key:
    """The Service that a slice belongs to."""
    metadata = slice["metadata"]
    return metadata["namespace"], metadata.get("labels", {}).get(SERVICE_NAME, "")


def addresses(service: Object | None) -> list[str]:
    """Its ClusterIPs; none for headless Services and ExternalName."""
    spec = (service or {}).get("spec", {})
    found = spec.get("clusterIPs") or [spec.get("clusterIP", "")]
    return [address for address in found if address not in ("", "None")]
