"""The rules of a Service's addresses and families, as far as they need no knowledge of the cluster.

``ValidateServiceClusterIPsRelatedFields`` and the two ``validateUpgradeDowngrade…`` of
pkg/apis/core/validation; what the cluster has and has not is said by ``families`` and ``allocate``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labs.kube.families import FAMILIES, POLICIES, SINGLE, family_of
from labs.kube.fields import FieldError, duplicate, invalid
from labs.kube.objects import Object
from labs.kube.validation import values

ADDRESSES = "spec.clusterIPs"
POLICY = "spec.ipFamilyPolicy"
SET_ONCE = "may not change once set"
EXTERNAL = ("LoadBalancer", "NodePort")


def validate(spec: Object) -> Iterator[FieldError]:
    """Of a Service that is no ExternalName."""
    addresses, families = spec.get("clusterIPs") or [], spec.get("ipFamilies") or []
    if addresses and addresses[0] != spec.get("clusterIP"):
        yield invalid(ADDRESSES, addresses, "first value must match `clusterIP`")
    for number, family in enumerate(families):
        yield from values.one_of(f"spec.ipFamilies[{number}]", family, FAMILIES)
        if family in families[:number]:
            yield duplicate(f"spec.ipFamilies[{number}]", family)
    yield from values.optional_one_of(POLICY, spec.get("ipFamilyPolicy"), POLICIES)
    faults = list(_each(spec["type"], addresses))
    yield from faults
    if len(addresses) > len(FAMILIES):
        yield invalid(ADDRESSES, addresses, "may only hold up to 2 values")
    if not faults and "None" not in addresses:
        yield from _of_families(addresses, families)


def _each(type_: str, addresses: Sequence[str]) -> Iterator[FieldError]:
    for number, address in enumerate(addresses):
        path = f"{ADDRESSES}[{number}]"
        if address != "None" or number:
            yield from values.address(path, address)
        elif len(addresses) > 1:
            yield invalid(ADDRESSES, addresses, "'None' must be the first and only value")
        elif type_ in EXTERNAL:
            yield invalid(path, address, f"may not be set to 'None' for {type_} services")


def _of_families(addresses: Sequence[str], families: Sequence[str]) -> Iterator[FieldError]:
    found = [family_of(address) for address in addresses]
    if len(set(found)) < len(found):
        yield invalid(ADDRESSES, list(addresses), "may specify no more than one IP for each IP family")
    for number, (address, family) in enumerate(zip(addresses, families, strict=False)):
        if found[number] != family:
            rule = f"expected an {family} value as indicated by `ipFamilies[{number}]`"
            yield invalid(f"{ADDRESSES}[{number}]", address, rule)


def validate_update(new: Object, old: Object) -> Iterator[FieldError]:
    """The first address and family are kept for life; a second comes and goes with the policy."""
    after, before = new["spec"], old["spec"]
    if "ExternalName" in (after["type"], before["type"]):
        return
    headless = [spec.get("clusterIP") == "None" for spec in (after, before)]
    if not all(headless):
        yield from _kept(after, before, "clusterIPs", "clusterIP")
    if not any(headless):
        yield from _kept(after, before, "ipFamilies", "ipFamily")


def _kept(after: Object, before: Object, field: str, name: str) -> Iterator[FieldError]:
    has, had = after.get(field) or [], before.get(field) or []
    for number, (value, old) in enumerate(zip(has, had, strict=False)):
        if value != old:
            yield invalid(f"spec.{field}[{number}]", has, SET_ONCE)
    if len(had) > len(has) == 1 and after.get("ipFamilyPolicy") != SINGLE:
        rule = f"must be set to 'SingleStack' when releasing the secondary {name}"
        yield invalid(POLICY, after.get("ipFamilyPolicy"), rule)
