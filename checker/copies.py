"""Was an answer taken from somebody else's lab? A note for the teacher beside a check that has failed anyway.

The names in a lab are drawn from lists (`variants` in lab.yaml). A wrong answer with a name in it that is on
such a list, but is not this learner's, comes from another learner's cluster, or from guessing in a group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from checker.variant import Variant

PIECES = re.compile(r"[A-Za-z0-9]+")


def others(variants: Mapping[str, Mapping[str, Any]]) -> Mapping[str, frozenset[str]]:
    """The names that each value of a lab may have, from the section `variants` of its lab.yaml."""
    found = {
        name: [each for each in given.get("one_of", ()) if isinstance(each, str)]
        for name, given in variants.items()
    }
    return {name: frozenset(words) for name, words in found.items() if words}


def note(names: Mapping[str, frozenset[str]], variant: Variant, answer: Sequence[str]) -> str:
    """What is suspicious about the words of an answer; empty if nothing is."""
    own = {str(value) for value in variant.values.values()}
    pieces = {piece for word in answer for piece in PIECES.findall(word.lower())}
    foreign = sorted(
        each for words in names.values() for each in words - own if pieces >= set(PIECES.findall(each))
    )
    return f"names of another variant: {', '.join(foreign)}" if foreign else ""
