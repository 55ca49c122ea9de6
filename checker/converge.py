"""Has the cluster come to rest?

A learner scales and checks at once. For the next second the Deployment, the EndpointSlices and the rules of
each node say different things, and a check made in that second would be a coin toss. So what has not
passed is judged again until nothing is on its way any more, or the deadline is over; in a cluster at rest
it is judged at once, because then waiting changes nothing. A Deployment whose new pods do not become ready is
at rest, too, after some seconds: that is how a bad rollout ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from checker.cluster import Cluster
from checker.evidence import Evidence, Reading
from checker.variant import Variant

TO = re.compile(r'^(?:\[\d+:\d+\] )?-A \S+ .*--comment "?([^" ]+)"? .*--to-destination (\S+)', re.MULTILINE)

IN_VAIN = 4.0  # seconds; a pod that is not ready after so many is waited for no longer


def unsettled(evidence: Evidence, variant: Variant) -> str:
    """What is still on its way in the lab's namespaces, in words; empty for a cluster at rest."""
    cluster = Cluster(evidence)
    spaces = sorted(name for name in cluster.namespaces() if name in variant)
    reasons = chain(
        _silent(evidence.nodes),
        *(_incomplete(cluster, space, evidence.taken) for space in spaces),
        *(_behind(cluster, space, evidence.nodes) for space in spaces),
    )
    return next(reasons, "")


def _silent(readings: tuple[Reading, ...]) -> Iterator[str]:
    for reading in readings:
        if reading.problem or not reading.texts.get("mode", "").strip():
            yield f"{reading.name} or its kube-proxy does not answer"


def _incomplete(cluster: Cluster, space: str, taken: str) -> Iterator[str]:
    in_vain = _in_vain(cluster, space, taken)
    for each in cluster.deployments(space):
        if not (each.settled or (in_vain and each.made >= each.replicas)):
            yield f"Deployment {each.name} has {each.ready} of {each.replicas} pods ready"
    for pod in cluster.pods(space):
        if pod.leaving:
            yield f"pod {pod.name} is being deleted"


def _in_vain(cluster: Cluster, space: str, taken: str) -> bool:
    """Are there pods that are not ready, and have none of them been so for a short time only?"""
    waited = [_seconds(pod.since, taken) for pod in cluster.pods(space) if not pod.ready]
    return bool(waited) and min(waited) >= IN_VAIN


def _seconds(since: str, until: str) -> float:
    """Between two times of the API; 0 where one is not told."""
    if not (since and until):
        return 0.0
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def _behind(cluster: Cluster, space: str, readings: tuple[Reading, ...]) -> Iterator[str]:
    kept = [reading for reading in readings if reading.texts.get("mode", "").strip() == "iptables"]
    for service in cluster.services(space):
        wanted = {each.at for each in cluster.endpoints(space, service.name)}
        for reading in kept:
            if _written(reading, f"{space}/{service.name}") != wanted:
                yield f"the rules of {reading.name} do not follow the endpoints of {service.name}"


def _written(reading: Reading, service: str) -> set[str]:
    """The targets that a node's iptables rules have for a Service.

    Read with a pattern and not with `rulesets`: this is asked many times a second and needs no more.
    """
    found = TO.findall(reading.texts.get("rules", ""))
    return {to for comment, to in found if comment == service or comment.startswith(f"{service}:")}
