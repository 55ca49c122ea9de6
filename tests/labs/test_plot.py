"""A learner's counts as a picture, with χ² beside it."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.plot import Plot, survival

COUNTS = {"shop-backend-a": 70, "shop-backend-b": 50, "shop-backend-c": 30}


def test_as_text_every_name_has_its_count_and_a_bar_as_long_as_its_share():
    title, *rows, verdict = repr(Plot("lab 4, requests", COUNTS)).splitlines()
    assert title == "lab 4, requests"
    assert [row.split()[:2] for row in rows] == [[name, str(count)] for name, count in COUNTS.items()]
    assert [row.count("█") for row in rows] == [40, 29, 17]
    assert verdict == "even (dashed): 50.0 each; χ² = 16.00 with 2 degrees of freedom, p = 0.00034"


def test_as_a_picture_it_says_the_same_and_is_one():
    picture = ElementTree.fromstring(Plot("lab 4, requests", COUNTS)._repr_svg_())
    bars = [float(each.get("width")) for each in picture.iter() if each.tag.endswith("rect")]
    assert bars == [420, 300, 180]
    assert "p = 0.00034" in picture.get("aria-label")


def test_one_pod_alone_is_compared_with_nobody():
    assert "nothing to compare" in repr(Plot("lab 4, keepalive", {"shop-backend-a": 20}))


def test_several_measurements_stand_side_by_side_and_are_not_expected_to_be_even():
    plot = Plot("lab 5", {"errors: refused": 30, "errors: answered": 90, "calm: answered": 120}, even=False)
    assert repr(plot).splitlines()[-1].startswith("calm: answered")
    assert "stroke-dasharray" not in plot._repr_svg_()


# The usual tables of the χ² distribution: 5 % and 0.1 % points.
@pytest.mark.parametrize(
    ("freedom", "five", "tenth"),
    [(1, 3.841, 10.828), (2, 5.991, 13.816), (3, 7.815, 16.266), (4, 9.488, 18.467), (5, 11.070, 20.515)],
)
def test_p_is_that_of_the_tables(freedom, five, tenth):
    assert survival(five, freedom) == pytest.approx(0.05, rel=1e-3)
    assert survival(tenth, freedom) == pytest.approx(0.001, rel=1e-2)


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 10**6), min_size=1, max_size=12))
def test_any_names_and_counts_can_be_drawn(counts):
    picture = Plot("any", counts)
    p_values = re.findall(r"p = (\S+)$", picture.verdict)
    assert all(0 <= float(each) <= 1 + 1e-9 for each in p_values)
    assert picture._repr_svg_().startswith("<svg")


def test_the_line_stands_where_a_bar_of_an_even_share_would_end():
    svg = Plot("even", {"a": 60, "b": 40, "c": 50})._repr_svg_()
    left, width = (int(re.findall(r'<rect x="(\d+)".*? width="(\d+)"', svg)[2][at]) for at in (0, 1))
    assert f'<line x1="{left + width}" x2="{left + width}"' in svg
