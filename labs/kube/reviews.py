"""Questions the API answers without storing anything: who am I, may I."""

from __future__ import annotations

from typing import Any

from labs.kube.objects import Object
from labs.kube.tokens import Keyring, User

ALLOWED = {"allowed": True, "reason": "every token of this lab may do everything: it has no RBAC"}
ALL_RULES = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}


def review(kind: str, sent: Object, user: User, keyring: Keyring) -> Object:
    """The review with its status filled in."""
    answers: dict[str, Any] = {
        "SelfSubjectReview": lambda: {"userInfo": _info(user)},
        "TokenReview": lambda: _token(sent, keyring),
        "SelfSubjectRulesReview": lambda: ALL_RULES,
    }
    status = answers.get(kind, lambda: ALLOWED)()
    return {**sent, "kind": kind, "metadata": sent.get("metadata") or {}, "status": status}


def _info(user: User) -> Object:
    info: Object = {"username": user.name, "groups": list(user.groups)}
    return {**info, "uid": user.uid} if user.uid else info


def _token(sent: Object, keyring: Keyring) -> Object:
    token = (sent.get("spec") or {}).get("token", "")
    user = keyring.check(token) if isinstance(token, str) else None
    if user is None:
        return {"authenticated": False, "error": "the token is not one of this lab's, or has ended"}
    return {"authenticated": True, "user": _info(user)}
