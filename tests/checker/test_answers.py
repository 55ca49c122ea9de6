"""The learner's file: read as written, never trusted, never rewritten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker import answers
from checker.expectations import Wrong


def read(tmp_path, text):
    file = tmp_path / "answers.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return answers.load(file, 3)


def test_scalars_stay_as_they_are_written(tmp_path):
    found = read(tmp_path, "mark: 0x4000\nchance: 0.50\nnone: none\nyes: yes\n")
    assert dict(found.values) == {"mark": "0x4000", "chance": "0.50", "none": "none", "yes": "yes"}


@pytest.mark.parametrize(
    "text",
    [
        "mode:\n",
        "mode: ''\n",
        "mode: null\n",
        "mode: ~\n",
        "mode: []\n",
        "other: x\n",
        "",
        "# nothing\n",
        'mode: "\\n"\n',
    ],
)
def test_a_task_without_a_value_has_no_answer_yet(tmp_path, text):
    found = read(tmp_path, text)
    with pytest.raises(Wrong) as wrong:
        found.value("mode")
    assert wrong.value.found == "no answer yet"
    assert "lab answer 3 mode" in wrong.value.next


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mode: iptables\nhops: [a, b\n", "line 3, column 1"),
        ("mode: 'x\n", "line"),
        ("- a\n- b\n", "it holds a list, not lines of `task: value`"),
        ("just words", "it holds a str"),
        (b"mode: \xff\n", "byte 7 is not UTF-8 text"),
        ("a: &x [b, b]\nc: [*x, *x]\n", "line 2, column 5: an alias"),
        ("mode: x\n\tb: y\n", "line 2"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: !!python/object:os.system x\nb: [", "line"),
    ],
)
def test_a_damaged_file_is_shown_with_its_place_and_left_alone(tmp_path, text, said):
    found = read(tmp_path, text)
    before = (tmp_path / "answers.yaml").read_bytes()
    with pytest.raises(Wrong) as wrong:
        found.value("mode")
    assert said in wrong.value.found
    assert "nothing was overwritten" in wrong.value.next
    assert (tmp_path / "answers.yaml").read_bytes() == before


def test_a_file_too_large_to_be_answers_is_not_read(tmp_path):
    found = read(tmp_path, "a: " + "x" * (answers.LARGEST + 1))
    assert "more than the" in found.damage


def test_a_missing_file_holds_no_answers(tmp_path):
    assert dict(answers.load(tmp_path / "none.yaml").values) == {}


def test_several_words_where_one_is_asked():
    found = answers.Answers({"mode": "iptables ipvs"}, number=3)
    with pytest.raises(Wrong, match="one word") as wrong:
        found.word("mode")
    assert wrong.value.found == "2 words: `iptables ipvs`"


def test_a_quoted_answer_is_short_and_printable():
    assert answers.shown("a\x07b " + "c" * 200) == f"`a?b {'c' * 75}…`"


@given(st.binary(max_size=300))
def test_no_file_whatever_makes_the_reader_fail(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("a") / "answers.yaml"
    file.write_bytes(content)
    found = answers.load(file)
    assert found.damage or isinstance(found.values, dict)


@pytest.mark.parametrize("given_", ["pod-a -1", "pod-a 1000001", "pod-a", "60 pod-a many pod-b"])
def test_counts_that_nobody_can_have_counted(given_):
    with pytest.raises(Wrong, match="each pod with the number of its answers"):
        answers.Answers({"requests": given_}, number=3).counts("requests")
