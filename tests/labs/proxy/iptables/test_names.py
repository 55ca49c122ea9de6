"""Chain names: the same as every other kube-proxy's, or nobody could read the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.iptables.names import PER_SERVICE, endpoint_chain, hashed, service_base
from labs.proxy.state import Endpoint, ServicePort, ServicePortName

KNOWN = {
    ("default", "kubernetes", "https", "TCP"): "NPX46M4PTMTKRN6Y",
    ("kube-system", "kube-dns", "dns", "UDP"): "TCOU7JCQXEZGVUNU",
    ("kube-system", "kube-dns", "dns-tcp", "TCP"): "ERIFXISQEP7F7OF4",
    ("ns1", "svc1", "p80", "TCP"): "XPGD46QRK7WJZT7O",
    ("ns2", "svc2", "p80", "TCP"): "GNZBNJ2PO5MGZ6GT",
    ("ns3", "svc3", "p80", "TCP"): "X27LE4BHSL4DOUIK",
    ("ns4", "svc4", "p80", "TCP"): "4SW47YFZTEDKD3PK",
    ("ns5", "svc5", "p80", "TCP"): "NUKIZ6OKUXPJNT4C",
    ("default", "nginx", "", "TCP"): "2CMXP7HKUVJN7L6M",
    ("default", "web", "http", "TCP"): "CDGGSHYLG3RE2FKL",
}


@pytest.mark.parametrize(("name", "expected"), KNOWN.items(), ids=str)
def test_a_service_port_has_the_hash_it_has_everywhere(name: tuple[str, ...], expected: str) -> None:
    assert hashed(service_base(ServicePort(ServicePortName(*name), "10.96.0.1", 80))) == expected


def test_an_endpoint_has_the_name_it_has_everywhere() -> None:
    service = ServicePort(ServicePortName("ns1", "svc1", "p80"), "172.30.0.41", 80)
    assert endpoint_chain(service_base(service), Endpoint("10.180.0.1", 80)) == "KUBE-SEP-SXIVWICOYRO3J4NJ"


def test_an_ipv6_endpoint_is_hashed_with_brackets() -> None:
    service = ServicePort(ServicePortName("ns1", "svc1", "p80"), "fd00::1", 80)
    assert (
        endpoint_chain(service_base(service), Endpoint("fd00::2", 80))
        == f"KUBE-SEP-{hashed('ns1/svc1:p80tcp[fd00::2]:80')}"
    )


@given(st.text())
def test_every_chain_name_is_short_enough_for_the_kernel(text: str) -> None:
    assert all(len(kind + hashed(text)) <= 28 for kind in PER_SERVICE)
