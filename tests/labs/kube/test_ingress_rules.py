"""The rules of Ingresses and their classes, in the words of the real server."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube import defaults
from labs.kube.validation import ingress as rules

BACKEND = {"service": {"name": "web", "port": {"number": 80}}}


def path(**fields: Any) -> dict[str, Any]:
    return {"path": "/", "pathType": "Prefix", "backend": BACKEND, **fields}


def errors(*paths: dict[str, Any], host: str = "shop.example", **spec: Any) -> list[str]:
    rule = {"host": host, "http": {"paths": list(paths)}}
    return [str(error) for error in rules.ingress({"spec": {"rules": [rule], **spec}})]


@pytest.mark.parametrize("host", ["", "shop.example", "*.shop.example"])
@pytest.mark.parametrize("kind", ["Prefix", "Exact", "ImplementationSpecific"])
def test_what_is_right_passes(host: str, kind: str) -> None:
    assert errors(path(pathType=kind, path="/a/b"), host=host, ingressClassName="alb") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pathType": None}, ".pathType: Required value: pathType must be specified"),
        (
            {"pathType": "Regex"},
            '.pathType: Unsupported value: "Regex": supported values: '
            '"Exact", "ImplementationSpecific", "Prefix"',
        ),
        ({"path": "a"}, '.path: Invalid value: "a": must be an absolute path'),
        ({"path": ""}, '.path: Invalid value: "": must be an absolute path'),
        ({"path": "/a//b"}, ".path: Invalid value: \"/a//b\": must not contain '//'"),
        ({"path": "/a/.."}, ".path: Invalid value: \"/a/..\": cannot end with '/..'"),
        ({"backend": {}}, '.backend: Invalid value: "": resource or service backend is required'),
        (
            {"backend": {"service": {"name": "web"}}},
            ".backend: Required value: port name or number is required",
        ),
        (
            {"backend": {"service": {"name": "web", "port": {"number": 80, "name": "http"}}}},
            '.backend: Invalid value: "": cannot set both port name & port number',
        ),
        ({"backend": {"service": {"port": {"number": 80}}}}, ".backend.service.name: Required value"),
    ],
)
def test_what_is_wrong_with_a_path(change: dict[str, Any], said: str) -> None:
    assert errors(path(**change)) == [f"spec.rules[0].http.paths[0]{said}"]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("10.0.0.1", "must be a DNS name, not an IP address"),
        ("*shop.example", "a wildcard DNS-1123 subdomain must start with '*.'"),
        ("Shop", "a lowercase RFC 1123 subdomain must consist of"),
    ],
)
def test_what_is_wrong_with_a_host(host: str, said: str) -> None:
    assert said in errors(path(), host=host)[0]


def test_an_ingress_needs_a_rule_or_a_default_and_a_rule_needs_paths() -> None:
    (error,) = rules.ingress({"spec": {}})
    assert str(error) == "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"
    assert list(rules.ingress({"spec": {"defaultBackend": BACKEND}})) == []
    assert errors() == ["spec.rules[0].http.paths: Required value"]


def test_the_old_way_to_name_a_class_may_not_contradict_the_new_one() -> None:
    metadata = {"annotations": {"kubernetes.io/ingress.class": "nginx"}}
    (error,) = rules.ingress_create({"metadata": metadata, "spec": {"ingressClassName": "alb"}})
    assert "must match `ingressClassName` when both are specified" in str(error)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "spec.controller: Required value"),
        ({"controller": "alb"}, "must be a domain-prefixed path"),
        ({"controller": "x" * 251}, "Too long"),
        (
            {"controller": "a.b/c", "parameters": {"kind": "K", "name": "n", "scope": "Namespace"}},
            "Required value",
        ),
        ({"controller": "a.b/c", "parameters": {"kind": "K", "name": "n", "namespace": "x"}}, "Forbidden"),
    ],
)
def test_what_is_wrong_with_a_class(spec: dict[str, Any], said: str) -> None:
    obj = {"spec": spec}
    defaults.ingress_class(obj)
    (error,) = rules.ingress_class(obj)
    assert said in str(error)
    assert list(rules.ingress_class({"spec": {"controller": "kube-proxy-lab/alb"}})) == []


def test_who_serves_a_class_is_decided_once() -> None:
    new, old = ({"spec": {"controller": name}} for name in ("a.b/new", "a.b/old"))
    (error,) = rules.ingress_class_update(new, old)
    assert str(error) == 'spec.controller: Invalid value: "a.b/new": field is immutable'
