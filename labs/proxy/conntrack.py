"""Entries of connection tracking that would keep UDP going to the wrong place.

TCP ends; a UDP «connection» lasts as long as its client keeps sending from the same port, and nat only
looks at its first packet. So when an endpoint goes away, or a Service that had none gets its first, the
kernel's entries for it must go too. Which ones is a matter of facts; deleting them is ``conntrack -D``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labs.proxy.mode import Run
from labs.proxy.state import Endpoint, Family, ProxyState, ServicePort, ServicePortName
from vm.errors import CommandNotFound, MachineError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """UDP flows to an address and port (no address: a NodePort), answered by one endpoint or by any."""

    port: int
    address: str = ""
    endpoint_ip: str = ""
    endpoint_port: int = 0

    def filter(self) -> tuple[str, ...]:
        """The arguments of conntrack that select them."""
        words: list[str] = ["-p", "udp", "--orig-port-dst", str(self.port)]
        if self.address:
            words += ["--orig-dst", self.address]
        if self.endpoint_ip:
            words += ["--reply-src", self.endpoint_ip, "--reply-port-src", str(self.endpoint_port)]
        return tuple(words)


def stale_flows(before: ProxyState, after: ProxyState, names: Iterable[ServicePortName]) -> set[Flow]:
    """The flows that became stale between two states, looking at these Service ports."""
    udp = [name for name in names if name.protocol == "UDP"]
    return {flow for name in udp for flow in _stale(before, after, name)}


def _stale(before: ProxyState, after: ProxyState, name: ServicePortName) -> Iterator[Flow]:
    old, new = before.services.get(name), after.services.get(name)
    if old:
        for address, port in _entrances(old) - (_entrances(new) if new else set()):
            yield Flow(port, address)
        for endpoint in _gone(before.endpoints_of(name), after.endpoints_of(name)):
            for address, port in _entrances(old):
                yield Flow(port, address, endpoint.ip, endpoint.port)
    if new and not _ready(before, name) and _ready(after, name):
        for address, port in _entrances(new):
            yield Flow(port, address)


def _entrances(service: ServicePort) -> set[tuple[str, int]]:
    """(address, port) by which it is reached; the empty address stands for any of the node's."""
    addresses = (service.cluster_ip, *service.external_ips, *service.load_balancer_ips)
    node_port = {("", service.node_port)} if service.node_port else set()
    return {(address, service.port) for address in addresses} | node_port


def _gone(before: Iterable[Endpoint], after: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Endpoints that got traffic and cannot serve it now; one that terminates but serves is left alone."""
    serving = {str(endpoint) for endpoint in after if endpoint.serving}
    return (endpoint for endpoint in before if endpoint.serving and str(endpoint) not in serving)


def _ready(state: ProxyState, name: ServicePortName) -> bool:
    return any(endpoint.ready for endpoint in state.endpoints_of(name))


class Conntrack:
    """Deletes flows; where the program is missing it says so once."""

    def __init__(self, family: Family, run: Run) -> None:
        self._family = family
        self._run = run
        self._missing = False

    async def delete(self, flows: set[Flow]) -> int:
        """Delete all entries of these flows and count them.

        A failure is logged and no more: the rules are right regardless.
        """
        return sum([await self._try(flow) for flow in sorted(_covered(flows))])

    async def _try(self, flow: Flow) -> int:
        if self._missing:
            return 0
        try:
            return await self._delete(flow)
        except CommandNotFound:
            self._missing = True
            log.warning("stale UDP connections are not deleted: the program conntrack is not installed")
        except MachineError as error:
            log.error("stale UDP connections %s: %s", " ".join(flow.filter()), error)
        return 0

    async def _delete(self, flow: Flow) -> int:
        argv = ("conntrack", "-D", "-f", self._family.value.lower(), *flow.filter())
        done = await self._run(argv, check=False)
        found = re.search(r"(\d+) flow entries have been deleted", done.stderr)
        if not found:  # the code is 1 also when there was nothing to delete
            log.error("`%s` ended with code %d: %s", " ".join(argv), done.returncode, done.stderr.strip())
        return int(found[1]) if found else 0


def _covered(flows: set[Flow]) -> set[Flow]:
    """Without those that a wider flow of the set includes anyway."""
    whole = {(flow.address, flow.port) for flow in flows if not flow.endpoint_ip}
    return {flow for flow in flows if not flow.endpoint_ip or (flow.address, flow.port) not in whole}
