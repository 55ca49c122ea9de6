"""Reading the world: a node that cannot be read spoils its own reading, an API that is down spoils all."""

import json
import shlex
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from checker import api, gather
from checker.errors import Broken
from checker.evidence import Evidence
from checker.fake import Paper
from checker.gather import MARK, sections
from checker.nodes import Nodes
from vm.errors import CommandTimeout
from vm.fake import FakeMachine
from vm.inventory import Inventory
from vm.plan import plan


class Answers(BaseHTTPRequestHandler):
    """An API server that serves one evidence's objects to who has the token."""

    objects = Paper().evidence().objects

    def do_GET(self):
        allowed = self.headers.get("Authorization") == "Bearer secret"
        kind = {path: kind for kind, path in api.PATHS.items()}.get(self.path, "")
        body = json.dumps({"items": self.objects.get(kind, [])} if allowed else {"kind": "Status"}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Quiet."""


@pytest.fixture(scope="module")
def port():
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def kubeconfig(folder: Path, port: int, token="secret"):
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "clusters": [{"name": "lab", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "lab", "user": {"token": token}}],
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(document))
    return file


class Scripted(FakeMachine):
    """Answers the one command that is read, whatever its words."""

    def run(self, argv, *, input=None, timeout=30.0, check=True):
        self.script = {shlex.join(argv): self.answer}
        return super().run(argv, input=input, timeout=timeout, check=check)


def machine(name, answer):
    found = Scripted(name)
    found.answer = answer
    return found


def printed(reading):
    return "".join(f"{MARK} {name}\n{text}\n" for name, text in reading.texts.items())


def inventory(folder, port, **answers):
    paper = {reading.name: printed(reading) for reading in Paper().evidence().nodes}
    machines = {
        name: machine(name, answers.get(name.replace("-", "_"), text)) for name, text in paper.items()
    }
    return Inventory(plan(), str(kubeconfig(folder, port)), machines, folder)


def test_a_snapshot_is_the_world_of_one_moment(tmp_path, port):
    seen = gather.snapshot(inventory(tmp_path, port))
    assert {kind: found for kind, found in seen.objects.items() if found} == {
        kind: found for kind, found in Paper().evidence().objects.items() if found
    }
    assert [node.name for node in seen.nodes] == ["control-1", "worker-1", "worker-2"]
    assert Nodes(seen).modes == dict.fromkeys(("control-1", "worker-1", "worker-2"), "iptables")
    assert seen.client == "192.168.56.200"
    assert Evidence.from_json(json.loads(json.dumps(seen.to_json()))) == seen


def test_the_balancer_is_read_only_while_there_is_an_ingress(tmp_path, port, monkeypatch):
    world = inventory(tmp_path, port)
    world.machines["balancer"] = machine("balancer", f"{MARK} configuration\nbackend x\n")
    assert gather.snapshot(world).balancer is None
    monkeypatch.setattr(Answers, "objects", {**Answers.objects, "ingresses": [{"metadata": {}}]})
    seen = gather.snapshot(world)
    assert (seen.balancer.address, seen.balancer.texts) == ("192.168.56.201", {"configuration": "backend x"})
    assert Evidence.from_json(json.loads(json.dumps(seen.to_json()))) == seen


def test_a_node_that_does_not_answer_spoils_its_own_reading_only(tmp_path, port):
    broken = CommandTimeout(("sh",), 20)
    nodes = {node.name: node for node in Nodes(gather.snapshot(inventory(tmp_path, port, worker_2=broken)))}
    assert nodes["worker-1"].mode == "iptables"
    with pytest.raises(Broken, match=r"worker-2 cannot be read: .* did not end within 20 s"):
        _ = nodes["worker-2"].ruleset


def test_a_node_whose_kube_proxy_is_silent_is_broken_with_the_place_to_look(tmp_path, port):
    nodes = Nodes(gather.snapshot(inventory(tmp_path, port, worker_1=f"{MARK} rules\n\n{MARK} mode\n\n")))
    with pytest.raises(Broken, match="kube-proxy on worker-1 does not answer") as error:
        _ = nodes.modes
    assert "tail /var/log/kube-proxy.log" in error.value.cure


@pytest.mark.parametrize(("token", "number"), [("wrong", None), ("secret", 1)])
def test_an_api_that_refuses_or_is_down_is_broken_and_may_pass(tmp_path, port, token, number):
    with pytest.raises(Broken, match="the API server did not answer") as error:
        api.objects(kubeconfig(tmp_path, number or port, token))
    assert error.value.passing
    assert "lab up" in error.value.cure


def test_a_kubeconfig_that_is_none_is_broken_with_its_name(tmp_path):
    with pytest.raises(Broken, match=r"the kubeconfig .*nowhere cannot be used"):
        api.objects(tmp_path / "nowhere")


def test_no_inventory_is_no_cluster(tmp_path):
    with pytest.raises(Broken, match="no cluster to look at") as error:
        gather.gather(tmp_path / "none.json")
    assert error.value.cure == "start it: `lab up`"
    assert not error.value.passing


def test_recorded_evidence_stands_for_a_cluster(tmp_path):
    file = tmp_path / "recorded.json"
    file.write_text(json.dumps(Paper().evidence().to_json()))
    assert gather.gather(file) == Paper().evidence()


def test_what_a_command_prints_is_kept_as_it_was_printed():
    text = f"noise\n{MARK} rules\n*nat\nCOMMIT\n\n{MARK} mode\niptables\n{MARK} health\n\n"
    assert sections(text) == {"rules": "*nat\nCOMMIT\n", "mode": "iptables", "health": ""}
