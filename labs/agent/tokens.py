"""Service account tokens for pods, asked of the API (TokenRequest).

The kubelet asks for one token a pod, bound to it; here the pods of a service account that begin together on
a node share one, so that fifty new pods cost one request. For no longer: the account of this name may have
been deleted and made again, and a token is its own account's only.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from labs.kube.client import Client

Object = dict[str, Any]
LIFETIME = 3607  # seconds, as in the volume that the API server adds to pods
SHARED = 1.0  # seconds in which pods that begin get the same token


class Tokens:
    """One token for each namespace, service account and audience."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: dict[tuple[str, str, str], tuple[str, float]] = {}
        self._one = asyncio.Lock()

    async def get(self, namespace: str, account: str, source: Object) -> str:
        """A token; raises ApiError."""
        audience = source.get("audience", "")
        key = (namespace, account, audience)
        async with self._one:
            token, until = self._kept.get(key, ("", 0.0))
            if time.monotonic() < until:
                return token
            seconds = source.get("expirationSeconds") or LIFETIME
            token = await self._request(namespace, account, audience, seconds)
            self._kept[key] = (token, time.monotonic() + SHARED)
            return token

    async def _request(self, namespace: str, account: str, audience: str, seconds: int) -> str:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience] if audience else [], "expirationSeconds": seconds},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        answer = await self._client.request("POST", path, body)
        return str(answer["status"]["token"])
