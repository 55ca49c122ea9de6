"""What doctor makes of what was found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vm import doctor
from vm.doctor import PACKAGES, Finding, Report, examine, kernel_findings, package_findings
from vm.errors import HostCannot
from vm.needs import KERNEL_NEEDS, MODES, Need
from vm.probe import STEPS, Outcome

WORKS: dict[str, Outcome] = dict.fromkeys([*STEPS, *(need.name for need in KERNEL_NEEDS)], (0, ""))


def cure() -> str:
    return "the cure of this host"


def report(changes: dict[str, Outcome] | None = None) -> Report:
    return Report(tuple(kernel_findings(WORKS | (changes or {}), cure)))


def finding(findings: list[Finding], name: str) -> Finding:
    return next(each for each in findings if each.name == name)


def test_a_host_on_which_all_works_runs_every_mode_with_nothing_to_do() -> None:
    seen = report()
    assert seen.ready
    assert [seen.verdict(mode) for mode in MODES] == ["yes"] * 4
    assert [title for title, *_ in seen.tables()] == [
        "What this host can do",
        "Proxy modes that could run here",
    ]


@pytest.mark.parametrize("need", KERNEL_NEEDS, ids=lambda need: need.name)
def test_a_need_that_fails_stops_the_modes_that_have_it_and_shows_its_cure(need: Need) -> None:
    seen = report({need.name: (1, "refused")})
    assert [mode for mode in MODES if need.name in seen.verdict(mode)] == list(need.modes)
    assert seen.ready is ("iptables" not in need.modes)
    (found,) = [each for each in seen.findings if not each.ok]
    assert (found.found, found.cure) == ("refused", need.cure)
    assert found.sign == ("✗" if "iptables" in need.modes else "!")


def test_without_user_namespaces_the_cure_is_said_once_and_the_rest_was_not_tried() -> None:
    seen = Report(tuple(kernel_findings({"user namespaces": (1, "Operation not permitted")}, cure)))
    assert not seen.ready
    assert [each.name for each in seen.findings if each.cure] == ["user namespaces"]
    assert all("not tried" in each.found for each in seen.findings[1:])
    assert seen.verdict("iptables") == "no: user namespaces"
    (todo,) = [note for title, _, _, note in seen.tables() if title == "What to do"]
    assert todo == "→ user namespaces:\n    the cure of this host"


def test_namespaces_without_rights_have_the_cure_of_user_namespaces() -> None:
    """Ubuntu's AppArmor gives the user namespace and refuses what comes after it."""
    changes = {"network, mount, PID namespaces": (1, "Operation not permitted")}
    found = finding(
        kernel_findings({"user namespaces": (0, ""), **changes}, cure), "network, mount, PID namespaces"
    )
    assert found.cure == "the cure of this host"


def test_a_kernel_without_ipv6_says_so_at_once_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = (2, "RTNETLINK answers: Operation not supported")
    monkeypatch.setattr(doctor, "attempt", lambda _: {"IPv6": refused})
    with pytest.raises(HostCannot, match="needs IPv6, and this kernel refuses: RTNETLINK") as caught:
        doctor.require_dual_stack()
    assert "ipv6.disable=1" in caught.value.cure


def test_a_kernel_with_ipv6_may_have_a_dual_stack_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(doctor, "attempt", lambda probes: asked.extend(probes) or {})
    doctor.require_dual_stack()
    assert asked == ["IPv6", "IPv6: NAT"]


def test_needs_with_one_cure_share_a_line() -> None:
    seen = report({"NAT": (1, "x"), "REJECT": (1, "x")})
    (todo,) = [note for title, _, _, note in seen.tables() if title == "What to do"]
    assert todo.startswith("→ NAT, REJECT:\n")


def test_packages_of_the_learner_do_not_keep_the_cluster_from_running() -> None:
    text = "# a comment\niproute2 lab no-such-program links\njq learner no-jq reading JSON\n"
    found = package_findings(text, "/nowhere")
    assert [(each.name, each.ok, each.modes) for each in found] == [
        ("iproute2", False, MODES),
        ("jq", False, ()),
    ]
    assert found[0].cure == "`sudo apt-get install iproute2`"
    assert found[1].why == "reading JSON"


def test_every_line_of_the_list_of_packages_can_be_read() -> None:
    lines = [line for line in PACKAGES.read_text().splitlines() if not line.startswith("#")]
    assert len(package_findings()) == len(lines) >= 12
    assert all(line.split()[1] in ("lab", "learner") for line in lines)


def test_json_says_the_same_as_the_tables() -> None:
    seen = report({"recent": (1, "no")})
    read = json.loads(json.dumps(seen.as_json()))
    assert (read["schema"], read["ready"]) == (1, False)
    assert read["modes"] == {"userspace": False, "iptables": False, "ipvs": True, "nftables": True}
    assert {"name": "recent", "ok": False}.items() <= next(
        each for each in read["needs"] if each["name"] == "recent"
    ).items()


def test_examining_asks_for_all_kernel_needs_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    asked: list[set[str]] = []

    def attempt(probes: dict[str, str]) -> dict[str, Outcome]:
        asked.append(set(probes))
        return WORKS

    monkeypatch.setattr("vm.doctor.attempt", attempt)
    seen = examine(PACKAGES.parent)
    assert asked == [{need.name for need in KERNEL_NEEDS}]
    assert {"Linux", "Python ≥ 3.11", "state folder", "ip_vs", "jq", "NAT"} <= {
        each.name for each in seen.findings
    }


def test_on_another_system_no_mode_runs_and_virtual_machines_are_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(doctor, "attempt", lambda _: {})
    seen = examine(tmp_path)
    assert not seen.ready
    assert all("Linux" in seen.verdict(mode) for mode in MODES)
    assert "lab up --backend vagrant" in finding(list(seen.findings), "Linux").cure


def test_only_what_is_asked_for_is_tried_and_only_what_is_not_met_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def attempt(probes: dict[str, str]) -> dict[str, tuple[int, str]]:
        asked.extend(probes)
        return {"NAT": (1, "no such table"), "REJECT": (0, "")}

    monkeypatch.setattr(doctor, "attempt", attempt)
    assert [each.name for each in doctor.unmet(["NAT", "REJECT", "curl"])] == ["NAT"]
    assert asked == ["NAT", "REJECT"]
    assert doctor.unmet([]) == []


def test_what_cannot_be_tried_is_not_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "attempt", lambda _: {"user namespaces": (1, "refused")})
    assert doctor.unmet(["NAT"]) == []
