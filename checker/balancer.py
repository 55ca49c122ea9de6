"""The load balancer in front of the cluster as a check asks for it: the fixture ``balancer``.

What an Ingress asks for is in the API; what became of it is on the machine balancer: the servers in HAProxy's
configuration and, in its statistics, how they answer to health checks and how many requests they were given.
The counts begin anew whenever the configuration changes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from checker.errors import Broken
from checker.evidence import Evidence, Object, Reading

EVERYTHING = {("Prefix", "/"), ("ImplementationSpecific", "/*"), ("ImplementationSpecific", "")}
BACKEND = re.compile(r"^backend (\S+)$|^    server (\S+) (\S+) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Path:
    """One rule of an Ingress: which requests it takes, `kind` being the pathType, and who gets them."""

    host: str
    path: str
    kind: str
    service: str
    port: str

    @property
    def takes_all(self) -> bool:
        """Does it take every request for its host? ImplementationSpecific is read as an AWS ALB does."""
        return (self.kind, self.path) in EVERYTHING


@dataclass(frozen=True, slots=True)
class Ingress:
    """An Ingress; `address` is where it is served, empty as long as it is not."""

    name: str
    address: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """One target as HAProxy has it: `at` is ``ip:port``, `up` what its health check says."""

    name: str
    at: str
    up: bool
    requests: int


class Balancer:
    """Questions to the balancer of one moment."""

    def __init__(self, evidence: Evidence) -> None:
        self._objects, self._reading = evidence.objects, evidence.balancer

    @property
    def address(self) -> str:
        """The balancer's address; empty while it has nothing to do."""
        return self._reading.address if self._reading else ""

    def ingresses(self, namespace: str) -> tuple[Ingress, ...]:
        """The Ingresses of a namespace."""
        found = self._objects.get("ingresses", ())
        return tuple(_ingress(each) for each in found if each["metadata"].get("namespace") == namespace)

    def servers(self, namespace: str, service: str) -> tuple[Server, ...]:
        """What HAProxy shares a Service's requests out to; Broken if it runs and cannot be read."""
        if self._reading is None:
            return ()
        if self._reading.problem:
            raise Broken(
                f"the balancer cannot be read: {self._reading.problem}",
                "`lab status` shows it; `lab up` mends it",
            )
        told = _statistics(self._reading)
        return tuple(
            _server(name, at, told.get((backend, name), {}))
            for backend, name, at in _configured(self._reading)
            if _is_for(backend, namespace, service)
        )


def _is_for(backend: str, namespace: str, service: str) -> bool:
    """Backends are called NAMESPACE_INGRESS_SERVICE_PORT, and no name in Kubernetes has an underscore."""
    parts = backend.split("_")
    return len(parts) == 4 and (parts[0], parts[2]) == (namespace, service)


def _configured(reading: Reading) -> Iterator[tuple[str, str, str]]:
    """(backend, server, ip:port) of each line `server` in the configuration."""
    backend = ""
    for found in BACKEND.finditer(reading.texts.get("configuration", "")):
        backend = found[1] or backend
        if found[2]:
            yield backend, found[2], found[3]


def _statistics(reading: Reading) -> dict[tuple[str, str], dict[str, str]]:
    """The row of each server in HAProxy's CSV, by backend and name."""
    text = reading.texts.get("statistics", "").removeprefix("# ")
    return {(row["pxname"], row["svname"]): row for row in csv.DictReader(text.splitlines())}


def _server(name: str, at: str, row: dict[str, str]) -> Server:
    """`status` is UP, DOWN, and with a number behind it while it is about to change."""
    return Server(name, at, row.get("status", "").startswith("UP"), int(row.get("stot") or 0))


def _ingress(found: Object) -> Ingress:
    served = ((found.get("status") or {}).get("loadBalancer") or {}).get("ingress") or [{}]
    rules = found["spec"].get("rules") or ()
    paths = tuple(
        _path(rule.get("host", ""), each)
        for rule in rules
        for each in (rule.get("http") or {}).get("paths") or ()
    )
    return Ingress(found["metadata"]["name"], served[0].get("ip", ""), paths)


def _path(host: str, found: Object) -> Path:
    service: Object = found["backend"].get("service") or {}
    port = service.get("port") or {}
    where = host, found.get("path", ""), found.get("pathType", "")
    return Path(*where, service.get("name", ""), str(port.get("number") or port.get("name", "")))
