"""Mutated answers: in another form the right one must pass, with another meaning it must not.

What an answer is made of (`labs.course.ANSWERS`) says what can be done to it. That a mutant is right is said
by the mutation itself, never by the checker.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

Words = Sequence[str]
Mutant = tuple[Any, bool]
Dice = random.Random
BASE = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}  # chains of the kernel's own
HASH = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def mutants(kind: str, right: Words, dice: Dice, count: int) -> list[Mutant]:
    """`count` answers with whether they are right, both kinds among them."""
    return [MUTATE[kind](right, dice) for _ in range(count)]


def dressed(dice: Dice, parts: Words) -> Any:
    """The same words in one of the ways in which people write them."""
    style = dice.choice(["plain", "lines", "commas", "quoted", "list", "spaced"])
    if style == "list" and len(parts) > 1:
        return list(parts)
    marked = [f"'{part}'" for part in parts] if style == "quoted" else parts
    joint = {"lines": "\n", "commas": ", ", "spaced": "   "}.get(style, " ")
    edge = "  " if style == "spaced" else ""
    return f"{edge}{joint.join(marked)}{edge}"


def cased(dice: Dice, parts: Words) -> list[str]:
    """The same words in another case."""
    change = dice.choice([str, str.lower, str.upper])
    return [change(part) for part in parts]


def other_letter(dice: Dice, word: str) -> str:
    """The word with one letter or digit changed for one that looks like it belongs there."""
    spots = [at for at, sign in enumerate(word) if sign.isalnum()]
    at = dice.choice(spots[-12:])  # of a chain's name the hash, not KUBE
    pool = "0123456789" if word[at].isdigit() and "-" not in word else HASH
    fresh = dice.choice([sign for sign in pool if sign.lower() != word[at].lower()])
    return word[:at] + (fresh if word[at].isupper() or fresh.isdigit() else fresh.lower()) + word[at + 1 :]


def word(right: Words, dice: Dice) -> Mutant:
    """A name: forgiving in case and quotes, strict in every letter."""
    (one,) = right
    wrong = {
        "letter": other_letter(dice, one),
        "longer": f"{one}s",
        "two": f"{one} {other_letter(dice, one)}",
        "other": dice.choice([each for each in ("kube-proxy", "PREROUTING", "worker-9", "7") if each != one]),
    }
    kind = dice.choice(["right", "right", *wrong])
    return (dressed(dice, cased(dice, right)), True) if kind == "right" else (wrong[kind], False)


def number(right: Words, dice: Dice) -> Mutant:
    """A whole number: its form may be another, its value not."""
    value = int(right[0], 0)
    good = [
        right[0],
        str(value),
        f"{value:#x}",
        f"{value:#06X}".replace("X", "x"),
        f" {value} ",
        f'"{value}"',
    ]
    good += [] if value else ["none", "Zero"]
    bad = [
        value + 1,
        value - 1 if value else -1,
        value * 10 + 1,
        -value - 1,
        f"{value}.5",
        f"{value} 0",
        "many",
    ]
    return (dice.choice(good), True) if dice.random() < 0.4 else (str(dice.choice(bad)), False)


def address(right: Words, dice: Dice) -> Mutant:
    """An IP address."""
    (one,) = right
    head, _, last = one.rpartition(".")
    good = [one, f"{one}/32", f" {one}", f"'{one}'", f"`{one}`"]
    near = [f"{head}.{(int(last) + step) % 256}" for step in (1, 2, 255)]
    bad = [*near, f"{one}/16", f"{one}:80", f"{one}0", head, "localhost", f"{one} {near[0]}"]
    return (dice.choice(good), True) if dice.random() < 0.4 else (dice.choice(bad), False)


def endpoints(right: Words, dice: Dice) -> Mutant:
    """Addresses with ports; their order means nothing."""
    parts = dice.sample(list(right), len(right))
    host, _, port = parts[0].rpartition(":")
    head, _, last = host.rpartition(".")
    wrong = {
        "port": [f"{host}:{int(port) + 1}", *parts[1:]],
        "neighbour": [f"{head}.{(int(last) + 97) % 256}:{port}", *parts[1:]],
        "twice": [*parts, parts[0]],
        "one less": parts[1:],
        "net": [f"{host}/24:{port}", *parts[1:]],
    }
    kind = dice.choice(["right", "right", *wrong])
    return dressed(dice, wrong.get(kind, parts)), kind == "right"


def chain(right: Words, dice: Dice) -> Mutant:
    """One chain."""
    (one,) = right
    bad = [other_letter(dice, one), one.partition("-")[0], f"{one}X", "KUBE-SVC-NPX46M4PTMTKRN6Y", "OUTPUT"]
    return (called(dice, right), True) if dice.random() < 0.4 else (dice.choice(bad), False)


def called(dice: Dice, parts: Words) -> Any:
    """Chains by one of the names that people call them."""
    short = [part.removeprefix("KUBE-") for part in parts]
    named = short if dice.random() < 0.3 and not BASE.intersection(short) else parts
    return dressed(dice, cased(dice, named))


def chains(right: Words, dice: Dice) -> Mutant:
    """A way: names in order."""
    way = list(right)
    at, to = dice.sample(range(len(way)), 2)
    kind = dice.choice(["right", "right", "swap", "drop", "double", "strange", "letter"])
    if kind == "swap":
        way[at], way[to] = way[to], way[at]
    elif kind == "drop":
        del way[at]
    elif kind == "double":
        way.insert(at, way[at])
    elif kind == "strange":
        way[at] = dice.choice(["KUBE-SVC-NPX46M4PTMTKRN6Y", "KUBE-POSTROUTING", "OUTPUT"])
    elif kind == "letter":
        way[at] = other_letter(dice, way[at])
    return (called(dice, way), True) if kind == "right" else (dressed(dice, way), way == list(right))


def turns(right: Words, dice: Dice) -> Mutant:
    """Names in order; where the same name comes twice in a row, nothing changes by a swap."""
    given = list(right)
    at = dice.choice([at for at in range(len(given) - 1) if given[at] != given[at + 1]])
    wrong = {
        "swap": [*given[:at], given[at + 1], given[at], *given[at + 2 :]],
        "drop": given[:-1],
        "double": [given[0], *given],
        "letter": [*given[:-1], other_letter(dice, given[-1])],
    }
    kind = dice.choice(["right", "right", *wrong])
    return dressed(dice, wrong.get(kind) or cased(dice, given)), kind == "right"


def shares(right: Words, dice: Dice) -> Mutant:
    """Probabilities, one a rule, in order; the last rule of a chain has none."""
    chances = [_chance(each) for each in right]
    kind = dice.choice(["right", "right", "swap", "off", "drop", "more"])
    parts = [_printed(dice, each) for each in chances]
    at = dice.randrange(len(parts) - 1)
    if kind == "swap":
        parts[at], parts[at + 1] = parts[at + 1], parts[at]
    elif kind == "off":
        parts[at] = f"{float(chances[at]) + dice.choice([-1, 1]) * dice.choice([0.006, 0.05, 0.00002]):.5f}"
    elif kind == "drop":
        del parts[at]
    elif kind == "more":
        parts.insert(0, f"1/{len(parts) + 1}")
    return dressed(dice, parts), kind == "right"


def _chance(text: str) -> Fraction:
    return Fraction(1) if text == "none" else Fraction(text)


def _printed(dice: Dice, chance: Fraction) -> str:
    if chance == 1:
        return dice.choice(["none", "-", "1", "100%"])
    near = chance.limit_denominator(100)
    near = near if abs(near - chance) < Fraction(1, 10**8) else chance
    percent = f"{100 * float(chance):.2f}%"
    return dice.choice(
        [f"{near.numerator}/{near.denominator}", f"{float(chance):.{dice.randint(3, 10)}f}", percent]
    )


def pairs(right: Words, dice: Dice) -> Mutant:
    """Names with a value each; their order means nothing."""
    couples = _couples(right)
    (name, value), *rest = dice.sample(couples, len(couples))
    wrong = {
        "name": [(other_letter(dice, name), value), *rest],
        "value": [(name, other_letter(dice, value)), *rest],
        "alone": [(name, "")],
        "crossed": [(name, rest[0][1]), (rest[0][0], value), *rest[1:]] if rest else [(value, name[:3])],
    }
    kind = dice.choice(["right", "right", *wrong])
    return _written(dice, wrong.get(kind, [(name, value), *rest])), kind == "right"


def counts(right: Words, dice: Dice) -> Mutant:
    """How many of each; the counts themselves stay, since chance made them."""
    numbers = {name: int(value) for name, value in _couples(right)}
    first, *rest = dice.sample(list(numbers), len(numbers))
    wrong = {
        "few": {name: value // 3 for name, value in numbers.items()},
        "stranger": {f"{first}x": numbers[first], **{name: numbers[name] for name in rest}},
        "many": {name: 50 * value + 5000 for name, value in numbers.items()},
        "skewed": {**numbers, first: 4 * sum(numbers.values())},
    }
    kind = dice.choice(["right", "right", *wrong])
    return _written(
        dice, [(name, str(value)) for name, value in wrong.get(kind, numbers).items()]
    ), kind == "right"


def _couples(right: Words) -> list[tuple[str, str]]:
    """(name, value) of words in either order: a name has letters that no number and no address has."""
    found = zip(right[::2], right[1::2], strict=True)
    return [(first, second) if _is_name(first) else (second, first) for first, second in found]


def _is_name(text: str) -> bool:
    return text[:1].isalpha()


def _written(dice: Dice, couples: Sequence[tuple[str, str]]) -> Any:
    if dice.random() < 0.2 and len(dict(couples)) == len(couples):
        return dict(couples)
    joint, between = dice.choice(["=", " ", " = ", "→"]), dice.choice([" ", ", ", "\n"])
    turned = dice.random() < 0.3
    return between.join(joint.join(pair[::-1] if turned else pair) for pair in couples)


MUTATE: dict[str, Callable[[Words, Dice], Mutant]] = {
    each.__name__: each
    for each in (word, number, address, endpoints, chain, chains, turns, shares, pairs, counts)
}
