"""The rules of ``metadata``: names, labels, annotations, owners, finalizers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labs.kube.fields import FieldError, forbidden, invalid, required, too_long
from labs.kube.kinds import Kind
from labs.kube.objects import Object

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
ANNOTATIONS_LIMIT = 256 * 1024  # bytes of all keys and values together

LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
QUALIFIED_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
LABEL_NAMED = ("Namespace", "Service")  # kinds whose name becomes part of a DNS name


def label_faults(value: str) -> Iterator[str]:
    """What keeps a text from being a DNS label."""
    if len(value) > 63:
        yield "must be no more than 63 bytes"
    if not LABEL.fullmatch(value):
        yield LABEL_RULE


def subdomain_faults(value: str) -> Iterator[str]:
    """What keeps a text from being a DNS subdomain."""
    if len(value) > 253:
        yield "must be no more than 253 bytes"
    if not SUBDOMAIN.fullmatch(value):
        yield SUBDOMAIN_RULE


def qualified_faults(value: str) -> Iterator[str]:
    """What keeps a text from being a label's key: ``[prefix/]name``."""
    prefix, slash, name = value.rpartition("/")
    if slash:
        for fault in subdomain_faults(prefix):
            yield f"prefix part {fault}"
    if not name:
        yield "name part must be non-empty"
    if len(name) > 63:
        yield "name part must be no more than 63 bytes"
    if not QUALIFIED.fullmatch(name):
        yield QUALIFIED_RULE


def value_faults(value: str) -> Iterator[str]:
    """What keeps a text from being a label's value."""
    if len(value) > 63:
        yield "must be no more than 63 bytes"
    if value and not QUALIFIED.fullmatch(value):
        yield VALUE_RULE


def labels(values: Mapping[str, Any] | None, path: str) -> Iterator[FieldError]:
    """The rules of a map of labels."""
    for key, value in (values or {}).items():
        yield from (invalid(path, key, fault) for fault in qualified_faults(key))
        yield from (invalid(path, value, fault) for fault in value_faults(value))


def validate(kind: Kind, obj: Object) -> Iterator[FieldError]:
    """The rules every object's metadata must meet."""
    data = obj["metadata"]
    name = data.get("name", "")
    faults = label_faults if kind.kind in LABEL_NAMED else subdomain_faults
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from (invalid("metadata.name", name, fault) for fault in faults(name))
    yield from labels(data.get("labels"), "metadata.labels")
    yield from _annotations(data.get("annotations") or {})
    yield from _owners(data.get("ownerReferences") or ())
    for finalizer in data.get("finalizers") or ():
        yield from (invalid("metadata.finalizers", finalizer, fault) for fault in qualified_faults(finalizer))


def _annotations(values: Mapping[str, str]) -> Iterator[FieldError]:
    for key in values:
        yield from (invalid("metadata.annotations", key, fault) for fault in qualified_faults(key.lower()))
    if sum(len(key) + len(value) for key, value in values.items()) > ANNOTATIONS_LIMIT:
        yield too_long("metadata.annotations", ANNOTATIONS_LIMIT)


def _owners(owners: Sequence[Object]) -> Iterator[FieldError]:
    for number, owner in enumerate(owners):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield required(f"metadata.ownerReferences[{number}].{field}")
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        rule = "Only one reference can have Controller set to true."
        yield invalid("metadata.ownerReferences", owners, rule)


def validate_update(new: Object, old: Object) -> Iterator[FieldError]:
    """What must stay as it was, and that a dying object takes no new finalizers."""
    for field in ("name", "namespace"):
        if new["metadata"].get(field) != old["metadata"].get(field):
            yield invalid(f"metadata.{field}", new["metadata"].get(field), "field is immutable")
    added = set(new["metadata"].get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
    if old["metadata"].get("deletionTimestamp") and added:
        rule = "no new finalizers can be added if the object is being deleted, found new finalizers"
        yield forbidden("metadata.finalizers", f"{rule} {sorted(added)}")
