"""The rules that choose one of a Service port's endpoints, and those that send the packet there."""

from __future__ import annotations

from collections.abc import Iterator

from labs.proxy.iptables.subject import Subject
from labs.proxy.netfilter.masquerade import MARK_MASQ
from labs.proxy.netfilter.ruleset import rule
from labs.proxy.state import Endpoint

Endpoints = tuple[Endpoint, ...]


def probability(remaining: int) -> str:
    """1/n with ten digits. The kernel rounds to 31 bits, so more would be pretence."""
    return f"{1 / remaining:.10f}"


def _leads_to(subject: Subject, endpoint: Endpoint) -> str:
    return f"{subject.name} -> {endpoint}" if subject.comments else ""


def affinity_rules(subject: Subject, endpoints: Endpoints) -> Iterator[str]:
    """Who was sent to an endpoint before goes there again, so these come before the choice."""
    seconds = subject.service.affinity_seconds
    for endpoint in endpoints if seconds else ():
        chain = subject.endpoint_chain(endpoint)
        recent = f"-m recent --name {chain} --rcheck --seconds {seconds} --reap"
        yield rule(_leads_to(subject, endpoint), recent, f"-j {chain}")


def choice_rules(subject: Subject, endpoints: Endpoints) -> Iterator[str]:
    """Each rule takes its share of what the rules before it left over; the last takes the rest.

    Of three: 1/3 of all, 1/2 of the remaining 2/3, the remaining 1/3 whole.
    """
    for remaining, endpoint in zip(range(len(endpoints), 0, -1), endpoints, strict=True):
        share = f"-m statistic --mode random --probability {probability(remaining)}" if remaining > 1 else ""
        yield rule(_leads_to(subject, endpoint), share, f"-j {subject.endpoint_chain(endpoint)}")


def endpoint_rules(subject: Subject, endpoint: Endpoint, chain: str) -> Iterator[str]:
    """Hairpin first: an endpoint that reaches itself would answer its own address, past conntrack."""
    text = str(subject.name) if subject.comments else ""
    yield rule(text, f"-s {endpoint.ip}", f"-j {MARK_MASQ}")
    recent = f"-m recent --name {chain} --set" if subject.service.affinity_seconds else ""
    yield rule(text, recent, subject.protocol, f"-j DNAT --to-destination {endpoint}")
