"""Facts in, objects out. Nothing here touches the kernel, the clock or a file."""

from __future__ import annotations

from collections.abc import Iterable

from labs.proxy.nftables.chains import affinity_sets, own_chains
from labs.proxy.nftables.dispatch import dispatch
from labs.proxy.nftables.fixed import fixed
from labs.proxy.nftables.names import service_base
from labs.proxy.nftables.objects import ServiceObjects, Table
from labs.proxy.nftables.options import Options
from labs.proxy.nftables.subject import Subject
from labs.proxy.nftables.wanted import Wanted
from labs.proxy.policy import choose
from labs.proxy.state import ProxyState, ServicePortName


def service_objects(state: ProxyState, name: ServicePortName, options: Options) -> ServiceObjects:
    """What one Service port adds to the table."""
    service = state.services[name]
    choice = choose(service, state.endpoints_of(name), state.node)
    subject = Subject(service, choice, options, state.node.address, service_base(name))
    chains: dict[str, tuple[str, ...]] = {}
    for chain, rule in own_chains(subject):
        chains[chain] = (*chains.get(chain, ()), rule)
    return ServiceObjects(tuple(dispatch(subject)), chains, affinity_sets(subject))


def update(
    wanted: Wanted, state: ProxyState, names: Iterable[ServicePortName], options: Options
) -> tuple[Table, Table]:
    """Bring it up to date with these Service ports; returns the objects touched, before and after.

    In the order of names, so that the same state gives the same text.
    """
    changed = {
        name: service_objects(state, name, options) if name in state.services else None
        for name in sorted(names)
    }
    return wanted.replace(fixed(options, state.service_cidrs), changed)


def table(state: ProxyState, options: Options) -> Table:
    """The whole table of this state."""
    wanted = Wanted()
    update(wanted, state, state.services, options)
    return wanted.table()
