"""The table itself: large enough, nothing forgotten, and a mistake in a case is told with its place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from proxy_cases.case import Case, CaseInvalid, cases, read

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FEATURES = {
    f"{group}: {name}": where
    for group, found in yaml.safe_load((HERE / "features.yaml").read_text()).items()
    for name, where in found.items()
}
TABLE = cases()


def test_the_table_has_at_least_120_flows_of_at_least_50_kinds() -> None:
    flows = {(case.name, str(flow), str(flow.end.shares)) for case in TABLE for flow in case.flows}
    assert len(flows) >= 120
    assert len({feature for case in TABLE for feature in case.features}) >= 50


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_is_proved_where_the_list_says(feature: str) -> None:
    told = {name for case in TABLE for name in case.features}
    assert FEATURES[feature].keys() <= {"cases", "tests"}
    assert set(FEATURES[feature].get("cases", ())) <= told
    assert all((ROOT / test).is_file() for test in FEATURES[feature].get("tests", ()))


def test_no_case_claims_a_feature_that_the_list_does_not_know() -> None:
    known = {name for where in FEATURES.values() for name in where.get("cases", ())}
    assert {feature for case in TABLE for feature in case.features} <= known


def test_who_asks_what_is_asked_once_in_a_step() -> None:
    for case in TABLE:
        for step in case.steps:
            assert max(Counter(map(str, step.flows)).values(), default=1) == 1, case.name


WRONG = {
    "an unknown field": ("{from: pod, to: 'vip:80', gets: REJECT}", "unknown field gets"),
    "an unknown place": ("{from: nobody, to: 'vip:80', get: REJECT}", "from, to or protocol is none"),
    "an unknown backend": ("{from: pod, to: 'vip:80', get: nobody, sees: kept}", "neither a place nor"),
    "nothing about the source": (
        "{from: pod, to: 'vip:80', get: near}",
        "sees: must be kept, masqueraded, asked",
    ),
    "half of the shares": ("{from: pod, to: 'vip:80', get: {near: 1/2}, sees: kept}", "do not sum to 1"),
    "no end": ("{from: pod, to: 'vip:80'}", "get"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_flow_that_is_wrong_is_told_with_its_case(what: str, tmp_path: Path) -> None:
    flow, told = WRONG[what]
    path = tmp_path / "mistaken.yaml"
    path.write_text(f"about: wrong\nflows:\n- {flow}\n")
    with pytest.raises(CaseInvalid, match="case mistaken, flow") as caught:
        list(read(path))
    assert told in str(caught.value)


def small(tmp_path: Path, text: str) -> Case:
    path = tmp_path / "small.yaml"
    path.write_text(text)
    return next(read(path))


def test_a_mode_differs_where_its_name_says_so_and_nowhere_else(tmp_path: Path) -> None:
    text = "{from: pod, to: 'vip:80', get: [near, far], sees: kept, ipvs: near, nftables: DROP}"
    (flow,) = small(tmp_path, f"about: modes\nflows:\n- {text}\n").flows
    assert set(flow.end_in("iptables").shares) == {"near", "far"}
    assert set(flow.end_in("ipvs").shares) == {"near"}
    assert flow.end_in("nftables").verdict == "DROP"
    assert flow.end_in("userspace").masqueraded  # the relay asks by itself


def test_a_later_step_keeps_what_it_does_not_change(tmp_path: Path) -> None:
    text = (
        "about: steps\nservices: {web: {clusterIP: $vip}, two: {clusterIP: $vip2}}\n"
        "endpoints: {web: [near]}\n"
        "then: [{services: {two: null}}, {endpoints: {web: [far]}}]\n"
    )
    kinds = [
        [(made["kind"], made["metadata"]["name"]) for made in step.objects]
        for step in small(tmp_path, text).steps
    ]
    assert kinds[0] == [("Service", "web"), ("Service", "two"), ("EndpointSlice", "web-1")]
    assert kinds[1] == kinds[2] == [("Service", "web"), ("EndpointSlice", "web-1")]
