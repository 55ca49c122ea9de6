"""Counts of requests by pod, as labs judge them."""

import pytest

from checker import counts
from checker.answers import Answers
from checker.expectations import Wrong

PODS = ("web-a", "web-b", "web-c")


def answers(text):
    return Answers({"shares": text})


def test_counts_that_are_right_pass_all():
    given = answers("  33 web-a\n  30 web-b\n  37 WEB-C")
    counts.require_enough(given, "shares", 100)
    counts.require_pods(given, "shares", PODS)
    counts.require_even(given, "shares", PODS)


def test_too_few_are_told_with_their_sum():
    with pytest.raises(Wrong) as said:
        counts.require_enough(answers("40 web-a 59 web-b"), "shares", 100)
    assert (said.value.expected, said.value.found) == ("100 answers or more", "99 in all")


def test_strangers_are_named_and_the_pods_are_not():
    with pytest.raises(Wrong) as said:
        counts.require_pods(answers("40 web-a 60 web-x"), "shares", PODS)
    assert "`web-x`" in said.value.found
    assert "web-b" not in str(said.value)


@pytest.mark.parametrize("text", ["100 web-a", "60 web-a 40 web-b", "0 web-a", "90 web-a 5 web-b 5 web-c"])
def test_what_chance_does_not_make_is_not_even(text):
    with pytest.raises(Wrong, match="about as many answers from every pod"):
        counts.require_even(answers(text), "shares", PODS)


def test_even_counts_may_have_to_be_many():
    with pytest.raises(Wrong, match="about as many"):
        counts.require_even(answers("2 web-a 2 web-b 2 web-c"), "shares", PODS, least=60)
