"""The parts of an object with a URL and a meaning of their own: scale, binding, eviction, token, finalize.

``status`` is not here: it is an update of the object that only the status part of takes (``registry``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from labs.kube import answer, body, patch
from labs.kube.deletion import DeleteOptions, delete
from labs.kube.fields import invalid, required
from labs.kube.objects import Object, Stored, copy, dig, now
from labs.kube.registry import Registry
from labs.kube.resources import JSON_PATCH, PATCHES, dry_run
from labs.kube.selectors import selector_text
from labs.kube.status import bad_request, conflict, method_not_allowed
from labs.kube.status import invalid as refuse
from labs.kube.target import Target
from labs.kube.tokens import ISSUER, Keyring, service_account

SHORTEST, USUAL = 600, 3600  # seconds a service account's token lives at least, and unless asked otherwise
IN_PODS, EXTENDED = 3607, 365 * 24 * 3600
"""A pod's token is asked for with the odd number and really lives for a year, so that programs that read it
once go on working: as the real server does (``--service-account-extend-token-expiration``)."""
Handler = Callable[[web.BaseRequest, Target], Awaitable[web.StreamResponse]]


class Subresources:
    """One method a subresource."""

    def __init__(self, registry: Registry, keyring: Keyring) -> None:
        self._registry = registry
        self._keyring = keyring

    def find(self, name: str) -> Handler | None:
        """The handler of a subresource; None for those that are handled elsewhere."""
        handlers: dict[str, Handler] = {
            "scale": self._scale,
            "binding": self._bind,
            "eviction": self._evict,
            "token": self._token,
            "finalize": self._finalize,
        }
        return handlers.get(name)

    async def _scale(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        state = self._registry.get(target)
        if request.method == "GET":
            return answer.document(scale_of(state))
        wanted = await self._wanted_scale(request, scale_of(state))
        replicas = (wanted.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or isinstance(replicas, bool):
            raise bad_request(
                'Scale in version "v1" cannot be handled as a Scale: spec.replicas must be a number'
            )
        if replicas < 0:
            error = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
            raise refuse(target.kind, target.name, [error])
        obj = copy(state)
        obj["spec"]["replicas"] = replicas
        version = dig(wanted, "metadata", "resourceVersion")
        obj["metadata"]["resourceVersion"] = version or str(state.version)
        whole = Target(target.kind, target.namespace, target.name)
        return answer.document(scale_of(self._registry.update(whole, obj, dry_run(request))))

    async def _wanted_scale(self, request: web.BaseRequest, current: Object) -> Object:
        """The Scale that a PUT or PATCH asks for."""
        if request.method == "PUT":
            wanted = body.parse(request, await body.read(request))
        elif request.method == "PATCH":
            sent = body.parse(request, await body.read(request), PATCHES)
            is_json = request.headers.get("Content-Type", "").startswith(JSON_PATCH)
            # A Scale has no lists, so the strategic and the plain merge patch are the same.
            wanted = patch.apply(current, sent) if is_json else patch.merge(current, sent)
        else:
            raise method_not_allowed()
        if not isinstance(wanted, dict) or not isinstance(wanted.get("spec", {}), dict):
            raise bad_request("the body must be a Scale object")
        return wanted

    async def _bind(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """The scheduler's decision: only a pod without a node takes one."""
        sent = await _post(request)
        node = dig(sent, "target", "name")
        if not isinstance(node, str) or not node:
            raise refuse(target.kind, target.name, [required("target.name")])
        obj = copy(self._registry.get(target))
        if assigned := obj["spec"].get("nodeName"):
            why = f'pod {target.name} is already assigned to node "{assigned}"'
            raise conflict(target.kind, target.name, why)
        if obj["metadata"].get("deletionTimestamp"):
            raise conflict(
                target.kind, target.name, f"pod {target.name} is being deleted, cannot be assigned to a host"
            )
        obj["spec"]["nodeName"] = node
        set_condition(obj, {"type": "PodScheduled", "status": "True", "lastTransitionTime": now()})
        self._registry.keep(obj, dry_run(request))
        return _done(201)

    async def _evict(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """``kubectl drain``: a delete, as there are no PodDisruptionBudgets."""
        sent = await _post(request)
        options = DeleteOptions.read(sent.get("deleteOptions") or {}, dict(request.query))
        delete(self._registry, Target(target.kind, target.namespace, target.name), options)
        return _done(201)

    async def _token(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """TokenRequest: a token for this service account, for a time."""
        sent = await _post(request)
        account = self._registry.get(target)
        spec: dict[str, Any] = sent.get("spec") or {}
        seconds = spec.get("expirationSeconds") or USUAL
        if not isinstance(seconds, int) or seconds < SHORTEST:
            error = invalid(
                "spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"
            )
            raise refuse(target.kind, target.name, [error])
        audiences = tuple(spec.get("audiences") or (ISSUER,))
        user = service_account(target.namespace, target.name, account.obj["metadata"]["uid"])
        status = {
            "token": self._keyring.issue(user, EXTENDED if seconds == IN_PODS else seconds, audiences),
            "expirationTimestamp": now(seconds),
        }
        metadata = {"name": target.name, "namespace": target.namespace, "creationTimestamp": now()}
        head = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": metadata}
        filled = {**spec, "audiences": list(audiences), "expirationSeconds": seconds}
        return answer.document({**head, "spec": filled, "status": status}, 201)

    async def _finalize(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """The namespace controller has emptied the namespace and takes its finalizer away."""
        if request.method != "PUT":
            raise method_not_allowed()
        sent, _ = await body.read_object(request, target.kind)
        state = self._registry.get(target)
        obj = copy(state)
        obj.setdefault("spec", {})["finalizers"] = dig(sent, "spec", "finalizers") or []
        if not obj["spec"]["finalizers"]:
            del obj["spec"]["finalizers"]
        obj["metadata"]["resourceVersion"] = dig(sent, "metadata", "resourceVersion") or str(state.version)
        changed = self._registry.update(Target(target.kind, "", target.name), obj)
        return answer.one(request, target.kind, changed)


def scale_of(state: Stored) -> Object:
    """The Scale of a Deployment or ReplicaSet."""
    obj, data = state.obj, state.obj["metadata"]
    selector = dig(obj, "spec", "selector") or {}
    fields = ("name", "namespace", "uid", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {**{field: data[field] for field in fields}, "resourceVersion": str(state.version)},
        "spec": {"replicas": dig(obj, "spec", "replicas") or 0},
        "status": {"replicas": dig(obj, "status", "replicas") or 0, "selector": selector_text(selector)},
    }


def set_condition(obj: Object, condition: Object) -> None:
    """Put a condition in the place of the one with its type."""
    status = obj.setdefault("status", {})
    others = [one for one in status.get("conditions") or () if one["type"] != condition["type"]]
    status["conditions"] = [*others, condition]


async def _post(request: web.BaseRequest) -> Object:
    if request.method != "POST":
        raise method_not_allowed()
    text = await body.read(request)
    sent = body.parse(request, text) if text else {}
    if not isinstance(sent, dict):
        raise bad_request("the body must be a JSON object")
    return sent


def _done(code: int) -> web.Response:
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return answer.document({**head, "code": code}, code)
