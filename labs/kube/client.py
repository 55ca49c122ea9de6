"""The way to the API for everything that is not the API: raw JSON objects over the official client.

Configuration (kubeconfig, in-cluster, token), authentication and transport are ``kubernetes.aio``'s. Its
model classes are left out on purpose: 10,000 EndpointSlices cost 1.1 s and 126 MB as models, 0.16 s as plain
JSON. The package is imported when the first client is made, because importing it takes half a second.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp

from labs.errors import LabError
from labs.kube import tls  # noqa: F401  (smaller buffers for every connection)
from labs.kube.kinds import KINDS, Kind

Object = dict[str, Any]
JSON = Any

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
TIMEOUT = aiohttp.ClientTimeout(total=30)
# A watch may be silent for long; the server's bookmarks, two a minute, show that the connection lives.
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90)
CURE = "`lab status` shows whether the cluster runs; `lab up` starts it"


class ApiError(LabError):
    """The API answered with an error Status, or was not reached (``status`` 0, reason ``Unreachable``)."""

    def __init__(self, status: int, reason: str, message: str, cure: str = "") -> None:
        super().__init__(message, cure)
        self.status, self.reason, self.message = status, reason, message


class Client:
    """Requests to one API server; objects go in and come out as JSON dictionaries."""

    def __init__(self, configuration: Any) -> None:
        from kubernetes.aio.client import ApiClient

        self._configuration = configuration
        self._api = ApiClient(configuration)

    @classmethod
    async def from_kubeconfig(cls, path: Path | str) -> Self:
        """As kubectl would with this file."""
        from kubernetes.aio import config
        from kubernetes.aio.client import Configuration

        configuration = Configuration()
        try:
            await config.load_kube_config(config_file=str(path), client_configuration=configuration)
        except config.ConfigException as error:
            message = f"kubeconfig {path}: {error}"
            raise ApiError(0, "BadConfiguration", message, "`lab up` writes the file") from error
        return cls(configuration)

    @classmethod
    def in_cluster(cls) -> Self:
        """As a pod reaches the API: the service account's token and the environment of the pod."""
        from kubernetes.aio import config
        from kubernetes.aio.client import Configuration

        configuration = Configuration()
        config.load_incluster_config(client_configuration=configuration)
        return cls(configuration)

    @classmethod
    def from_token(cls, server: str, token: str, ca_file: Path | str) -> Self:
        """For the lab's own daemons, which are handed a token at their start."""
        from kubernetes.aio.client import Configuration

        configuration = Configuration(host=server, ssl_ca_cert=str(ca_file))
        configuration.api_key["BearerToken"] = f"Bearer {token}"
        return cls(configuration)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    async def get(self, kind: str, name: str, namespace: str = "") -> Object:
        """One object; ApiError with reason NotFound if there is none."""
        return _object(await self.request("GET", KINDS[kind].path(namespace, name)))

    async def list(self, kind: str, namespace: str = "", *, labels: str = "", fields: str = "") -> Object:
        """The List object: ``items`` and ``metadata.resourceVersion``, where a watch may start."""
        query = selectors(labels, fields)
        return _object(await self.request("GET", KINDS[kind].path(namespace) + _query(query)))

    async def create(self, obj: Object) -> Object:
        """The object as the server stored it, defaults and allocations filled in."""
        kind, namespace, _ = place(obj)
        return _object(await self.request("POST", kind.path(namespace), obj))

    async def update(self, obj: Object, subresource: str = "") -> Object:
        """Replace; reason Conflict when ``metadata.resourceVersion`` is given and not the newest."""
        kind, namespace, name = place(obj)
        return _object(await self.request("PUT", kind.path(namespace, name, subresource), obj))

    async def patch(
        self,
        kind: str,
        name: str,
        namespace: str,
        patch: JSON,
        *,
        subresource: str = "",
        type: str = "merge",
    ) -> Object:
        """Change some fields; ``type`` is merge, strategic, json or apply, as in ``kubectl patch --type``."""
        path = KINDS[kind].path(namespace, name, subresource)
        return _object(await self.request("PATCH", path, patch, {"Content-Type": PATCH_TYPES[type]}))

    async def delete(
        self, kind: str, name: str, namespace: str = "", *, grace: int | None = None, uid: str = ""
    ) -> None:
        """Delete; ``grace`` in seconds (0: at once), ``uid``: only this very object."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid:
            options["preconditions"] = {"uid": uid}
        await self.request("DELETE", KINDS[kind].path(namespace, name), options)

    async def remove(self, kind: str, name: str, namespace: str = "") -> None:
        """``delete`` where somebody else may be faster: that it has gone already is no error."""
        try:
            await self.delete(kind, name, namespace)
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    async def request(
        self, method: str, path: str, body: JSON = None, headers: Mapping[str, str] | None = None
    ) -> JSON:
        """Any request; the JSON of the answer. Raises ApiError for every answer that is not a success."""
        async with self._send(method, path, body, headers, TIMEOUT) as response:
            return json.loads(await response.read())

    async def watch(self, kind: str, version: str, query: Mapping[str, str]) -> AsyncGenerator[Object, None]:
        """Events (``type``, ``object``) of all namespaces since ``version``, until the connection ends."""
        words = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version, **query}
        async with self._send(
            "GET", KINDS[kind].path() + _query(words), None, None, WATCH_TIMEOUT
        ) as response:
            async for line in response.content:
                yield json.loads(line)

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        path: str,
        body: JSON,
        headers: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        words = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        await self._api.update_params_for_auth(words, [], ["BearerToken"], path, method, body)
        url = self._configuration.host + path
        try:
            answer = await self._api.rest_client.request(
                method, url, headers=words, body=body, _request_timeout=timeout
            )
            async with answer.response as response:
                if response.status >= 400:
                    raise _error(response.status, await response.text())
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            message = f"{method} {url}: {error or type(error).__name__}"
            raise ApiError(0, "Unreachable", message, CURE) from error


def place(obj: Object) -> tuple[Kind, str, str]:
    """Kind, namespace and name of an object."""
    metadata = obj.get("metadata", {})
    kind = KINDS[obj["kind"]]
    return kind, metadata.get("namespace", "default") if kind.namespaced else "", metadata.get("name", "")


def selectors(labels: str, fields: str) -> dict[str, str]:
    """The query words of a label and a field selector, left out where empty."""
    words = {"labelSelector": labels, "fieldSelector": fields}
    return {word: value for word, value in words.items() if value}


def _query(words: Mapping[str, str]) -> str:
    return "?" + urlencode(words, quote_via=quote) if words else ""


def _object(answer: JSON) -> Object:
    if not isinstance(answer, dict):
        raise ApiError(0, "BadAnswer", f"the API answered {str(answer)[:80]!r}, which is no JSON object")
    return answer


def _error(code: int, text: str) -> ApiError:
    """The Status in the body, or, where something else than the API answered, the text as it is."""
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        return ApiError(code, "Unknown", f"HTTP {code}: {text[:200]}")
    return ApiError(code, status.get("reason", "Unknown"), status.get("message", text[:200]))
