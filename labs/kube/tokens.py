"""Who is asking: bearer tokens that need no table, because they carry their own proof.

A token is a JWT signed with the lab's key (HS256): who it is for and until when. The administrator's and the
nodes' tokens are made at ``lab up`` and do not end; service accounts get theirs through TokenRequest, as in a
cluster, and those end. There is no RBAC: whoever has a token may do everything (see the README).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ISSUER = "https://kubernetes.default.svc.cluster.local"
HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True, slots=True)
class User:
    """As ``kubectl auth whoami`` shows it."""

    name: str
    groups: tuple[str, ...] = ("system:authenticated",)
    uid: str = ""
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def service_account(self) -> tuple[str, str] | None:
        """(namespace, name) where the token is a service account's."""
        parts = self.name.split(":")
        if parts[:2] != ["system", "serviceaccount"] or len(parts) != 4:
            return None
        return parts[2], parts[3]


ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))


def node(name: str) -> User:
    """The user an agent is."""
    return User(f"system:node:{name}", ("system:nodes", "system:authenticated"))


def service_account(namespace: str, name: str, uid: str) -> User:
    """The user a pod is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid)


class Keyring:
    """Makes and checks tokens with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """The key in this file, which is made, readable to its owner alone, where there is none."""
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return cls(path.read_bytes())
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
        return cls(path.read_bytes())

    def issue(self, user: User, seconds: int = 0, audiences: tuple[str, ...] = (ISSUER,)) -> str:
        """A token for a user; it ends after ``seconds``, or never (0): then it is the same at every call."""
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": list(audiences),
            "sub": user.name,
            "groups": list(user.groups),
            **user.claims,
        }
        if user.uid:
            claims["uid"] = user.uid
        if seconds:
            issued = int(time.time())
            claims |= {"iat": issued, "exp": issued + seconds}
        text = f"{_pack(HEADER)}.{_pack(claims)}"
        return f"{text}.{self._sign(text)}"

    def check(self, token: str) -> User | None:
        """Whose token it is; None if it is not ours or has ended."""
        text, _, signature = token.rpartition(".")
        if not text or not hmac.compare_digest(self._sign(text).encode(), signature.encode()):
            return None
        claims = _unpack(text.partition(".")[2])
        if "exp" in claims and claims["exp"] < time.time():
            return None
        return User(claims["sub"], tuple(claims["groups"]), claims.get("uid", ""))

    def _sign(self, text: str) -> str:
        return _base64(hmac.new(self._key, text.encode(), hashlib.sha256).digest())


def _pack(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _unpack(part: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error):
        return {"exp": 0}  # signed by us yet unreadable: cannot be, and must not be let in
    return claims


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
