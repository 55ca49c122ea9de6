"""A seed draws a lab, the same everywhere; the lab's texts carry the drawn values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs import course, variants
from labs.errors import CourseError
from labs.order import LARGEST_SEED
from labs.variants import Value

LAB = course.find(3)
SEEDS = st.integers(1, LARGEST_SEED)


def test_seed_0_is_the_article_itself_and_changes_no_text():
    variant = LAB.variant(0)
    assert variant.values["namespace"] == "eks-dev-1-appname-ns"
    assert (variant.values["node_port"], variant.values["target"]) == (31103, 3001)
    assert LAB.lesson(variant) == (LAB.folder / "lesson.md").read_text()


def test_a_seed_gives_these_values_on_any_machine_and_in_any_version():
    """Written down: a change here gives every learner another lab."""
    assert LAB.variant(4711).values == {
        "app": "parcels",
        "stage": "prod",
        "namespace": "eks-prod-1-parcels-ns",
        "service": "parcels-backend-svc",
        "deployment": "parcels-backend",
        "node_port": 30636,
        "target": 3735,
        "scaled": 4,
        "grown": 7,
    }
    assert variants.default_seed("03-iptables-chains", "ada") == 882140


@given(SEEDS)
def test_every_seed_gives_a_lab_that_can_be_set_up_beside_the_example(seed):
    values = LAB.variant(seed).values
    assert values["node_port"] != 31103
    assert 30000 <= values["node_port"] <= 32767
    assert values["namespace"] == f"eks-{values['stage']}-1-{values['app']}-ns"
    assert 2 < values["scaled"] < values["grown"]


def test_seeds_differ():
    drawn = {tuple(LAB.variant(seed).values.items()) for seed in range(1, 200)}
    assert len(drawn) == 199


@given(SEEDS)
def test_nothing_of_the_article_is_left_in_what_a_learner_reads(seed):
    variant = LAB.variant(seed)
    texts = [LAB.lesson(variant), LAB.solution(variant), str(LAB.manifests(variant))]
    texts += [hint for task in LAB.tasks for hint in LAB.hints(task.name, variant)]
    for article in ("appname", "31103", "3001", "eks-dev-1-appname-ns"):
        assert not any(article in text for text in texts), article


def test_numbers_of_pods_are_written_as_numbers_in_commands_and_as_words_in_sentences():
    variant = LAB.variant(4711)
    assert "--replicas=4" in LAB.lesson(variant)
    assert "with seven pods" in LAB.lesson(variant)
    assert "--replicas=3" not in LAB.lesson(variant)


VALUES = variants.read(
    9, "09-x", {"name": {"article": "app", "one_of": ["app-svc"]}, "port": {"article": 80, "one_of": [8080]}}
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app", "app-svc"),
        ("app-1234", "app-svc-1234"),
        ("apple map-app wrap_app", "apple map-app-svc wrap_app-svc"),
        (":80 180 800 80%", ":8080 180 800 8080%"),
        ("app:80", "app-svc:8080"),
    ],
)
def test_values_are_replaced_whole_all_at_once_and_never_twice(text, expected):
    assert VALUES.substitute(text, VALUES.draw(1)) == expected


def test_values_may_be_exchanged():
    value = Value("a", "x", one_of=("y",))
    other = Value("b", "y", one_of=("x",))
    both = variants.Values(9, "09-x", (value, other))
    assert both.substitute("x y x", both.draw(1)) == "y x y"


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(CourseError, match=f"{seed} is no seed"):
        LAB.variant(seed)


@pytest.mark.parametrize(
    "given_", [{"article": 1}, {"one_of": [1]}, {"article": 1, "one_of": [1], "between": [1, 2]}]
)
def test_a_value_that_cannot_be_drawn_is_refused(given_):
    with pytest.raises(CourseError, match="value port has"):
        variants.read(9, "09-x", {"port": given_})


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"article": 1, "between": [300]}, "is between"),
        ({"article": 1, "between": [9, 3]}, "is between"),
        ({"article": "x", "made_of": "{ap}-svc"}, "made of ap, which is no value above it"),
        ({"article": "x", "one_of": []}, "value port has"),
    ],
)
def test_a_teachers_mistake_in_a_value_is_named(given_, says):
    with pytest.raises(CourseError, match=says):
        variants.read(9, "09-x", {"port": given_})


def test_no_two_labs_can_draw_one_node_port_nor_that_of_the_example():
    values = ((lab.number, value) for lab in course.labs() for value in lab.values.values)
    ranges = {number: value.between for number, value in values if value.name == "node_port"}
    drawn = [port for first, last in ranges.values() for port in range(first, last + 1)]
    assert len(drawn) == len(set(drawn))
    # Lab 3 has the example's for its article's own, which it never draws.
    assert [number for number, (first, last) in ranges.items() if first <= 31103 <= last] == [3]


@given(st.text(max_size=20), st.text(max_size=20))
def test_every_user_has_a_seed_and_it_is_not_the_articles(user, slug):
    assert 1 <= variants.default_seed(slug, user) <= LARGEST_SEED
