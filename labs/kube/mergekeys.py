"""How a strategic merge patch joins lists, by model and field: the ``patchStrategy`` tags of the Go types.

A list with a merge key is joined item by item, the key telling which are the same; a merged set of plain
values grows; every other list is replaced. ``retainKeys`` marks unions: a patch names the members that stay.
"""

from __future__ import annotations

MERGE_KEYS = {
    ("V1ObjectMeta", "ownerReferences"): "uid",
    ("V1PodSpec", "containers"): "name",
    ("V1PodSpec", "ephemeralContainers"): "name",
    ("V1PodSpec", "hostAliases"): "ip",
    ("V1PodSpec", "imagePullSecrets"): "name",
    ("V1PodSpec", "initContainers"): "name",
    ("V1PodSpec", "resourceClaims"): "name",
    ("V1PodSpec", "schedulingGates"): "name",
    ("V1PodSpec", "topologySpreadConstraints"): "topologyKey",
    ("V1PodSpec", "volumes"): "name",
    ("V1Container", "env"): "name",
    ("V1Container", "ports"): "containerPort",
    ("V1Container", "volumeDevices"): "devicePath",
    ("V1Container", "volumeMounts"): "mountPath",
    ("V1PodStatus", "conditions"): "type",
    ("V1PodStatus", "hostIPs"): "ip",
    ("V1PodStatus", "podIPs"): "ip",
    ("V1ServiceSpec", "ports"): "port",
    ("V1ServiceStatus", "conditions"): "type",
    ("V1ServiceAccount", "secrets"): "name",
    ("V1ServiceAccount", "imagePullSecrets"): "name",
    ("V1NodeStatus", "addresses"): "type",
    ("V1NodeStatus", "conditions"): "type",
    ("V1NamespaceStatus", "conditions"): "type",
    ("V1DeploymentStatus", "conditions"): "type",
    ("V1ReplicaSetStatus", "conditions"): "type",
    ("V1DaemonSetStatus", "conditions"): "type",
}
MERGED_SETS = frozenset({("V1ObjectMeta", "finalizers"), ("V1NodeSpec", "podCIDRs")})
RETAIN_KEYS = frozenset(
    {("V1PodSpec", "volumes"), ("V1PodSpec", "resourceClaims"), ("V1DeploymentSpec", "strategy")}
)
