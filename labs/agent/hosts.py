"""The three files by which a pod knows names: /etc/hosts, /etc/resolv.conf, and its host name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labs.agent.config import AgentConfig

Object = dict[str, Any]
HOSTS = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
"""


def host_name(pod: Object) -> str:
    """What ``hostname`` says in the pod; empty with hostNetwork: the node's."""
    if pod["spec"].get("hostNetwork"):
        return ""
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63]


def hosts(pod: Object, addresses: Iterable[str], domain: str) -> str:
    """The pod's /etc/hosts: its name at each of its addresses."""
    spec = pod["spec"]
    name = host_name(pod)
    names = [name]
    if spec.get("subdomain"):
        names.insert(0, f"{name}.{spec['subdomain']}.{pod['metadata']['namespace']}.svc.{domain}")
    lines = ["\t".join((address, *names)) for address in addresses]
    for alias in spec.get("hostAliases", ()):
        lines.append("\t".join((alias["ip"], *alias.get("hostnames", ()))))
    return HOSTS + "\n".join(lines) + "\n"


def resolv_conf(pod: Object, config: AgentConfig) -> str:
    """The pod's /etc/resolv.conf; empty where the node's own is used (dnsPolicy Default)."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    extra = spec.get("dnsConfig", {})
    if policy == "Default" or (policy == "ClusterFirst" and spec.get("hostNetwork")):
        return ""
    servers, searches, options = [], [], []
    if policy != "None":
        domain = config.domain
        servers = [config.dns_address]
        searches = [f"{pod['metadata']['namespace']}.svc.{domain}", f"svc.{domain}", domain]
        options = ["ndots:5"]
    servers += extra.get("nameservers", ())
    searches += extra.get("searches", ())
    options += _options(extra.get("options", ()))
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {server}" for server in servers]
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(line + "\n" for line in lines)


def _options(options: Iterable[Object]) -> list[str]:
    return [
        f"{option['name']}:{option['value']}" if option.get("value") else option["name"] for option in options
    ]


def write(pod: Object, addresses: Iterable[str], config: AgentConfig) -> dict[str, Path]:
    """Write the pod's files on the node; where they are to be mounted → where they lie."""
    if pod["spec"].get("hostNetwork") and not resolv_conf(pod, config):
        return {}
    folder = config.state / "pods" / pod["metadata"]["uid"]
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"/etc/resolv.conf": resolv_conf(pod, config)}
    if not pod["spec"].get("hostNetwork"):
        texts["/etc/hosts"] = hosts(pod, addresses, config.domain)
        texts["/etc/hostname"] = host_name(pod) + "\n"
    found = {}
    for target, text in texts.items():
        if text:
            path = folder / target.replace("/", "-").strip("-")
            path.write_text(text)
            found[target] = path
    return found
