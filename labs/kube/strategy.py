"""What is particular to a kind when it is written: the table that the registry loops over.

A kind without a row is stored as it comes, after the checks all kinds have (schema, metadata).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labs.kube import defaults, servicetypes
from labs.kube.fields import FieldError
from labs.kube.objects import Object
from labs.kube.quality import quality
from labs.kube.validation import balancer, data, ingress, pod, service, workloads

Change = Callable[[Object], None]
Transition = Callable[[Object, Object], None]
Check = Callable[[Object], Iterable[FieldError]]
Comparison = Callable[[Object, Object], Iterable[FieldError]]


def _nothing(*_: Object) -> None:
    """No change."""


def _fine(*_: Object) -> Iterable[FieldError]:
    return ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """The steps of a write that depend on the kind, in their order."""

    default: Change = _nothing  # fill in what was left out; must not change anything when applied again
    on_create: Change = _nothing  # after defaulting; the status an object is born with
    on_update: Transition = _nothing  # (new, old), after defaulting
    validate: Check = _fine
    validate_create: Check = _fine  # what only a new one must meet
    validate_update: Comparison = _fine  # (new, old): what must not change
    validate_status: Check = _fine  # of a write to the subresource ``status``
    counts_generations: bool = False
    keeps_status: bool = False  # a status sent at creation is kept


def _born(**status: object) -> Change:
    def set_status(obj: Object) -> None:
        obj["status"] = dict(status)

    return set_status


def _pod_born(obj: Object) -> None:
    obj["status"] = {"phase": "Pending", "qosClass": quality(obj["spec"])}


STRATEGIES: dict[str, Strategy] = {
    "ConfigMap": Strategy(validate=data.config_map, validate_update=data.unchanged),
    "DaemonSet": Strategy(
        default=defaults.daemon_set,
        on_create=_born(
            currentNumberScheduled=0, numberMisscheduled=0, desiredNumberScheduled=0, numberReady=0
        ),
        validate=workloads.daemon_set,
        validate_update=workloads.validate_update,
        counts_generations=True,
    ),
    "Deployment": Strategy(
        default=defaults.deployment,
        on_create=_born(),
        validate=workloads.deployment,
        validate_update=workloads.validate_update,
        counts_generations=True,
    ),
    "Endpoints": Strategy(default=defaults.endpoints, validate=data.endpoints),
    "EndpointSlice": Strategy(
        default=defaults.endpoint_slice,
        validate=data.endpoint_slice,
        validate_update=data.endpoint_slice_update,
        counts_generations=True,
    ),
    "Event": Strategy(validate=data.event),
    "Ingress": Strategy(
        on_create=_born(loadBalancer={}),
        validate=ingress.ingress,
        validate_create=ingress.ingress_create,
        validate_status=balancer.ingress_status,
        counts_generations=True,
    ),
    "IngressClass": Strategy(
        default=defaults.ingress_class,
        validate=ingress.ingress_class,
        validate_update=ingress.ingress_class_update,
        counts_generations=True,
    ),
    "Namespace": Strategy(default=defaults.namespace, on_create=_born(phase="Active")),
    "Node": Strategy(validate_update=data.node_update, keeps_status=True),
    "Pod": Strategy(
        default=defaults.pod,
        on_create=_pod_born,
        validate=pod.validate,
        validate_update=pod.validate_update,
        counts_generations=True,
    ),
    "ReplicaSet": Strategy(
        default=defaults.replica_set,
        on_create=_born(replicas=0),
        validate=workloads.replica_set,
        validate_update=workloads.validate_update,
        counts_generations=True,
    ),
    "Secret": Strategy(default=defaults.secret, validate=data.secret, validate_update=data.secret_unchanged),
    "Service": Strategy(
        default=defaults.service,
        on_create=_born(loadBalancer={}),
        on_update=servicetypes.settle,
        validate=service.validate,
        validate_update=service.validate_update,
        validate_status=balancer.service_status,
    ),
    "ServiceCIDR": Strategy(
        on_create=_born(conditions=[]),
        validate=data.service_cidr,
        validate_update=data.service_cidr_update,
    ),
}
PLAIN = Strategy()


def strategy(kind: str) -> Strategy:
    """The row of a kind."""
    return STRATEGIES.get(kind, PLAIN)
