"""What checks ask of the balancer: Ingresses from the API, targets and their health from HAProxy."""

import pytest

from checker.balancer import Balancer, Ingress, Path, Server
from checker.errors import Broken
from checker.evidence import Evidence, Reading

CONFIGURATION = """\
frontend http
    use_backend shop_web_svc_80 if { path -m beg '/' }

backend no_rule
    http-request return status 404

backend shop_web_svc_80
    balance roundrobin
    server pod-a:3000 10.244.1.2:3000 check inter 1s fall 2 rise 2
    server pod-b:3000 10.244.2.2:3000 check inter 1s fall 2 rise 2
    server pod-c:3000 10.244.2.3:3000 check inter 1s fall 2 rise 2

backend shop_web_svc-two_80
    server worker-1:30001 192.168.56.11:30001 check inter 15s fall 2 rise 2

backend other_web_svc_80
    server pod-z:3000 10.244.1.9:3000 check inter 15s fall 2 rise 2
"""
STATISTICS = """\
# pxname,svname,qcur,stot,status,
shop_web_svc_80,pod-a:3000,0,20,UP,
shop_web_svc_80,pod-b:3000,0,19,UP 1/2,
shop_web_svc_80,pod-c:3000,0,,DOWN,
shop_web_svc_80,BACKEND,0,39,UP,
"""
SEEN = Reading(
    "balancer", "balancer", "192.168.56.201", texts={"configuration": CONFIGURATION, "statistics": STATISTICS}
)


def ingress(namespace, *, ip="", **port):
    backend = {"service": {"name": "svc", "port": port}}
    rule = {
        "host": "shop.example",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    return {
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"rules": [rule, {"host": "bare.example"}]},
        "status": {"loadBalancer": {"ingress": [{"ip": ip}]} if ip else {}},
    }


def balancer(reading, *ingresses):
    return Balancer(Evidence("2026-11-23T09:41:00Z", {"ingresses": list(ingresses)}, balancer=reading))


def test_targets_of_a_service_come_with_their_health_and_their_requests():
    assert balancer(SEEN).servers("shop", "svc") == (
        Server("pod-a:3000", "10.244.1.2:3000", up=True, requests=20),
        Server("pod-b:3000", "10.244.2.2:3000", up=True, requests=19),
        Server("pod-c:3000", "10.244.2.3:3000", up=False, requests=0),
    )


def test_a_target_of_which_the_statistics_say_nothing_is_not_up():
    assert [each.up for each in balancer(SEEN).servers("shop", "svc-two")] == [False]


def test_a_balancer_with_nothing_to_do_has_no_targets_and_no_address():
    assert balancer(None).servers("shop", "svc") == ()
    assert balancer(None).address == ""
    assert balancer(SEEN).address == "192.168.56.201"


def test_a_balancer_that_cannot_be_read_is_broken_and_not_the_learners_fault():
    with pytest.raises(Broken, match="the balancer cannot be read: no way in"):
        balancer(Reading("balancer", problem="no way in")).servers("shop", "svc")


def test_ingresses_tell_what_they_lead_where_and_whether_they_are_served():
    found = balancer(SEEN, ingress("shop", ip="192.168.56.201", number=80), ingress("other", name="http"))
    assert found.ingresses("shop") == (
        Ingress("web", "192.168.56.201", (Path("shop.example", "/", "Prefix", "svc", "80"),)),
    )
    assert found.ingresses("other") == (
        Ingress("web", "", (Path("shop.example", "/", "Prefix", "svc", "http"),)),
    )
    assert found.ingresses("none") == ()


@pytest.mark.parametrize(
    ("kind", "path", "takes_all"),
    [
        ("Prefix", "/", True),
        ("ImplementationSpecific", "/*", True),
        ("ImplementationSpecific", "", True),
        ("ImplementationSpecific", "/", False),
        ("Exact", "/", False),
        ("Prefix", "/json", False),
    ],
)
def test_which_paths_take_every_request(kind, path, takes_all):
    assert Path("shop.example", path, kind, "svc", "80").takes_all is takes_all
