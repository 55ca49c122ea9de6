"""The evidence of the moment an answer was given, one file a task.

`lab answer` keeps it in the state folder. With it the grader can tell "wrong" from "was right when you wrote
it", and can judge a measurement by the world in which it was made. An answer that was written into
answers.yaml by hand has no such evidence and is judged by the world as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker import forms
from checker.errors import LabInvalid
from checker.evidence import Evidence

SCHEMA = 1


@dataclass(frozen=True)
class Moment:
    """When an answer was given, what it said, and the world then."""

    words: Sequence[str]
    evidence: Evidence


def keep(folder: Path, task: str, value: Any, evidence: Evidence) -> None:
    """Keep the evidence of an answer; the file is there whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"schema": SCHEMA, "task": task, "words": forms.words(value), "evidence": evidence.to_json()}
    fresh = folder / f".{task}.json.new"
    fresh.write_text(json.dumps(document))
    os.replace(fresh, folder / f"{task}.json")


def recall(folder: Path | None, task: str, value: Any) -> Moment | None:
    """The moment of exactly this answer; None if none was kept, or for another answer than this."""
    if folder is None:
        return None
    try:
        found = json.loads((folder / f"{task}.json").read_text())
        if found["schema"] != SCHEMA or found["words"] != forms.words(value):
            return None
        return Moment(found["words"], Evidence.from_json(found["evidence"]))
    except (OSError, ValueError, KeyError, TypeError, LabInvalid):
        return None  # a damaged file in the state folder takes a courtesy away, no points
