"""Label and field selectors: ``app in (a,b),!old`` and ``spec.nodeName=worker-1,status.phase!=Running``.

Both are parsed into a predicate over an object; the texts of errors are apimachinery's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from labs.kube.kinds import Kind
from labs.kube.objects import Object, dig
from labs.kube.status import StatusError, bad_request

Predicate = Callable[[Object], bool]
Requirement = Callable[[Mapping[str, str]], bool]

# <key> <operator> <values>, the operators of apimachinery/pkg/labels
KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
FORMS = (
    (re.compile(rf"\s*(?P<key>{KEY})\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)\s*"), "set"),
    (re.compile(rf"\s*(?P<key>{KEY})\s*(?P<op>==|=|!=)\s*(?P<values>[-A-Za-z0-9_.]*)\s*"), "equal"),
    (re.compile(rf"\s*(?P<key>{KEY})\s*(?P<op>>|<)\s*(?P<values>-?\d+)\s*"), "number"),
    (re.compile(rf"\s*(?P<op>!?)\s*(?P<key>{KEY})\s*"), "exists"),
)

COMMON_FIELDS = ("metadata.name", "metadata.namespace")
# The fields each kind can be selected by: the GetAttrs and conversion functions of the real registries.
FIELDS: dict[str, tuple[str, ...]] = {
    "Event": (
        "involvedObject.apiVersion",
        "involvedObject.fieldPath",
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.resourceVersion",
        "involvedObject.uid",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "Pod": (
        "spec.hostNetwork",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.nominatedNodeName",
        "status.phase",
        "status.podIP",
    ),
    "ReplicaSet": ("status.replicas",),
    "Secret": ("type",),
    "Service": ("spec.clusterIP", "spec.type"),
}
ELSEWHERE = {"source": ("source", "component")}
DEFAULTS = {"spec.hostNetwork": "false", "spec.unschedulable": "false", "status.replicas": "0"}


def labels_matcher(text: str) -> Predicate:
    """The predicate of a label selector; the empty text selects everything."""
    requirements = _requirements(text)
    if not requirements:
        return _everything

    def matches(obj: Object) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(holds(labels) for holds in requirements)

    return matches


def _everything(_: Object) -> bool:
    return True


def _requirements(text: str) -> list[Requirement]:
    found = []
    rest = text
    while rest.strip():
        requirement, end = _first(rest, text)
        found.append(requirement)
        rest = rest[end + 1 :]
    return found


def _first(rest: str, text: str) -> tuple[Requirement, int]:
    """The requirement that ``rest`` begins with, and where it ends."""
    for form, meaning in FORMS:
        match = form.match(rest)
        if match and (match.end() == len(rest) or rest[match.end()] == ","):
            values = match.groupdict().get("values", "")
            return _requirement(meaning, match["key"], match["op"], values), match.end()
    raise unreadable(text)


def unreadable(text: str) -> StatusError:
    """A selector that cannot be parsed."""
    return bad_request(
        f'unable to parse requirement: found "{text}", expected: `<key>`, `!<key>`, `<key>=<value>`, '
        "`<key>!=<value>`, `<key> in (<value>,…)` or `<key> notin (<value>,…)`, separated by commas"
    )


def _requirement(meaning: str, key: str, operator: str, values: str) -> Requirement:
    if meaning == "exists":
        return lambda labels: (key in labels) is (operator != "!")
    if meaning == "number":
        limit, sign = int(values), 1 if operator == ">" else -1
        return lambda labels: _is_number(labels.get(key)) and sign * (int(labels[key]) - limit) > 0
    wanted = frozenset(value.strip() for value in values.split(","))
    if operator in ("!=", "notin"):
        return lambda labels: labels.get(key) not in wanted
    return lambda labels: labels.get(key) in wanted


def _is_number(value: str | None) -> bool:
    return value is not None and re.fullmatch(r"-?\d+", value) is not None


def label_selector_matcher(selector: Mapping[str, Any]) -> Callable[[Mapping[str, str]], bool]:
    """The predicate over labels of a LabelSelector object (``matchLabels``, ``matchExpressions``)."""
    equal = dict(selector.get("matchLabels") or {})
    expressions = list(selector.get("matchExpressions") or ())

    def matches(labels: Mapping[str, str]) -> bool:
        return all(labels.get(key) == value for key, value in equal.items()) and all(
            _expression(one, labels) for one in expressions
        )

    return matches


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    listed = value in (expression.get("values") or ())
    holds = {
        "In": value is not None and listed,
        "NotIn": not listed,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return holds[expression["operator"]]


def selector_text(selector: Object) -> str:
    """A LabelSelector in the form of ``kubectl get -l``."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        values = ",".join(sorted(one.get("values") or ()))
        forms = {
            "In": f"{one['key']} in ({values})",
            "NotIn": f"{one['key']} notin ({values})",
            "Exists": one["key"],
            "DoesNotExist": f"!{one['key']}",
        }
        parts.append(forms[one["operator"]])
    return ",".join(parts)


def fields_matcher(kind: Kind, text: str) -> Predicate:
    """The predicate of a field selector; a field that the kind cannot be selected by is refused."""
    wanted = [_field_requirement(kind, text, part) for part in text.split(",") if part.strip()]
    if not wanted:
        return _everything

    def matches(obj: Object) -> bool:
        return all((_field(obj, field) == value) is equal for field, value, equal in wanted)

    return matches


def _field_requirement(kind: Kind, text: str, part: str) -> tuple[str, str, bool]:
    match = re.fullmatch(r"\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*", part)
    if match is None:
        raise bad_request(f"invalid field selector: {text!r}; can't understand {part!r}")
    field, operator, value = match.groups()
    if field not in COMMON_FIELDS + FIELDS.get(kind.kind, ()):
        raise bad_request(f"field label not supported: {field}")
    return field, value, operator != "!="


def _field(obj: Object, field: str) -> str:
    value = dig(obj, *ELSEWHERE.get(field, field.split(".")))
    if value is None:
        return DEFAULTS.get(field, "")
    return str(value).lower() if isinstance(value, bool) else str(value)
