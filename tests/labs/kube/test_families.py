"""Dual-stack Services: what is filled in, what is refused, what a later write may do."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from labs.kube.allocate import Allocator
from labs.kube.bootstrap import bootstrap
from labs.kube.registry import Registry
from labs.kube.status import StatusError
from labs.kube.store import Store

RANGES = {"IPv4": ip_network("10.96.0.0/16"), "IPv6": ip_network("fd00:96::/112")}
BOTH, SIX_FIRST = ["IPv4", "IPv6"], ["IPv6", "IPv4"]
PREFER, REQUIRE, SINGLE = "PreferDualStack", "RequireDualStack", "SingleStack"


def cluster(store: Store, cidrs: str) -> Registry:
    made = Registry(store, Allocator(cidrs))
    bootstrap(made, "192.168.56.10", 6443, "the certificate")
    return made


@pytest.fixture
def dual(store: Store) -> Registry:
    return cluster(store, "10.96.0.0/16,fd00:96::/112")


def create(registry: Registry, make: Any, obj: dict[str, Any]) -> dict[str, Any]:
    return dict(registry.create(make.target("Service"), obj).obj["spec"])


def change(registry: Registry, make: Any, name: str = "web", **spec: Any) -> dict[str, Any]:
    def merged(obj: dict[str, Any]) -> dict[str, Any]:
        kept = {field: value for field, value in {**obj["spec"], **spec}.items() if value is not None}
        return {**obj, "spec": kept}

    return dict(registry.change(make.target("Service", name), merged).obj["spec"])


def refusal(caught: pytest.ExceptionInfo[StatusError]) -> str:
    return str(caught.value).partition("is invalid: ")[2]


@pytest.mark.parametrize(
    ("asked", "policy", "families"),
    [
        ({}, SINGLE, ["IPv4"]),
        ({"ipFamilies": ["IPv6"]}, SINGLE, ["IPv6"]),
        ({"clusterIP": "fd00:96::30"}, SINGLE, ["IPv6"]),
        ({"ipFamilyPolicy": PREFER}, PREFER, BOTH),
        ({"ipFamilyPolicy": REQUIRE}, REQUIRE, BOTH),
        ({"ipFamilyPolicy": REQUIRE, "ipFamilies": ["IPv6"]}, REQUIRE, SIX_FIRST),
        ({"ipFamilyPolicy": PREFER, "clusterIP": "fd00:96::31"}, PREFER, SIX_FIRST),
        ({"ipFamilyPolicy": REQUIRE, "clusterIPs": ["10.96.0.31", "fd00:96::31"]}, REQUIRE, BOTH),
    ],
)
def test_what_is_left_out_is_filled_in(
    dual: Registry, make: Any, asked: dict[str, Any], policy: str, families: list[str]
) -> None:
    spec = create(dual, make, make.service("web", **asked))

    assert (spec["ipFamilyPolicy"], spec["ipFamilies"]) == (policy, families)
    assert spec["clusterIP"] == spec["clusterIPs"][0]
    assert [
        ip_address(one) in RANGES[family] for one, family in zip(spec["clusterIPs"], families, strict=True)
    ]
    for address in asked.get("clusterIPs", [asked.get("clusterIP")]):
        assert address is None or address in spec["clusterIPs"]


@pytest.mark.parametrize(
    ("asked", "families"),
    [({"selector": {"app": "web"}}, ["IPv4"]), ({"selector": None}, BOTH)],
)
def test_a_headless_service_has_families_and_no_address(
    registry: Registry, make: Any, asked: dict[str, Any], families: list[str]
) -> None:
    spec = create(registry, make, make.service("web", clusterIP="None", **asked))

    assert (spec["clusterIPs"], spec["ipFamilies"]) == (["None"], families)
    assert spec["ipFamilyPolicy"] == (SINGLE if len(families) == 1 else REQUIRE)


def test_preferring_two_families_is_no_error_where_there_is_one(registry: Registry, make: Any) -> None:
    spec = create(registry, make, make.service("web", ipFamilyPolicy=PREFER))

    assert (spec["ipFamilyPolicy"], spec["ipFamilies"], len(spec["clusterIPs"])) == (PREFER, ["IPv4"], 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"ipFamilyPolicy": REQUIRE},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": '
            "this cluster is not configured for dual-stack services",
        ),
        (
            {"ipFamilies": ["IPv6"]},
            'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
        ),
        (
            {"clusterIP": "fd00:96::1"},
            'spec.clusterIPs[0]: Invalid value: ["fd00:96::1"]: IPv6 is not configured on this cluster',
        ),
    ],
)
def test_a_cluster_of_one_family_says_so(registry: Registry, make: Any, asked: Any, said: str) -> None:
    with pytest.raises(StatusError) as caught:
        create(registry, make, make.service("web", **asked))
    assert refusal(caught) == said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"ipFamilies": BOTH},
            'spec.ipFamilyPolicy: Invalid value: "SingleStack": '
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
        ),
        (
            {"ipFamilies": ["IPv4", "IPv4"], "ipFamilyPolicy": PREFER},
            'spec.ipFamilies[1]: Duplicate value: "IPv4"',
        ),
        (
            {"ipFamilies": ["IPv5"]},
            'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
        ),
        (
            {"clusterIP": "10.96.0.40", "ipFamilies": ["IPv6"]},
            'spec.clusterIPs[0]: Invalid value: "10.96.0.40": '
            "expected an IPv6 value as indicated by `ipFamilies[0]`",
        ),
        (
            {"clusterIPs": ["10.96.0.40", "10.96.0.41"], "ipFamilyPolicy": PREFER},
            'spec.clusterIPs: Invalid value: ["10.96.0.40","10.96.0.41"]: '
            "may specify no more than one IP for each IP family",
        ),
        (
            {"clusterIPs": ["None", "10.96.0.41"]},
            'spec.clusterIPs: Invalid value: ["None","10.96.0.41"]: '
            "'None' must be the first and only value",
        ),
        (
            {"clusterIP": "fd00:97::1"},
            'spec.clusterIPs: Invalid value: ["fd00:97::1"]: failed to allocate IP fd00:97::1: '
            "the provided IP (fd00:97::1) is not in the valid range. The range of valid IPs is fd00:96::/112",
        ),
    ],
)
def test_a_contradiction_is_named(dual: Registry, make: Any, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(StatusError) as caught:
        create(dual, make, make.service("web", **asked))
    assert refusal(caught) == said


def test_a_second_family_comes_and_goes_with_the_policy(dual: Registry, make: Any) -> None:
    first = create(dual, make, make.service("web"))["clusterIP"]
    grown = change(dual, make, ipFamilyPolicy=PREFER)
    second = grown["clusterIPs"][1]

    assert (grown["clusterIPs"][0], grown["ipFamilies"]) == (first, BOTH)
    shrunk = change(dual, make, ipFamilyPolicy=SINGLE)
    assert (shrunk["clusterIPs"], shrunk["ipFamilies"]) == ([first], ["IPv4"])
    assert create(dual, make, make.service("other", clusterIP=second))["clusterIPs"] == [second]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"ipFamilies": ["IPv4"]}, "must be set to 'SingleStack' when releasing the secondary ipFamily"),
        ({"ipFamilies": SIX_FIRST}, "may not change once set"),
        ({"clusterIP": "10.96.0.77", "clusterIPs": ["10.96.0.77"]}, "may not change once set"),
    ],
)
def test_the_first_is_kept_for_life_and_the_second_is_not_forgotten(
    dual: Registry, make: Any, asked: dict[str, Any], said: str
) -> None:
    create(dual, make, make.service("web", ipFamilyPolicy=PREFER))

    with pytest.raises(StatusError, match=said):
        change(dual, make, **asked)


def test_a_cluster_that_becomes_dual_stack_changes_no_service(store: Store, make: Any) -> None:
    before = cluster(store, "10.96.0.0/16")
    plain = create(before, make, make.service("plain"))
    prefers = create(before, make, make.service("prefers", ipFamilyPolicy=PREFER))
    after = cluster(store, "10.96.0.0/16,fd00:96::/112")

    assert change(after, make, "plain", sessionAffinity="None") == plain
    assert change(after, make, "prefers", sessionAffinity="None") == prefers
    assert len(change(after, make, "prefers", ipFamilyPolicy=REQUIRE)["clusterIPs"]) == 2
    cidrs = after.store.get("ServiceCIDR", ("", "kubernetes"))
    assert cidrs is not None
    assert cidrs.obj["spec"]["cidrs"] == ["10.96.0.0/16", "fd00:96::/112"]


def test_the_api_itself_stays_where_it_was(dual: Registry) -> None:
    api = dual.store.get("Service", ("default", "kubernetes"))
    assert api is not None
    assert (api.obj["spec"]["clusterIPs"], api.obj["spec"]["ipFamilies"]) == (["10.96.0.1"], ["IPv4"])
