"""/statusz and /flagz, for people and for programs that name the version they know."""

from __future__ import annotations

import json
import platform

import pytest

from labs.proxy.flags import parse
from labs.proxy.zpages import ZPages

STARTED = 1_729_112_623.4  # Wed Oct 16 21:03:43 UTC 2024
PAGES = ZPages(
    {"v": "2", "bind-address": "0.0.0.0"}, ("/metrics", "/healthz"), lambda: STARTED + 3976, STARTED
)
STRUCTURED = "application/json;v=v1beta1;g=config.k8s.io;as="


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain", "text/html, text/plain;q=0.9"])
def test_people_read_what_runs_since_when(accept: str) -> None:
    code, kind, text = PAGES.statusz(accept)
    head, warning, empty, *lines = text.splitlines()
    assert (code, kind, head, empty) == (200, "text/plain", "kube-proxy statusz", "")
    assert warning.startswith("Warning: This endpoint is not meant to be machine parseable")
    assert lines == [
        "Started: Wed Oct 16 21:03:43 UTC 2024",
        "Up: 1 hr 06 min 16 sec",
        f"Go version: python{platform.python_version()}",
        "Binary version: 1.37.0+lab",
        "Emulation version: 1.37",
        "Paths: /healthz /metrics",
    ]


def test_programs_get_the_version_that_they_name() -> None:
    code, kind, text = PAGES.statusz(f"{STRUCTURED}Statusz, text/plain")
    found = json.loads(text)
    assert (code, kind) == (200, "application/json")
    assert (found["kind"], found["apiVersion"]) == ("Statusz", "config.k8s.io/v1beta1")
    assert (found["startTime"], found["uptimeSeconds"]) == ("2024-10-16T21:03:43Z", 3976)
    assert found["paths"] == ["/healthz", "/metrics"]
    assert json.loads(PAGES.flagz(f"{STRUCTURED}Flagz")[2])["flags"] == {"v": "2", "bind-address": "0.0.0.0"}


@pytest.mark.parametrize("accept", ["application/json", f"{STRUCTURED}Flagz", "application/yaml"])
def test_what_is_not_served_is_refused_with_what_is(accept: str) -> None:
    code, _, text = PAGES.statusz(accept)
    assert code == 406
    assert f"only text/plain and {STRUCTURED}Statusz are served here, not {accept}" in text


def test_flags_have_the_values_given_and_the_defaults_of_the_others() -> None:
    line = parse(["--proxy-mode=nftables", "--nodeport-addresses=10.0.0.0/8,primary", "--masquerade-all"])
    lines = ZPages(line.flags).flagz("")[2].splitlines()
    assert lines[0] == "kube-proxy flags"
    names = [line.partition("=")[0] for line in lines[3:]]
    assert names == sorted(names)
    for told in (
        "proxy-mode=nftables",
        "nodeport-addresses=[10.0.0.0/8,primary]",
        "masquerade-all=true",
        "healthz-bind-address=0.0.0.0:10256",
        "iptables-sync-period=30s",
        "cleanup=false",
        "master=",
    ):
        assert told in lines
