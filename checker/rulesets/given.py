"""The words of a rule's line, sorted out: which option was given with which values, negated or not.

iptables has one flat line of options, whose meaning depends on the modules loaded before (`--mark` belongs to
`mark` or to `connmark`). This file cuts the line; what the options mean stands in `match_options.py` and
`target_options.py`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Given:
    """One option as given: without its dashes, in the long form where it has one."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False

    @property
    def value(self) -> str:
        """Its only value, "" if it takes none."""
        return self.values[0] if self.values else ""

    @property
    def text(self) -> str:
        """As it would be written again."""
        words = " ".join(f'"{value}"' if " " in value or not value else value for value in self.values)
        return f"{'! ' if self.negated else ''}--{self.name} {words}".rstrip()


def words(line: str) -> list[str]:
    """Split a line as iptables-restore does: double quotes, and a backslash within them.

    Raises ValueError where a quote is not closed.
    """
    found = []
    for quoted, plain in _WORD.findall(line):
        if plain.startswith('"'):
            raise ValueError(f"the double quote at {plain[:20]!r} is never closed")
        found.append(plain or _ESCAPED.sub(r"\1", quoted))
    return found


Arity = Mapping[str, int]


class Words:
    """The words of one rule, read from left to right."""

    def __init__(self, found: list[str]) -> None:
        self._words = found
        self._next = 0

    def __iter__(self) -> Iterator[tuple[str, bool]]:
        """Each option with whether a `!` stands before it; its values are for the reader to take."""
        while self._next < len(self._words):
            word = self._take()
            negated = word == "!"
            if negated:
                word = self.value("!")
            if not word.startswith("-") or len(word) < 2:
                raise ValueError(
                    f"{word!r} stands where an option belongs; a value with spaces needs double quotes"
                )
            yield word, negated

    def _take(self) -> str:
        self._next += 1
        return self._words[self._next - 1]

    def value(self, option: str) -> str:
        """The value that must follow an option."""
        if self._next >= len(self._words):
            raise ValueError(f"{option} is the last word, and needs a value after it")
        return self._take()

    def values(self, option: str, count: int) -> tuple[str, ...]:
        """As many values as the option takes; -1: as many as follow, up to the next option."""
        if count >= 0:
            return tuple(self.value(option) for _ in range(count))
        return tuple(self._up_to_next_option())

    def _up_to_next_option(self) -> Iterator[str]:
        while self._next < len(self._words) and not self._at_option():
            yield self._take()

    def _at_option(self) -> bool:
        word = self._words[self._next]
        return word == "!" or (word.startswith("-") and len(word) > 1 and not word[1].isdigit())
