"""The door: every request enters here, is named, located, answered, and refused with a Status if need be."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from labs.kube import answer, body, discovery, openapi
from labs.kube.objects import Object
from labs.kube.resources import Resources
from labs.kube.reviews import review
from labs.kube.status import StatusError, internal, method_not_allowed, no_such_path, unauthorized
from labs.kube.streams import Streams
from labs.kube.subresources import Subresources
from labs.kube.target import locate
from labs.kube.tokens import Keyring, User
from labs.kube.version import VERSION

log = logging.getLogger(__name__)

OPEN_PATHS = ("/healthz", "/livez", "/readyz", "/version")  # answered without a token, as by default
HERE_INSTEAD = {
    "attach": "attach is not part of this API: `lab shell POD` opens a shell in the pod, "
    "`kubectl logs -f POD` follows its output",
    "portforward": "port-forward is not part of this API: `lab shell MACHINE -- curl http://POD-IP:PORT/` "
    "asks the pod from a machine of the lab; a NodePort Service is reachable from `lab shell client`",
    "ephemeralcontainers": "debug containers are not part of this API: `lab shell POD` opens a shell in the "
    "pod's network, where all of the host's tools are (tcpdump, ss, curl)",
    "proxy": "proxying is not part of this API: `lab shell MACHINE -- curl http://ADDRESS:PORT/` asks from "
    "a machine of the lab",
    "resize": "resizing a running pod is not part of this API: delete it and create it anew",
}
METRICS = (
    "there are no metrics in this API: `lab shell NODE -- top` shows the processes of a node, "
    "those of its pods among them"
)


@dataclass(frozen=True, slots=True)
class Api:
    """The handler that the HTTP server calls."""

    keyring: Keyring
    resources: Resources
    subresources: Subresources
    streams: Streams
    address: str

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; nothing but a Status leaves here when something is wrong."""
        try:
            return await self._answer(request)
        except StatusError as error:
            return answer.refusal(error)
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:  # the client must get an answer, and the log the reason
            log.exception("%s %s", request.method, request.path_qs)
            return answer.refusal(internal(error))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if path.startswith(OPEN_PATHS):
            return self._open(path)
        user = self._authenticate(request)
        parts = path.split("/")[1:]
        if parts[0] in ("api", "apis") and len(parts) > (2 if parts[0] == "api" else 3):
            return await self._resource(request, path, user)
        return self._document(request, path, parts)

    def _authenticate(self, request: web.BaseRequest) -> User:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = self.keyring.check(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        if account := user.service_account:
            found = self.resources.registry.store.get("ServiceAccount", account)
            if found is None or found.obj["metadata"]["uid"] != user.uid:
                raise unauthorized()
        return user

    def _open(self, path: str) -> web.StreamResponse:
        if path != "/version":
            return answer.text("ok")
        major, minor = VERSION.removeprefix("v").split(".")[:2]
        return answer.document(
            {
                "major": major,
                "minor": minor,
                "gitVersion": f"{VERSION}+lab",
                "gitCommit": "",
                "gitTreeState": "clean",
                "buildDate": "1970-01-01T00:00:00Z",
                "goVersion": f"python{platform.python_version()}",
                "compiler": platform.python_implementation(),
                "platform": f"{platform.system().lower()}/{platform.machine()}",
            }
        )

    def _document(self, request: web.BaseRequest, path: str, parts: list[str]) -> web.StreamResponse:
        """Discovery and OpenAPI."""
        if request.method != "GET":
            raise method_not_allowed()
        as_aggregated = "as=APIGroupDiscoveryList" in request.headers.get("Accept", "")
        documents: dict[str, Callable[[], Object | None]] = {
            "/": lambda: {"paths": ["/api", "/apis", "/healthz", "/openapi/v3", "/version"]},
            "/api": lambda: discovery.aggregated(True) if as_aggregated else discovery.versions(self.address),
            "/apis": lambda: discovery.aggregated(False) if as_aggregated else discovery.groups(),
            "/openapi/v3": openapi.index,
        }
        if path == "/openapi/v2":
            return openapi.version_two()
        if path.startswith("/openapi/v3/"):
            text = openapi.document(path.removeprefix("/openapi/v3/"))
            if text is None:
                raise no_such_path()
            return answer.raw(text)
        found = documents[path]() if path in documents else _group_document(parts)
        if found is None:
            raise no_such_path()
        response = answer.document(found)
        if as_aggregated and path in ("/api", "/apis"):
            response.headers["Content-Type"] = (
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            )
        return response

    async def _resource(self, request: web.BaseRequest, path: str, user: User) -> web.StreamResponse:
        if path.startswith("/apis/metrics.k8s.io/"):
            raise StatusError(404, "NotFound", METRICS)
        if path.startswith(("/apis/authentication.k8s.io/", "/apis/authorization.k8s.io/")):
            return await self._review(request, path, user)
        target = locate(path)
        if target.subresource in HERE_INSTEAD and target.kind.plural in ("pods", "services", "nodes"):
            raise StatusError(405, "MethodNotAllowed", HERE_INSTEAD[target.subresource])
        if target.subresource and target.subresource not in target.kind.subresources:
            raise no_such_path()
        handler = (
            self.subresources.find(target.subresource)
            or self.streams.find(target.subresource)
            or self.resources.handle
        )
        response = await handler(request, target)
        if target.kind.warning and not response.prepared:
            answer.warn(response, [target.kind.warning])
        return response

    async def _review(self, request: web.BaseRequest, path: str, user: User) -> web.StreamResponse:
        plural = path.rpartition("/")[2]
        found = next((one for one in discovery.REVIEWS if one[2] == plural and f"/{one[0]}/" in path), None)
        if found is None:
            raise no_such_path()
        if request.method != "POST":
            raise method_not_allowed()
        sent = body.parse(request, await body.read(request))
        if not isinstance(sent, dict):
            raise StatusError(400, "BadRequest", f"the body must be a {found[3]} object")
        return answer.document(review(found[3], sent, user, self.keyring), 201)


def _group_document(parts: list[str]) -> Object | None:
    """``/api/VERSION``, ``/apis/GROUP`` or ``/apis/GROUP/VERSION``."""
    match parts:
        case ["api", version]:
            return discovery.resources("", version)
        case ["apis", group]:
            return discovery.group(group)
        case ["apis", group, version]:
            return discovery.resources(group, version)
    return None
