"""What is added to a new object, or refused, besides defaults: the built-in admission plug-ins.

ServiceAccount: an account, and its token as the projected volume that ``kubectl describe pod`` shows.
DefaultTolerationSeconds: five minutes on a node that is not ready or cannot be reached.
Priority: the numbers that a pod without a class has; class names are taken as they are.
DefaultIngressClass: an Ingress that names no class gets the one that is marked as the default.
"""

from __future__ import annotations

import secrets
from typing import Any

from labs.kube.kinds import KINDS
from labs.kube.objects import Object
from labs.kube.status import forbidden
from labs.kube.store import Store

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS = 3607  # the real server's value, by which it knows its own volumes
ROOT_CA = "kube-root-ca.crt"  # the ConfigMap in every namespace
TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
TOLERATED_SECONDS = 300
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def admit_pod(store: Store, pod: Object) -> None:
    """Complete a pod that is about to be created; StatusError 403 if its account does not exist."""
    spec = pod["spec"]
    _service_account(store, pod, spec)
    _tolerations(spec)
    spec.setdefault("priority", PRIORITIES.get(spec.get("priorityClassName", ""), 0))
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")


def admit_ingress(store: Store, ingress: Object) -> None:
    """Name the default class; of several the newest is meant, as in Kubernetes."""
    spec = ingress.setdefault("spec", {})
    named = CLASS_ANNOTATION in (ingress["metadata"].get("annotations") or {})
    if named or spec.get("ingressClassName") is not None:
        return
    classes = [each.obj["metadata"] for each in store.list("IngressClass")]
    marked = [each for each in classes if (each.get("annotations") or {}).get(DEFAULT_CLASS) == "true"]
    marked.sort(key=lambda each: each["name"])
    if marked:
        spec["ingressClassName"] = max(marked, key=lambda each: each["creationTimestamp"])["name"]


ADMISSION = {"Ingress": admit_ingress, "Pod": admit_pod}


def _service_account(store: Store, pod: Object, spec: Object) -> None:
    name = spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = name
    namespace = pod["metadata"]["namespace"]
    account = store.get("ServiceAccount", (namespace, name))
    if account is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(KINDS["Pod"], pod["metadata"].get("name", ""), why)
    wanted = spec.get("automountServiceAccountToken", account.obj.get("automountServiceAccountToken", True))
    if wanted:
        _mount_token(spec)


def _mount_token(spec: Object) -> None:
    """The token volume, mounted in every container that has nothing of its own there."""
    name = "kube-api-access-" + "".join(secrets.choice(ALPHABET) for _ in range(5))
    mount = {"name": name, "readOnly": True, "mountPath": TOKEN_PATH}
    containers = (*(spec.get("initContainers") or ()), *spec.get("containers", ()))
    open_ones = [one for one in containers if not _has_mount(one)]
    for container in open_ones:
        container.setdefault("volumeMounts", []).append(dict(mount))
    if open_ones:
        spec.setdefault("volumes", []).append(_token_volume(name))


def _has_mount(container: Object) -> bool:
    return any(mount.get("mountPath") == TOKEN_PATH for mount in container.get("volumeMounts") or ())


def _token_volume(name: str) -> Object:
    field: dict[str, Any] = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 0o644}}


def _tolerations(spec: Object) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for key in TOLERATED:
        if not any(_tolerates(one, key) for one in tolerations):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": TOLERATED_SECONDS,
                }
            )


def _tolerates(toleration: Object, key: str) -> bool:
    return toleration.get("key", "") in (key, "") and toleration.get("effect", "") in ("NoExecute", "")
