"""The verbs on objects and collections: what a request asks of the registry, and the answer it gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from labs.kube import answer, body, patch, strategic, watching
from labs.kube.deletion import DeleteOptions, delete
from labs.kube.listing import Lists, selection
from labs.kube.objects import Object, Stored
from labs.kube.registry import Registry
from labs.kube.status import StatusError, bad_request, method_not_allowed
from labs.kube.target import Target, flag

Verb = Callable[[web.BaseRequest, Target], Awaitable[web.StreamResponse]]

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON_PATCH, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
PATCHES = (JSON_PATCH, MERGE, STRATEGIC)
NO_APPLY = (
    "server-side apply is not part of this API: nothing here keeps managedFields. "
    "Use `kubectl apply` without --server-side"
)


class Resources:
    """One method a verb."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._lists = Lists(registry.store)

    async def handle(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Find the verb of the method and let it answer."""
        on_object: dict[str, Verb] = {
            "GET": self._get,
            "PUT": self._replace,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        on_collection: dict[str, Verb] = {
            "GET": self._list,
            "POST": self._create,
            "DELETE": self._delete_collection,
        }
        verb = (on_object if target.name else on_collection).get(request.method)
        if verb is None or (target.subresource and request.method == "DELETE"):
            raise method_not_allowed()
        return await verb(request, target)

    async def _get(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        return answer.one(request, target.kind, self.registry.get(target))

    async def _list(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        selects = selection(target.kind, target.namespace, "", request.query)
        if flag(request.query, "watch"):
            return await watching.Watching(self.registry.store, request, target.kind, selects).run()
        states, metadata = self._lists.page(target.kind, selects, request.query)
        return answer.many(request, target.kind, states, metadata)

    async def _create(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        obj, warnings = await body.read_object(request, target.kind)
        _same_place(target, obj, "")
        return self._written(
            request, target, self.registry.create(target, obj, dry_run(request)), warnings, 201
        )

    async def _replace(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        obj, warnings = await body.read_object(request, target.kind)
        _same_place(target, obj, target.name)
        return self._written(request, target, self.registry.update(target, obj, dry_run(request)), warnings)

    async def _patch(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        change = await read_patch(request, target)
        warnings: list[str] = []

        def make(old: Object) -> Object:
            new = change(old)
            warnings.extend(body.check(request, new, target.kind))
            _same_place(target, new, target.name)
            return new

        state = self.registry.change(target, make, dry_run(request))
        return self._written(request, target, state, warnings)

    async def _delete(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        options = await read_options(request)
        state, gone = delete(self.registry, target, options)
        if gone and not target.kind.returns_deleted:
            return answer.document(deleted_status(target, state))
        return answer.one(request, target.kind, state)

    async def _delete_collection(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        options = await read_options(request)
        selects = selection(target.kind, target.namespace, "", request.query)
        states, metadata = self._lists.page(target.kind, selects, request.query)
        for state in states:
            data = state.obj["metadata"]
            delete(self.registry, Target(target.kind, data.get("namespace", ""), data["name"]), options)
        return answer.many(request, target.kind, states, metadata)

    def _written(
        self,
        request: web.BaseRequest,
        target: Target,
        state: Stored,
        warnings: list[str],
        code: int = 200,
    ) -> web.StreamResponse:
        response = answer.one(request, target.kind, state, code)
        answer.warn(response, warnings)
        return response


async def read_patch(request: web.BaseRequest, target: Target) -> Callable[[Object], Object]:
    """The patch in the body as a function of the current object."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if media_type == APPLY:
        raise StatusError(415, "UnsupportedMediaType", NO_APPLY)
    sent = body.parse(request, await body.read(request), PATCHES)
    how = {
        JSON_PATCH: partial(patch.apply, operations=sent),
        MERGE: partial(patch.merge, patch=sent),
        STRATEGIC: partial(strategic.merge, patch=sent, model_name=target.kind.model_name),
    }[media_type]
    if media_type == MERGE and not isinstance(sent, dict):
        raise bad_request("the body of a merge patch must be a JSON object")

    def change(old: Object) -> Object:
        try:
            new = how(old)
        except patch.PatchFailed as error:
            message = f"the server rejected our request due to an error in our request: {error}"
            raise StatusError(422, "Invalid", message) from error
        if not isinstance(new, dict):
            raise bad_request("the patch leaves no JSON object")
        return new

    return change


async def read_options(request: web.BaseRequest) -> DeleteOptions:
    """DeleteOptions from the body, if there is one, and the query."""
    text = await body.read(request)
    sent = body.parse(request, text) if text else {}
    if not isinstance(sent, dict):
        raise bad_request("the body of a delete request must be a DeleteOptions object")
    return DeleteOptions.read(sent, dict(request.query))


def deleted_status(target: Target, state: Stored) -> Object:
    """What a deletion that is done answers."""
    details = {"name": target.name, "group": target.kind.group, "kind": target.kind.plural}
    found = {field: value for field, value in details.items() if value}
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return {**head, "details": {**found, "uid": state.obj["metadata"]["uid"]}}


def dry_run(request: web.BaseRequest) -> bool:
    """Whether to do everything but the writing."""
    asked = request.query.getall("dryRun", [])
    if asked and asked != ["All"]:
        message = f'dryRun: Unsupported value: "{asked[0]}": supported values: "All"'
        raise StatusError(422, "Invalid", message)
    return bool(asked)


def _same_place(target: Target, obj: Object, name: str) -> None:
    """Body and URL must mean the same object."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        metadata = obj["metadata"] = {}
    if name and metadata.setdefault("name", name) != name:
        sent = metadata["name"]
        raise bad_request(f"the name of the object ({sent}) does not match the name on the URL ({name})")
    if target.kind.namespaced and metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not target.kind.namespaced and metadata.pop("namespace", ""):
        raise bad_request(f"{target.kind.plural} have no namespace: leave metadata.namespace out")
    if (obj.get("apiVersion"), obj.get("kind")) != (target.kind.api_version, target.kind.kind):
        raise bad_request("apiVersion and kind of an object cannot be changed")
