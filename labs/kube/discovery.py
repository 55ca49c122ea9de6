"""What this API serves, for ``kubectl api-resources``: aggregated and in the older, separate forms.

All of it is read from the table of kinds. ``metrics.k8s.io`` is named without any resource, so that ``kubectl
top`` asks us and gets an answer that says what to do instead of «Metrics API not available».
"""

from __future__ import annotations

from typing import Any

from labs.kube.kinds import GROUP_VERSIONS, ROWS, VERBS, Kind

Document = dict[str, Any]

# subresource → (kind it speaks, its group, its version, verbs); "" is the kind of its parent
SUBRESOURCES = {
    "attach": ("PodAttachOptions", "", "v1", ("create", "get")),
    "binding": ("Binding", "", "v1", ("create",)),
    "eviction": ("Eviction", "policy", "v1", ("create",)),
    "exec": ("PodExecOptions", "", "v1", ("create", "get")),
    "finalize": ("", "", "", ("update",)),
    "log": ("Pod", "", "v1", ("get",)),
    "scale": ("Scale", "autoscaling", "v1", ("get", "patch", "update")),
    "status": ("", "", "", ("get", "patch", "update")),
    "token": ("TokenRequest", "authentication.k8s.io", "v1", ("create",)),
}
# Kinds that are asked and answered, never stored (``reviews``)
REVIEWS = (
    ("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False),
    ("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", False),
    ("authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", True),
    ("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False),
    ("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False),
    ("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", False),
)
OTHER_GROUPS = (
    ("authentication.k8s.io", "v1"),
    ("authorization.k8s.io", "v1"),
    ("metrics.k8s.io", "v1beta1"),
)
ALL_GROUPS = tuple(group for group in GROUP_VERSIONS if group[0]) + OTHER_GROUPS


def versions(address: str) -> Document:
    """``GET /api``."""
    servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}


def groups() -> Document:
    """``GET /apis``."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*one) for one in ALL_GROUPS]}


def group(name: str) -> Document | None:
    """``GET /apis/GROUP``."""
    found = next((one for one in ALL_GROUPS if one[0] == name), None)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(*found)} if found else None


def _group(name: str, version: str) -> Document:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def resources(group: str, version: str) -> Document | None:
    """``GET /api/v1`` or ``/apis/GROUP/VERSION``."""
    if (group, version) not in (("", "v1"), *ALL_GROUPS):
        return None
    rows: list[Document] = []
    for kind in ROWS:
        if (kind.group, kind.version) == (group, version):
            rows.append(_resource(kind))
            rows += [_subresource(kind, name) for name in kind.subresources]
    rows += [
        {
            "name": plural,
            "singularName": kind.lower(),
            "namespaced": namespaced,
            "kind": kind,
            "verbs": ["create"],
        }
        for review_group, review_version, plural, kind, namespaced in REVIEWS
        if (review_group, review_version) == (group, version)
    ]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": rows}


def _resource(kind: Kind) -> Document:
    row: Document = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(VERBS),
    }
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    return row


def _subresource(kind: Kind, name: str) -> Document:
    spoken, group, version, verbs = SUBRESOURCES[name]
    row: Document = {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": spoken or kind.kind,
        "verbs": list(verbs),
    }
    if group:
        row |= {"group": group, "version": version}
    return row


def aggregated(core: bool) -> Document:
    """``GET /api`` or ``/apis`` with ``as=APIGroupDiscoveryList``: everything in one answer."""
    groups = [("", "v1")] if core else ALL_GROUPS
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [_aggregated_group(*one) for one in groups],
    }


def _aggregated_group(group: str, version: str) -> Document:
    listed = resources(group, version)
    rows = listed["resources"] if listed else []
    parents = [row for row in rows if "/" not in row["name"]]
    return {
        "metadata": {"name": group} if group else {},
        "versions": [
            {
                "version": version,
                "resources": [_aggregated(row, rows, group, version) for row in parents],
                "freshness": "Current",
            }
        ],
    }


def _aggregated(row: Document, rows: list[Document], group: str, version: str) -> Document:
    optional: Document = {field: row[field] for field in ("shortNames", "categories") if field in row}
    parts = [
        _aggregated_part(one, group, version) for one in rows if one["name"].startswith(row["name"] + "/")
    ]
    return {
        "resource": row["name"],
        "responseKind": {"group": group, "version": version, "kind": row["kind"]},
        "scope": "Namespaced" if row["namespaced"] else "Cluster",
        "singularResource": row["singularName"],
        "verbs": row["verbs"],
        **optional,
        **({"subresources": parts} if parts else {}),
    }


def _aggregated_part(row: Document, group: str, version: str) -> Document:
    kind = {"group": row.get("group", group), "version": row.get("version", version), "kind": row["kind"]}
    name = row["name"].partition("/")[2]
    return {"subresource": name, "responseKind": kind, "verbs": row["verbs"]}
