"""The OpenAPI documents: what ``kubectl explain`` prints and ``kubectl apply`` patches by."""

from __future__ import annotations

from labs.kube.objects import Object


def index() -> Object:
    """``GET /openapi/v3``."""
    return {"paths": {}}


def document(path: str) -> Object | None:
    """``GET /openapi/v3/api/v1``."""
    return None
