"""A folder for a lab that is yet to be written."""

import pytest

from labs import course, newlab
from labs.errors import CourseError, UsageError


@pytest.fixture(autouse=True)
def content(tmp_path, monkeypatch):
    monkeypatch.setenv(course.CONTENT, str(tmp_path))
    return tmp_path


def test_it_is_a_lab_under_its_own_number(content):
    folder = newlab.make("12-source-ranges")
    lab = course.read(folder)
    assert folder == content / "12-source-ranges"
    assert (lab.number, lab.slug) == (12, "12-source-ranges")
    written = [file.read_text() for file in folder.rglob("*") if file.is_file()]
    assert not [text for text in written if newlab.NUMBER in text]
    assert lab.manifests(lab.variant(0))[0]["metadata"]["name"] == "lab12-shop-ns"


@pytest.mark.parametrize(
    "slug", ["source-ranges", "7-short", "12", "12-", "12-Source", "../12-up", "123-many"]
)
def test_a_name_that_is_none_is_refused_with_an_example(content, slug):
    with pytest.raises(UsageError, match="two digits, a hyphen and words in small letters") as error:
        newlab.make(slug)
    assert error.value.cure == "for example: `lab new-lab 12-source-ranges`"
    assert list(content.iterdir()) == []


def test_a_number_that_is_taken_is_refused(content):
    newlab.make("12-source-ranges")
    with pytest.raises(CourseError, match="12-source-ranges is there already"):
        newlab.make("12-other")


def test_a_content_folder_that_is_none_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(course.CONTENT, str(tmp_path / "gone"))
    with pytest.raises(CourseError, match=r"LAB_CONTENT is .*/gone, which is no folder"):
        newlab.make("12-source-ranges")


def test_an_installed_course_is_not_written_into(monkeypatch, tmp_path):
    package = tmp_path / "labs"
    (package / "content").mkdir(parents=True)
    monkeypatch.setattr(course, "__file__", str(package / "course.py"))
    monkeypatch.delenv(course.CONTENT)
    with pytest.raises(CourseError, match="belongs to the installed package") as error:
        newlab.make("12-source-ranges")
    assert "LAB_CONTENT" in error.value.cure
    assert list((package / "content").iterdir()) == []
