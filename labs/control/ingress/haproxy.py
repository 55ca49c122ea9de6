"""The site as HAProxy's configuration. Pure: the same site always gives the same text.

What an ALB does and HAProxy must be told: targets in turn; the client's address in ``X-Forwarded-For``, after
those that are there already; 404 where no rule fits, 503 where there is no target; 60 idle seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from labs.control.ingress.routes import Route
from labs.control.ingress.site import Backend, Site
from labs.control.ingress.targetgroup import TargetGroup
from labs.control.ingress.targets import Server

FOLDER = "/run/haproxy"  # on the balancer; Debian's own place for the socket
CONFIG, SOCKET, STATE = f"{FOLDER}/haproxy.cfg", f"{FOLDER}/admin.sock", f"{FOLDER}/servers"
HTTP, STATISTICS = 80, 8404
NOWHERE = "no_rule"
HEAD = f"""\
# Written by the lab's ingress controller from the Ingress objects; a change made here is lost.
global
    log stdout format raw local0 info
    stats socket {SOCKET} mode 600 level admin expose-fd listeners
    server-state-file {STATE}
    hard-stop-after 60s
    maxconn 2000
    nbthread 1

defaults
    mode http
    log global
    load-server-state-from-file global
    timeout connect 5s
    timeout client 60s
    timeout server 60s

listen statistics
    bind :{STATISTICS}
    no log
    stats enable
    stats uri /

frontend http
    bind :{HTTP}
    option httplog
    http-request set-header X-Forwarded-For "%[req.fhdr(x-forwarded-for)], %[src]" \
if {{ req.hdr_cnt(x-forwarded-for) gt 0 }}
    http-request set-header X-Forwarded-For %[src] unless {{ req.hdr_cnt(x-forwarded-for) gt 0 }}
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Port {HTTP}
"""
TAIL = f"""\
    default_backend {NOWHERE}

backend {NOWHERE}
    http-request return status 404 content-type text/plain string "no rule of an Ingress fits this request\\n"
"""


def text(site: Site) -> str:
    """The whole file."""
    uses = "".join(f"    {line}\n" for route, name in site.routes for line in _uses(route, name))
    return "\n".join([HEAD + uses + TAIL, *(_backend(backend) for backend in site.backends.values())])


def _uses(route: Route, name: str) -> Iterator[str]:
    """A line for each way in which a request can fit."""
    host = _host(route.host)
    for path in _paths(route):
        conditions = " ".join(condition for condition in (host, path) if condition)
        yield f"use_backend {name}{' if ' if conditions else ''}{conditions}"


def _host(host: str) -> str:
    """A wildcard stands for one label."""
    asked = "req.hdr(host),field(1,:),lower"
    if host.startswith("*."):
        return f"{{ {asked} -m reg '^[^.]+{re.escape(host[1:])}$' }}"
    return f"{{ {asked} -m str {host} }}" if host else ""


def _paths(route: Route) -> Iterator[str]:
    """A prefix is one of whole elements: /a fits /a and /a/b and not /ab."""
    path = route.path
    if route.kind == "Prefix":
        base = path.rstrip("/")
        yield from (_path("str", base), _path("beg", f"{base}/")) if base else ("",)
    elif route.kind == "Exact" or (path and not set("*?") & set(path)):
        yield _path("str", path)
    else:  # as an ALB reads it: * is any number of characters, ? is one
        words = {"*": ".*", "?": "."}
        pattern = "".join(words.get(character) or re.escape(character) for character in path)
        yield _path("reg", f"^{pattern}$") if path not in ("", "/*", "*") else ""


def _path(how: str, value: str) -> str:
    return f"{{ path -m {how} {quoted(value)} }}"


def quoted(value: str) -> str:
    """One word of the configuration, whatever is in it."""
    return "'" + value.replace("'", "'\\''") + "'"


def _backend(backend: Backend) -> str:
    lines = [f"backend {backend.name}", "balance roundrobin", *_checks(backend.group)]
    lines += [_server(server, backend.group) for server in backend.servers]
    return "\n    ".join(lines) + "\n"


def _checks(group: TargetGroup) -> list[str]:
    return [
        "option httpchk",
        f"http-check send meth GET uri {quoted(group.path)}",
        f"http-check expect status {group.codes}",
        f"timeout check {group.timeout}s",
    ]


def _server(server: Server, group: TargetGroup) -> str:
    """The port is part of the name: what HAProxy knows of a server's health is of this address and port."""
    often = f"inter {group.interval}s fall {group.unhealthy} rise {group.healthy}"
    return f"server {server.name}:{server.port} {server.address}:{server.port} check {often}"
