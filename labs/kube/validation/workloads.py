"""The rules of Deployments, ReplicaSets and DaemonSets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labs.kube import metadata
from labs.kube.fields import FieldError, invalid, required
from labs.kube.objects import Object, dig
from labs.kube.selectors import label_selector_matcher
from labs.kube.validation import pod, values

OPERATORS = ("DoesNotExist", "Exists", "In", "NotIn")
STRATEGIES = ("Recreate", "RollingUpdate")
DAEMON_STRATEGIES = ("OnDelete", "RollingUpdate")


def deployment(obj: Object) -> Iterator[FieldError]:
    """A Deployment."""
    spec = obj["spec"]
    yield from _common(obj)
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        yield from values.not_negative(f"spec.{field}", spec.get(field))
    if (spec.get("progressDeadlineSeconds") or 0) <= (spec.get("minReadySeconds") or 0):
        rule = "must be greater than minReadySeconds"
        yield invalid("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], rule)
    strategy = spec["strategy"]
    yield from values.one_of("spec.strategy.type", strategy["type"], STRATEGIES)
    if strategy["type"] == "Recreate" and "rollingUpdate" in strategy:
        rule = "may not be specified when strategy `type` is 'Recreate'"
        yield FieldError("spec.strategy.rollingUpdate", "Forbidden", None, rule)
    yield from _rolling(strategy.get("rollingUpdate"), "spec.strategy.rollingUpdate")


def replica_set(obj: Object) -> Iterator[FieldError]:
    """A ReplicaSet."""
    yield from _common(obj)
    for field in ("replicas", "minReadySeconds"):
        yield from values.not_negative(f"spec.{field}", obj["spec"].get(field))


def daemon_set(obj: Object) -> Iterator[FieldError]:
    """A DaemonSet."""
    spec = obj["spec"]
    yield from _common(obj)
    for field in ("minReadySeconds", "revisionHistoryLimit"):
        yield from values.not_negative(f"spec.{field}", spec.get(field))
    strategy = spec["updateStrategy"]
    yield from values.one_of("spec.updateStrategy.type", strategy["type"], DAEMON_STRATEGIES)
    yield from _rolling(strategy.get("rollingUpdate"), "spec.updateStrategy.rollingUpdate")


def _rolling(rolling: Object | None, path: str) -> Iterator[FieldError]:
    if rolling is None:
        return
    for field in ("maxUnavailable", "maxSurge"):
        yield from values.count_or_percent(f"{path}.{field}", rolling.get(field))
    if _is_zero(rolling.get("maxUnavailable")) and _is_zero(rolling.get("maxSurge")):
        rule = "may not be 0 when `maxSurge` is 0"
        yield invalid(f"{path}.maxUnavailable", rolling.get("maxUnavailable"), rule)


def _is_zero(value: Any) -> bool:
    return str(value if value is not None else 0).removesuffix("%") == "0"


def _common(obj: Object) -> Iterator[FieldError]:
    """Selector and template, and that they go together."""
    spec = obj["spec"]
    selector = spec.get("selector")
    errors = list(label_selector(selector, "spec.selector"))
    yield from errors
    if selector is None:
        yield required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", selector, "empty selector is invalid for deployment")
    elif not errors:
        labels = dig(spec, "template", "metadata", "labels") or {}
        if not label_selector_matcher(selector)(labels):
            rule = "`selector` does not match template `labels`"
            yield invalid("spec.template.metadata.labels", labels, rule)
    yield from pod.template(obj)


def label_selector(selector: Object | None, path: str) -> Iterator[FieldError]:
    """A LabelSelector."""
    if selector is None:
        return
    yield from metadata.labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for number, one in enumerate(selector.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{number}]"
        if not one.get("key"):
            yield required(f"{where}.key")
        operator = one.get("operator")
        if operator not in OPERATORS:
            yield invalid(f"{where}.operator", operator, "not a valid selector operator")
        elif operator in ("In", "NotIn") and not one.get("values"):
            yield required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and one.get("values"):
            rule = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield FieldError(f"{where}.values", "Forbidden", None, rule)


def validate_update(new: Object, old: Object) -> Iterator[FieldError]:
    """What a workload selects is decided once."""
    before, after = dig(old, "spec", "selector"), dig(new, "spec", "selector")
    if before != after:
        yield invalid("spec.selector", after, "field is immutable")
