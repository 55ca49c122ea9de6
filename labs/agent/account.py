"""The service account of a pod: token, CA and namespace at a place that every client knows.

Elsewhere the API server's admission adds this volume to a pod; here the pod's spec stays as its author
wrote it and the node adds the volume, unless the spec has something at that place already.
"""

from __future__ import annotations

from typing import Any

from labs.agent.tokens import LIFETIME

Object = dict[str, Any]
PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"
NAME = "kube-api-access"
VOLUME: Object = {
    "name": NAME,
    "projected": {
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": LIFETIME}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                }
            },
        ]
    },
}
MOUNT: Object = {"name": NAME, "mountPath": PLACE, "readOnly": True}


def with_account(pod: Object) -> Object:
    """The pod with the volume, and a mount of it in each container that has none at that place."""
    spec = pod["spec"]
    if spec.get("automountServiceAccountToken") is False:
        return pod
    fields = [field for field in ("containers", "initContainers") if spec.get(field)]
    lacking = {field: [_mounted(container) for container in spec[field]] for field in fields}
    if all(lacking[field] == spec[field] for field in fields):
        return pod
    return {**pod, "spec": {**spec, **lacking, "volumes": [*spec.get("volumes", ()), VOLUME]}}


def _mounted(container: Object) -> Object:
    mounts = container.get("volumeMounts", ())
    if any(mount["mountPath"].rstrip("/") == PLACE for mount in mounts):
        return container
    return {**container, "volumeMounts": [*mounts, MOUNT]}
