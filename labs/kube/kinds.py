"""The kinds of object this API serves, as a table: to serve another kind, add a row.

Everything that needs to know a kind (paths, discovery, tables, storage, the client) looks it up here, so an
object's place in the API is written down once. Names are those of ``kubectl api-resources``.
"""

from __future__ import annotations

from dataclasses import dataclass

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of ``kubectl api-resources``; ``group`` is empty for the core group."""

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    model: str = ""  # class of the official client that describes it; the default is "V1" + kind
    returns_deleted: bool = False  # a deletion answers with the object instead of a Status
    warning: str = ""  # sent with every answer, as the real server does for what is deprecated

    @property
    def api_version(self) -> str:
        """``v1`` or ``apps/v1``: what objects carry as ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        """``service``: the name for one, as kubectl accepts it."""
        return self.kind.lower()

    @property
    def resource(self) -> str:
        """``deployments.apps``: how error messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def model_name(self) -> str:
        """The class of the official Python client that carries the fields' types and descriptions."""
        return self.model or f"V1{self.kind}"

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of one object, or of the collection where no name is given."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return "/".join(part for part in (root + place, self.plural, name, subresource) if part)


ROWS = (
    Kind("ConfigMap", "configmaps", short_names=("cm",)),
    Kind(
        "Endpoints",
        "endpoints",
        short_names=("ep",),
        warning="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ),
    Kind("Event", "events", short_names=("ev",), model="CoreV1Event"),
    Kind(
        "Namespace", "namespaces", namespaced=False, short_names=("ns",), subresources=("finalize", "status")
    ),
    Kind("Node", "nodes", namespaced=False, short_names=("no",), subresources=("status",)),
    Kind(
        "Pod",
        "pods",
        short_names=("po",),
        categories=("all",),
        returns_deleted=True,
        subresources=("binding", "eviction", "exec", "log", "status"),
    ),
    Kind("Secret", "secrets"),
    Kind(
        "ServiceAccount",
        "serviceaccounts",
        short_names=("sa",),
        subresources=("token",),
        returns_deleted=True,
    ),
    Kind(
        "Service",
        "services",
        short_names=("svc",),
        categories=("all",),
        subresources=("status",),
        returns_deleted=True,
    ),
    Kind("ControllerRevision", "controllerrevisions", "apps"),
    Kind(
        "DaemonSet",
        "daemonsets",
        "apps",
        short_names=("ds",),
        categories=("all",),
        subresources=("status",),
    ),
    Kind(
        "Deployment",
        "deployments",
        "apps",
        short_names=("deploy",),
        categories=("all",),
        subresources=("scale", "status"),
    ),
    Kind(
        "ReplicaSet",
        "replicasets",
        "apps",
        short_names=("rs",),
        categories=("all",),
        subresources=("scale", "status"),
    ),
    Kind("Lease", "leases", "coordination.k8s.io"),
    Kind("EndpointSlice", "endpointslices", "discovery.k8s.io"),
    Kind(
        "Ingress",
        "ingresses",
        "networking.k8s.io",
        short_names=("ing",),
        subresources=("status",),
    ),
    Kind("IngressClass", "ingressclasses", "networking.k8s.io", namespaced=False),
    Kind(
        "ServiceCIDR",
        "servicecidrs",
        "networking.k8s.io",
        namespaced=False,
        subresources=("status",),
    ),
)

# Kinds people will try: what to use here instead.
NO_RBAC = "there is no RBAC: every token may do everything"
LEFT_OUT = {
    "clusterrolebindings": NO_RBAC,
    "clusterroles": NO_RBAC,
    "cronjobs": "there are no batch kinds; `kubectl run` starts a single pod",
    "customresourcedefinitions": "kinds cannot be added",
    "horizontalpodautoscalers": "there are no metrics; use `kubectl scale`",
    "jobs": "there are no batch kinds; `kubectl run --restart=Never` starts a single pod",
    "networkpolicies": "nothing enforces them here",
    "persistentvolumeclaims": "pods have hostPath and emptyDir volumes",
    "persistentvolumes": "pods have hostPath and emptyDir volumes",
    "poddisruptionbudgets": "evictions are never held back here",
    "priorityclasses": "nothing is preempted here, and any name of a class is taken",
    "replicationcontrollers": "use a Deployment",
    "resourcequotas": "nothing is limited here",
    "rolebindings": NO_RBAC,
    "roles": NO_RBAC,
    "statefulsets": "use a Deployment, or a DaemonSet for one pod a node",
}

KINDS: dict[str, Kind] = {row.kind: row for row in ROWS}
RESOURCES: dict[tuple[str, str, str], Kind] = {(row.group, row.version, row.plural): row for row in ROWS}
GROUP_VERSIONS: tuple[tuple[str, str], ...] = tuple(dict.fromkeys((row.group, row.version) for row in ROWS))
