"""The labs there are, and what each is made of."""

import shutil

import pytest

from labs import course
from labs.errors import CourseError, UnknownName
from vm.doctor import IP_VS, package_findings
from vm.needs import KERNEL_NEEDS


def test_lab_3_is_there_with_all_its_parts():
    lab = course.find(3)
    assert lab.slug == "03-iptables-chains"
    assert (lab.minutes, lab.mode, lab.points) == (30, "iptables", 20)
    assert len(lab.tasks) >= 8


def test_an_unknown_lab_is_answered_with_those_there_are():
    with pytest.raises(UnknownName, match="there is no lab `33`; there are: ") as error:
        course.find(33)
    assert error.value.exit_code == 64


def test_an_unknown_task_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="there is no task in lab 3 `hop`") as error:
        course.find(3).task("hop")
    assert error.value.cure == "did you mean `hops`?"


def test_the_stage_carries_the_labs_label_and_the_variants_values():
    lab = course.find(3)
    objects = lab.manifests(lab.variant(4711))
    assert [each["kind"] for each in objects] == ["Namespace", "Deployment", "Service"]
    assert {each["metadata"]["labels"][course.LABEL] for each in objects} == {"3"}
    assert lab.selector == "kube-proxy-lab/lab=3"
    service = objects[2]
    assert service["metadata"]["namespace"] == "eks-prod-1-parcels-ns"
    assert service["spec"]["ports"][0] == {"port": 80, "targetPort": 3735, "nodePort": 30636}


def test_a_copy_of_a_lab_is_the_same_lab_anywhere(tmp_path):
    lab = course.find(3)
    shutil.copytree(lab.folder, tmp_path / lab.slug)
    copy = course.read(tmp_path / lab.slug)
    assert copy.lesson(copy.variant(7)) == lab.lesson(lab.variant(7))


def test_what_a_learner_builds_by_hand_is_tidied_up_by_machine_with_the_variants_values():
    lab = course.find(4)
    scripts = lab.tidying(lab.variant(0))
    assert list(scripts) == ["worker-1"]
    assert "MY-" in scripts["worker-1"]
    assert course.find(3).tidying(course.find(3).variant(0)) == {}


def test_what_a_lab_needs_are_rows_of_lab_doctor():
    rows = {need.name for need in KERNEL_NEEDS} | {each.name for each in package_findings()} | {IP_VS.name}
    assert {need for lab in course.labs() for need in lab.needs} <= rows


def test_manifests_that_are_no_yaml_are_named(tmp_path):
    folder = shutil.copytree(course.find(3).folder, tmp_path / "03-iptables-chains")
    (folder / "manifests/zz.yaml").write_text("a: [")
    lab = course.read(folder)
    with pytest.raises(CourseError, match=r"zz\.yaml is no YAML"):
        lab.manifests(lab.variant(0))
