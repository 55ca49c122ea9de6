import pytest

from labs.control.ingress.site import ours


def servers(site, name="default_shop_web_80"):
    return {server.name: (server.address, server.port) for server in site.backends[name].servers}


def problems(site, name="shop"):
    return site.problems[("default", name)]


def test_instances_are_the_nodes_that_take_traffic_at_the_node_port(town, to):
    town.node("worker-1", "192.168.56.11")
    town.node("worker-2", "192.168.56.12", ready=False)
    town.node("control-1", "192.168.56.10", **{"node.kubernetes.io/exclude-from-external-load-balancers": ""})
    town.service("web", "web-a")
    town.ingress(to())
    assert servers(town.build()) == {"worker-1": ("192.168.56.11", 31103)}


def test_target_type_ip_means_the_ready_pods_at_their_own_port(town, to):
    town.node("worker-1", "192.168.56.11")
    town.service("web", "web-a", "web-b", kind="ClusterIP")
    town.slices[0]["endpoints"][1]["conditions"]["ready"] = False
    town.ingress(to(port="http"), target_type="ip")
    assert servers(town.build(), "default_shop_web_http") == {"web-a": ("10.244.1.2", 3001)}


def test_the_services_annotation_goes_before_the_ingress(town, to):
    town.service("web", "web-a", target_type="ip", healthcheck_path="/ready")
    town.ingress(to(), target_type="instance", healthcheck_interval_seconds="3")
    group = town.build().backends["default_shop_web_80"].group
    assert (group.target_type, group.path, group.interval, group.timeout) == ("ip", "/ready", 3, 5)


@pytest.mark.parametrize(
    ("annotations", "path", "why"),
    [
        ({"target_type": "pod"}, {}, "target-type is 'pod'; set it to instance or ip"),
        ({"healthcheck_interval_seconds": "0"}, {}, "is '0'; set it to a number from 1 to 300"),
        ({"healthcheck_path": "ready"}, {}, "is 'ready'; set it to a path that begins with /"),
        ({"success_codes": "all"}, {}, "set it to codes as 200 or 200-299 or 200,302"),
        ({}, {"service": "gone"}, "there is no Service gone in the namespace default"),
        ({}, {"port": 81}, "the Service web has no port 81; its ports are: http"),
        ({}, {"path": "/a\nb"}, "the path '/a\\nb' has characters that cannot be written"),
        (
            {"ssl_redirect": "443"},
            {},
            "nobody here reads the annotations alb.ingress.kubernetes.io/ssl-redirect",
        ),
    ],
)
def test_a_mistake_is_named_with_what_was_found_and_what_to_do(town, to, annotations, path, why):
    town.service("web", "web-a")
    town.ingress(to(**path), **annotations)
    (problem,) = problems(town.build())
    assert why in problem


def test_instance_needs_a_node_port_and_says_the_two_ways_out(town, to):
    town.service("web", "web-a", kind="ClusterIP")
    town.ingress(to())
    site = town.build()
    assert "make it a NodePort Service or set target-type ip" in problems(site)[0]
    assert servers(site) == {}


def test_one_ingress_with_a_mistake_keeps_the_others_from_nothing(town, to):
    town.service("web", "web-a")
    town.ingress(to("/a"), name="right", target_type="ip")
    town.ingress(to("/b"), name="wrong", target_type="pod")
    site = town.build()
    assert (problems(site, "right"), len(problems(site, "wrong"))) == ([], 1)
    assert list(servers(site, "default_right_web_80")) == ["web-a"]


def test_the_most_particular_route_comes_first_and_the_default_last(town, to):
    town.service()
    default = town.ingress(to("/"), to("/a", "Exact"), to("/a"), to("/a/long"))
    default["spec"]["defaultBackend"] = to()["backend"]
    town.ingress(to(), name="wild", host="*.example")
    town.ingress(to(), name="wilder", host="*.shop.example")
    town.ingress(to(), name="named", host="shop.example")
    order = [(route.host, route.kind, route.path) for route, _ in town.build().routes]
    assert order == [
        ("shop.example", "Prefix", "/"),
        ("*.shop.example", "Prefix", "/"),
        ("*.example", "Prefix", "/"),
        ("", "Prefix", "/a/long"),
        ("", "Exact", "/a"),
        ("", "Prefix", "/a"),
        ("", "Prefix", "/"),
        ("", "Prefix", "/"),
    ]


def test_of_two_that_say_the_same_the_first_by_name_counts(town, to):
    town.service()
    for name in ("later", "earlier"):
        town.ingress(to("/a"), name=name, host="shop.example")
    assert [name for _, name in town.build().routes] == ["default_earlier_web_80"]


@pytest.mark.parametrize(
    ("field", "annotation", "expected"),
    [("alb", "", True), ("other", "", False), ("gone", "", False), ("", "alb", True), ("", "", False)],
)
def test_an_ingress_is_ours_by_its_class(town, to, field, annotation, expected):
    classes = {name: {"spec": {"controller": f"example.com/{name}"}} for name in ("alb", "other")}
    made = town.ingress(to())
    made["spec"].update({"ingressClassName": field} if field else {})
    made["metadata"]["annotations"] = {"kubernetes.io/ingress.class": annotation} if annotation else {}
    assert ours(made, classes, "example.com/alb") is expected
