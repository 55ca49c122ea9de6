"""The configuration, tried by asking a real HAProxy which backend a request comes to."""

import http.client
import itertools
import re
import shutil
import socket
import subprocess
import time

import pytest

from labs.control.ingress import haproxy
from labs.control.ingress.haproxy import quoted, text

needs_haproxy = pytest.mark.skipif(shutil.which("haproxy") is None, reason="there is no program haproxy")


def uses(site):
    return [line.strip() for line in text(site).splitlines() if "use_backend" in line]


@pytest.mark.parametrize(
    ("path", "kind", "conditions"),
    [
        ("/", "Prefix", [""]),
        ("/a/", "Prefix", [" if { path -m str '/a' }", " if { path -m beg '/a/' }"]),
        ("/a", "Exact", [" if { path -m str '/a' }"]),
        ("/it's", "Exact", [" if { path -m str '/it'\\''s' }"]),
        ("/a/*.png", "ImplementationSpecific", [" if { path -m reg '^/a/.*\\.png$' }"]),
        ("/*", "ImplementationSpecific", [""]),
        ("/a", "ImplementationSpecific", [" if { path -m str '/a' }"]),
    ],
)
def test_a_path_becomes_conditions(town, to, path, kind, conditions):
    town.service()
    town.ingress(to(path, kind))
    assert uses(town.build()) == [f"use_backend default_shop_web_80{each}" for each in conditions]


def test_servers_are_checked_as_the_annotations_say(town, to):
    town.service("web", "web-a")
    town.ingress(
        to(),
        target_type="ip",
        healthcheck_path="/ready",
        healthcheck_interval_seconds="2",
        unhealthy_threshold_count="3",
        success_codes="200-299",
    )
    written = text(town.build())
    assert "http-check send meth GET uri '/ready'" in written
    assert "http-check expect status 200-299" in written
    assert "server web-a:3001 10.244.1.2:3001 check inter 2s fall 3 rise 2" in written


def test_the_same_site_gives_the_same_text_whatever_the_order(town, to):
    town.service("web", "web-b", "web-a")
    for name in ("b", "a"):
        town.ingress(to(f"/{name}"), name=name, target_type="ip")
    before = text(town.build())
    town.ingresses.reverse()
    town.slices[0]["endpoints"].reverse()
    assert text(town.build()) == before


@pytest.fixture
def ask(tmp_path):
    """Serve a configuration with a real HAProxy on the loopback; the backend that answers, or the status."""
    running = []

    def serve(written):
        ports = [_free_port() for _ in range(2)]
        own = written.replace(haproxy.FOLDER, str(tmp_path)).replace(
            "bind :80\n", f"bind 127.0.0.1:{ports[0]}\n"
        )
        own = re.sub(r"bind :\d+", f"bind 127.0.0.1:{ports[1]}", own)
        # A backend without servers, which answers for itself with its own name.
        own = re.sub(r"^backend (default\S+)$", _named, own, flags=re.MULTILINE)
        config = tmp_path / "haproxy.cfg"
        config.write_text(own)
        (tmp_path / "servers").write_text("1\n")
        running.append(subprocess.Popen(["haproxy", "-f", str(config)], stdout=subprocess.DEVNULL))
        _until_open(ports[0])
        return lambda path, host="any": _ask(ports[0], path, host)

    yield serve
    for process in running:
        process.terminate()
        process.wait()


def _named(found):
    return f'{found[0]}\n    http-request return status 200 content-type text/plain string "{found[1]}"'


def _free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def _until_open(port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("haproxy does not listen")


def _ask(port, path, host):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return body if answer.status == 200 else answer.status


@needs_haproxy
def test_a_request_comes_to_the_backend_that_kubernetes_says(town, to, ask):
    names = (f"web{number}" for number in itertools.count())
    wanted = {}

    def route(path, kind, host):
        name = next(names)
        town.service(name)
        town.ingress(to(path, kind, name), name=name, host=host)
        wanted[(host, kind, path)] = f"default_{name}_{name}_80"
        return wanted[(host, kind, path)]

    exact = route("/a", "Exact", "shop.example")
    prefix = route("/a", "Prefix", "shop.example")
    quote = route("/it's", "Exact", "shop.example")
    pattern = route("/img/*.p?g", "ImplementationSpecific", "shop.example")
    wild = route("/", "Prefix", "*.example")
    anywhere = route("/open", "Prefix", "")
    serve = ask(text(town.build()))
    asked = {
        ("/a", "shop.example"): exact,
        ("/a", "SHOP.example:8080"): exact,
        ("/a/", "shop.example"): prefix,
        ("/a/b?q=/open", "shop.example"): prefix,
        ("/it's", "shop.example"): quote,
        ("/img/x/y.png", "shop.example"): pattern,
        ("/img/y.jpeg", "shop.example"): wild,
        ("/ab", "shop.example"): wild,
        ("/", "cart.example"): wild,
        ("/", "a.cart.example"): 404,
        ("/open/door", "10.0.0.1"): anywhere,
        ("/opened", "10.0.0.1"): 404,
    }
    assert {each: serve(*each) for each in asked} == asked


def test_a_word_may_hold_anything():
    assert quoted("a b'c") == "'a b'\\''c'"
