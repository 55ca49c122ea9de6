"""Facts in, a whole ruleset out. Nothing here touches the kernel, the clock or a file.

What a Service port's rules are depends on that Service port, its endpoints, the options and the node;
so they are kept by Service port and only those that changed are made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labs.proxy.iptables import static
from labs.proxy.iptables.chains import own_chains
from labs.proxy.iptables.dispatch import Placed, dispatch
from labs.proxy.iptables.names import service_base
from labs.proxy.iptables.options import Options
from labs.proxy.iptables.subject import Subject
from labs.proxy.netfilter.ruleset import Chains, Ruleset, chains_of
from labs.proxy.policy import choose
from labs.proxy.state import ProxyState, ServicePortName

LARGE = 1000
"""With more endpoints than this in the cluster, rules are written without the comments that repeat."""


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """The rules of one Service port: those in shared chains, and its own chains."""

    dispatch: tuple[tuple[str, str, str], ...]
    chains: Chains


def is_large(state: ProxyState) -> bool:
    """Whether the cluster has so many endpoints that size matters more than comments."""
    return sum(map(len, state.endpoints.values())) > LARGE


def service_rules(state: ProxyState, name: ServicePortName, options: Options, *, large: bool) -> ServiceRules:
    """The rules of one Service port."""
    service = state.services[name]
    choice = choose(service, state.endpoints_of(name), state.node)
    subject = Subject(
        service, choice, options, state.node.address, comments=not large, base=service_base(service)
    )
    return ServiceRules(tuple(dispatch(subject)), chains_of(own_chains(subject)))


def all_service_rules(
    state: ProxyState, names: Iterable[ServicePortName], options: Options
) -> dict[ServicePortName, ServiceRules]:
    """The rules of these Service ports, as far as they (still) exist."""
    large = is_large(state)
    return {
        name: service_rules(state, name, options, large=large) for name in names if name in state.services
    }


def compose(services: Mapping[ServicePortName, ServiceRules], options: Options) -> Ruleset:
    """The whole ruleset: static chains, the shared chains with all Services in them, the Services' own."""
    ordered = [services[name] for name in sorted(services)]
    ruleset = _empty(options)
    for table, rules in _by_table(options, ordered).items():
        ruleset[table].update(chains_of(rules))
    for service in ordered:
        ruleset["nat"].update(service.chains)
    return ruleset


def rules(state: ProxyState, options: Options) -> Ruleset:
    """The whole ruleset of this state."""
    return compose(all_service_rules(state, state.services, options), options)


def _empty(options: Options) -> Ruleset:
    ruleset = Ruleset()
    for table, chains in static.CHAINS.items():
        ruleset[table].update(dict.fromkeys(chains, ()))
        ruleset[table][static.CANARY] = ()
    if options.serves_localhost:
        ruleset["filter"][static.LOCALNET_FIREWALL] = ()
    return ruleset


def _by_table(options: Options, services: list[ServiceRules]) -> dict[str, list[tuple[str, str]]]:
    tables: dict[str, list[tuple[str, str]]] = {"filter": [], "nat": []}
    for table, chain, rule in _shared(options, services):
        tables[table].append((chain, rule))
    return tables


def _shared(options: Options, services: list[ServiceRules]) -> Placed:
    yield from static.static_rules(options)
    for service in services:
        yield from service.dispatch
    for rule in static.node_port_dispatch(options):
        yield "nat", static.SERVICES, rule
