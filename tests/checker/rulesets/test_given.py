"""A rule's line cut into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.rulesets.given import Words, words
from checker.rulesets.model import quoted


def test_double_quotes_hold_spaces_and_a_backslash_escapes_within_them() -> None:
    assert words(r'--comment "a \"quoted\" b" -j X') == ["--comment", 'a "quoted" b', "-j", "X"]


def test_what_iptables_save_escapes_is_read_back() -> None:
    assert words(r'--comment "it\'s"') == ["--comment", "it's"]


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1))
def test_any_comment_survives_quoting(text: str) -> None:
    assert words(f"--comment {quoted(text)} -j X") == ["--comment", text, "-j", "X"]


def test_an_open_quote_is_refused() -> None:
    with pytest.raises(ValueError, match="never closed"):
        words('--comment "kubernetes')


def test_a_stray_word_is_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match=r"'portals'.*double quotes"):
        list(Words(["portals"]))


def test_an_option_without_its_value_is_refused() -> None:
    with pytest.raises(ValueError, match="-j is the last word"):
        Words([]).value("-j")
