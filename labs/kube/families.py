"""In which IP families a Service has addresses: what is decided when it is written.

A Service asks by ``ipFamilyPolicy`` and, if it likes, names ``ipFamilies`` or ``clusterIPs``; what it leaves
out is filled in from what the cluster has. The steps are those of the real registry (``initIPFamilyFields``
in pkg/registry/core/service/storage/alloc.go), in its order, for the order decides which error is said.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from labs.kube.fields import FieldError, invalid
from labs.kube.objects import Object

FAMILIES = ("IPv4", "IPv6")
SINGLE, PREFER, REQUIRE = POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")
POLICY = "spec.ipFamilyPolicy"
LISTS = (  # field, what errors call its second value, what they call two of them
    ("clusterIPs", "secondary cluster IP", "cluster IPs"),
    ("ipFamilies", "secondary IP family", "IP families"),
)


def family_of(address: str) -> str:
    """``IPv4`` or ``IPv6``; the address is valid."""
    return f"IPv{ipaddress.ip_address(address).version}"


def decide(service: Object, old: Object | None, configured: Sequence[str]) -> list[FieldError]:
    """Fill in policy and families; ``configured`` are the cluster's, its default first."""
    spec: Object = service["spec"]
    before: Object = (old or {}).get("spec", {})
    if spec["type"] == "ExternalName" or _prefers_as_before(spec, before):
        return []
    if not spec.get("ipFamilyPolicy"):
        spec["ipFamilyPolicy"] = before.get("ipFamilyPolicy") or (REQUIRE if _free(spec) else SINGLE)
    problems = [*_shrink(spec, before), *_too_many(spec), *_infer(spec, configured)]
    if not problems and not _free(spec):
        problems = list(_not_configured(spec, configured))
    if not problems:
        _complete(spec, configured)
    return problems


def _prefers_as_before(spec: Object, before: Object) -> bool:
    """A Service that prefers two families is not changed behind its back when the cluster gets a second."""
    same = all(spec.get(field) == before.get(field) for field in ("type", "clusterIPs", "ipFamilies"))
    return same and spec.get("ipFamilyPolicy") == before.get("ipFamilyPolicy") == PREFER


def _free(spec: Object) -> bool:
    """Headless and without selector: its endpoints may be of any family, whatever the cluster has."""
    return spec.get("clusterIP") == "None" and not spec.get("selector")


def _shrink(spec: Object, before: Object) -> Iterator[FieldError]:
    """SingleStack gives the second value back; without it nobody may leave it out."""
    for field, name, _ in LISTS:
        had, has = before.get(field) or [], spec.get(field) or []
        if spec["ipFamilyPolicy"] == SINGLE and had == has:
            spec[field] = has[:1]
        elif spec["ipFamilyPolicy"] != SINGLE and 0 < len(has) < len(had):
            yield invalid(POLICY, spec["ipFamilyPolicy"], f"must be 'SingleStack' to release the {name}")


def _too_many(spec: Object) -> Iterator[FieldError]:
    for field, _, names in LISTS:
        if spec["ipFamilyPolicy"] == SINGLE and len(spec.get(field) or ()) > 1:
            rule = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {names} are specified"
            yield invalid(POLICY, SINGLE, rule)


def _infer(spec: Object, configured: Sequence[str]) -> Iterator[FieldError]:
    """Who names addresses has named their families."""
    families = list(spec.get("ipFamilies") or ())
    addresses = [address for address in spec.get("clusterIPs") or () if address != "None"]
    for number, address in enumerate(addresses[len(families) :], len(families)):
        family = family_of(address)
        families.append(family)
        if family not in configured:
            rule = f"{family} is not configured on this cluster"
            yield invalid(f"spec.clusterIPs[{number}]", spec["clusterIPs"], rule)
    spec["ipFamilies"] = families


def _not_configured(spec: Object, configured: Sequence[str]) -> Iterator[FieldError]:
    if spec["ipFamilyPolicy"] == REQUIRE and len(configured) < len(FAMILIES):
        yield invalid(POLICY, REQUIRE, "this cluster is not configured for dual-stack services")
    for number, family in enumerate(spec["ipFamilies"]):
        if family not in configured:
            yield invalid(f"spec.ipFamilies[{number}]", family, "not configured on this cluster")


def _complete(spec: Object, configured: Sequence[str]) -> None:
    families = spec["ipFamilies"] or [configured[0]]
    if spec["ipFamilyPolicy"] != SINGLE:
        possible = FAMILIES if _free(spec) else configured
        families = [*families, *(family for family in possible if family not in families)]
    spec["ipFamilies"] = families
