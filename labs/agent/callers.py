"""Who may ask the agent: its caller's token is shown to the API (TokenReview), as the kubelet does it.

Only the API server and administrators may; a pod's service account, which any program in the cluster can
show, may not: it could enter other pods.
"""

from __future__ import annotations

import hashlib
import time

from labs.kube.client import ApiError, Client

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
USERS = {"system:apiserver"}
GROUPS = {"system:masters"}
REMEMBERED = 120.0  # seconds, the kubelet's default for webhook answers


class Callers:
    """Checks bearer tokens, and remembers those that were good."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._good: dict[bytes, float] = {}

    async def allowed(self, authorization: str) -> bool:
        """Whether this Authorization header is the API server's or an administrator's."""
        kind, _, token = authorization.partition(" ")
        if kind != "Bearer" or not token:
            return False
        digest = hashlib.sha256(token.encode()).digest()
        if self._good.get(digest, 0.0) > time.monotonic():
            return True
        good = await self._review(token)
        if good:
            self._good = {key: until for key, until in self._good.items() if until > time.monotonic()}
            self._good[digest] = time.monotonic() + REMEMBERED
        return good

    async def _review(self, token: str) -> bool:
        sent = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        try:
            status = (await self._client.request("POST", REVIEWS, sent))["status"]
        except ApiError:
            return False  # nobody vouches for the caller
        user = status.get("user", {})
        trusted = user.get("username") in USERS or GROUPS & set(user.get("groups", ()))
        return bool(status.get("authenticated") and trusted)
