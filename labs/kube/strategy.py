"""What is particular to a kind when it is written: the table that the registry loops over.

A kind without a row is stored as it comes, after the checks all kinds have (schema, metadata).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labs.kube import defaults
from labs.kube.fields import FieldError
from labs.kube.objects import Object

Change = Callable[[Object], None]
Check = Callable[[Object], Iterable[FieldError]]
Comparison = Callable[[Object, Object], Iterable[FieldError]]


def _nothing(_: Object) -> None:
    """No change."""


def _fine(*_: Object) -> Iterable[FieldError]:
    return ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """The steps of a write that depend on the kind, in their order."""

    default: Change = _nothing  # fill in what was left out; must not change anything when applied again
    on_create: Change = _nothing  # after defaulting; the status an object is born with
    validate: Check = _fine
    validate_update: Comparison = _fine  # (new, old): what must not change
    counts_generations: bool = False
    keeps_status: bool = False  # a status sent at creation is kept


def _born(**status: object) -> Change:
    def set_status(obj: Object) -> None:
        obj["status"] = dict(status)

    return set_status


STRATEGIES: dict[str, Strategy] = {
    "Namespace": Strategy(default=defaults.namespace, on_create=_born(phase="Active")),
    "Pod": Strategy(
        default=defaults.pod,
        on_create=_born(phase="Pending"),
        counts_generations=True,
    ),
    "Service": Strategy(default=defaults.service, on_create=_born(loadBalancer={})),
    "Endpoints": Strategy(default=defaults.endpoints),
    "Secret": Strategy(default=defaults.secret),
    "Deployment": Strategy(
        default=defaults.deployment,
        on_create=_born(),
        counts_generations=True,
    ),
    "ReplicaSet": Strategy(
        default=defaults.replica_set,
        on_create=_born(replicas=0),
        counts_generations=True,
    ),
    "DaemonSet": Strategy(
        default=defaults.daemon_set,
        on_create=_born(
            currentNumberScheduled=0, numberMisscheduled=0, desiredNumberScheduled=0, numberReady=0
        ),
        counts_generations=True,
    ),
    "EndpointSlice": Strategy(default=defaults.endpoint_slice, counts_generations=True),
    "Node": Strategy(keeps_status=True),
}
PLAIN = Strategy()


def strategy(kind: str) -> Strategy:
    """The row of a kind."""
    return STRATEGIES.get(kind, PLAIN)
