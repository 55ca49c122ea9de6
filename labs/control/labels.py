"""Labels, and the three kinds of selector that Kubernetes has for them.

A Service's selector is a plain mapping; a workload's is a LabelSelector; a node affinity term adds Gt and Lt.
All three end in requirements: a key, an operator, values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Labels = Mapping[str, str]


def subset(wanted: Labels, labels: Labels) -> bool:
    """True if every wanted label is there with its value: a Service's selector, a pod's nodeSelector."""
    return all(labels.get(key) == value for key, value in wanted.items())


def selects(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """A LabelSelector: an empty one selects everything, an absent one nothing."""
    if selector is None:
        return False
    if not subset(selector.get("matchLabels") or {}, labels):
        return False
    return all(fulfils(requirement, labels) for requirement in selector.get("matchExpressions") or ())


def fulfils(requirement: Mapping[str, Any], labels: Labels) -> bool:
    """One requirement; an operator this API does not know fulfils nothing."""
    operator = OPERATORS.get(requirement.get("operator", ""))
    values = requirement.get("values") or ()
    return operator is not None and operator(labels.get(requirement["key"]), values)


def _compare(found: str | None, values: Sequence[str], sign: int) -> bool:
    try:
        return found is not None and (int(found) - int(values[0])) * sign > 0
    except (ValueError, IndexError):
        return False


OPERATORS: dict[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda found, values: found in values,
    "NotIn": lambda found, values: found not in values,
    "Exists": lambda found, values: found is not None,
    "DoesNotExist": lambda found, values: found is None,
    "Gt": lambda found, values: _compare(found, values, 1),
    "Lt": lambda found, values: _compare(found, values, -1),
}
