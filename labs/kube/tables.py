"""Tables: a kind's objects as rows, with the columns that ``kubectl get`` prints (``columns``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labs.kube.columns import COLUMNS, OTHERS
from labs.kube.kinds import Kind
from labs.kube.objects import Object

META = "meta.k8s.io/v1"


def table(kind: Kind, objects: Sequence[Object], included: str, metadata: Object) -> dict[str, Any]:
    """A Table; ``included`` says how much of each object goes with its row: None, Metadata or Object."""
    columns = COLUMNS.get(kind.kind, OTHERS)
    return {
        "kind": "Table",
        "apiVersion": META,
        "metadata": metadata,
        "columnDefinitions": [column.definition for column in columns],
        "rows": [
            {"cells": [column.cell(obj) for column in columns], **_included(obj, included)} for obj in objects
        ],
    }


def _included(obj: Object, included: str) -> dict[str, Any]:
    if included == "None":
        return {}
    return {"object": obj if included == "Object" else partial(obj)}


def partial(obj: Object) -> dict[str, Any]:
    """The metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": obj["metadata"]}
