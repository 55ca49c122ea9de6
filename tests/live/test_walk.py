"""The article's walk, command by command as it is printed there, on a real kernel."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.live

NAMESPACE = "eks-dev-1-appname-ns"


@pytest.fixture(scope="module")
def on_worker(lab):
    """The output of a shell line typed as root on worker-1."""
    return lambda line: lab.on("worker-1", "bash", "-c", line)


@pytest.fixture
def pods(lab):
    """Name and address of the backend's pods."""
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in lab.objects("pod", "-n", NAMESPACE)}


def first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in:\n{text}"
    return found.group(1)


def test_kube_proxy_is_a_pod_on_every_node_with_the_nodes_own_address(lab):
    printed = lab.kubectl("-n", "kube-system", "get", "pod", "-l", "k8s-app=kube-proxy", "-o", "wide")
    header, *rows = printed.splitlines()
    columns = (
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED NODE",
        "READINESS GATES",
    )
    assert tuple(re.split(r"\s{2,}", header)) == columns
    assert {tuple(row.split()[i] for i in (1, 2, 5, 6)) for row in rows} == {
        ("1/1", "Running", "192.168.56.10", "control-1"),
        ("1/1", "Running", "192.168.56.11", "worker-1"),
        ("1/1", "Running", "192.168.56.12", "worker-2"),
    }


def test_its_mode_stands_in_a_configmap_that_its_pod_mounts(lab):
    name = lab.objects("pod", "-n", "kube-system", "-l", "k8s-app=kube-proxy")[0]["metadata"]["name"]
    pod = lab.kubectl("-n", "kube-system", "get", "pod", name, "-o", "yaml")
    assert "mountPath: /var/lib/kube-proxy-config/" in pod
    assert "name: kube-proxy-config" in pod
    assert 'mode: "iptables"' in lab.kubectl(
        "-n", "kube-system", "get", "cm", "kube-proxy-config", "-o", "yaml"
    )


def test_the_service_is_a_nodeport_as_in_the_article(lab):
    printed = lab.kubectl("-n", NAMESPACE, "get", "svc")
    assert re.search(r"appname-backend-svc\s+NodePort\s+10\.96\.\d+\.\d+\s+<none>\s+80:31103/TCP", printed)


def test_nobody_listens_on_the_nodeport_in_iptables_mode(on_worker):
    assert "31103" not in on_worker("netstat -anp")
    assert re.search(
        r":::10256.*LISTEN\s+\d+/kube-proxy|0\.0\.0\.0:10256.*LISTEN\s+\d+/kube-proxy",
        on_worker("netstat -anp"),
    )


def test_the_chains_lead_from_prerouting_to_the_pods(on_worker, pods):
    assert "kubernetes service portals" in re.sub(
        r"\s+", " ", on_worker("iptables -t nat -L PREROUTING | column -t")
    )
    services = on_worker("iptables -t nat -L KUBE-SERVICES -n | column -t").splitlines()
    assert services[-1].startswith("KUBE-NODEPORTS")
    assert "ADDRTYPE" in services[-1]
    ext = first(
        r"(KUBE-EXT-\w{16})", on_worker("iptables -t nat -L KUBE-NODEPORTS -n | column -t | grep 31103")
    )
    hops = on_worker(f"iptables -t nat -L {ext} -n")
    assert "KUBE-MARK-MASQ" in hops
    svc = first(r"(KUBE-SVC-\w{16})", hops)
    rules = on_worker(f"iptables -t nat -L {svc} | column -t")
    assert "0.50000000000" in rules
    seps = re.findall(r"^(KUBE-SEP-\w{16})", rules, re.MULTILINE)
    targets = [first(r"to:(\S+)", on_worker(f"iptables -t nat -L {sep} -n | column -t")) for sep in seps]
    assert sorted(targets) == sorted(f"{address}:3001" for address in pods.values())


def test_the_target_port_is_the_containers(lab):
    deployment = json.loads(lab.kubectl("-n", NAMESPACE, "get", "deploy", "appname-backend", "-o", "json"))
    ports = [
        port["containerPort"]
        for each in deployment["spec"]["template"]["spec"]["containers"]
        for port in each["ports"]
    ]
    assert ports == [3001]


def test_a_pods_address_by_template_as_the_article_prints_it(lab, pods):
    for name, address in pods.items():
        assert lab.kubectl("-n", NAMESPACE, "get", "pod", name, "--template={{.status.podIP}}") == address


def test_scaling_to_three_gives_the_probabilities_of_today(lab, on_worker):
    lab.kubectl("-n", NAMESPACE, "scale", "deploy", "appname-backend", "--replicas=3")
    try:
        lab.kubectl("-n", NAMESPACE, "rollout", "status", "deploy", "appname-backend", "--timeout=30s")
        probabilities = re.compile(
            r"0\.33333333349.*\n.*0\.50000000000.*\n-A KUBE-SVC-\w+ .*-j KUBE-SEP", re.MULTILINE
        )
        rules = "iptables -t nat -S | grep -- '-A KUBE-SVC' | grep appname-backend-svc"
        lab.until(lambda: probabilities.search(on_worker(rules)), 10, "three endpoints in the chain")
        requests = "for i in $(seq 300); do curl -sS http://192.168.56.12:31103/; done 2>&1"
        script = f"{requests} | cut -d' ' -f1 | sort | uniq -c"
        told = lab.on("client", "bash", "-c", script)
        counts = [int(line.split()[0]) for line in told.splitlines()]
        assert (len(counts), sum(counts)) == (3, 300), told
        # Each share is 1/3: 100 ± 8.2; five deviations are left by chance once in a million runs.
        assert all(59 <= count <= 141 for count in counts)
    finally:
        lab.kubectl("-n", NAMESPACE, "scale", "deploy", "appname-backend", "--replicas=2")
        lab.kubectl("-n", NAMESPACE, "rollout", "status", "deploy", "appname-backend", "--timeout=30s")


def test_the_nodeport_answers_on_every_node_also_where_no_pod_runs(lab):
    for address in ("192.168.56.10", "192.168.56.11", "192.168.56.12"):
        assert "appname-backend-" in lab.on("client", "curl", "-s", f"http://{address}:31103/")


def test_the_clusterip_answers_on_nodes_and_in_pods_and_not_ping(lab, pods):
    address = lab.kubectl(
        "-n", NAMESPACE, "get", "svc", "appname-backend-svc", "-o", "jsonpath={.spec.clusterIP}"
    )
    for target in ("control-1", "worker-2", next(iter(pods))):
        assert "appname-backend-" in lab("shell", target, "--", "curl", "-s", f"http://{address}/")
    assert lab.run("shell", "worker-1", "--", "ping", "-c1", "-W1", address).returncode != 0


def test_a_pod_reaches_its_own_service_by_name_and_itself_by_hairpin(lab, pods):
    name = next(iter(pods))
    script = f"for i in $(seq 12); do curl -s http://appname-backend-svc.{NAMESPACE}/ | cut -d' ' -f1; done"
    answered = set(lab("shell", name, "--", "bash", "-c", script).split())
    assert answered == set(pods)


def test_a_service_without_endpoints_refuses_at_once(lab):
    lab.kubectl("create", "service", "nodeport", "empty", "--tcp=80", "--node-port=30999")
    try:
        address = lab.kubectl("get", "svc", "empty", "-o", "jsonpath={.spec.clusterIP}")
        lab.until(lambda: "30999" in lab.on("worker-1", "iptables-save", "-t", "filter"), 5)
        for machine, url in (("worker-1", f"http://{address}/"), ("client", "http://192.168.56.11:30999/")):
            done = lab.run("shell", machine, "--", "curl", "-sS", "--max-time", "3", url)
            assert done.returncode == 7, "refused at once is 7 for curl, silence would be 28"
    finally:
        lab.kubectl("delete", "service", "empty")


def test_a_trace_shows_the_chains_that_a_packet_meets(lab, on_worker):
    script = """
        iptables -t raw -I PREROUTING -p tcp --dport 31103 -j TRACE
        timeout 5 xtables-monitor --trace > /tmp/trace & sleep 0.3
        for i in 1 2 3; do sleep 0.2; done
        touch /tmp/tracing; wait
        iptables -t raw -D PREROUTING -p tcp --dport 31103 -j TRACE
        cat /tmp/trace"""
    import threading

    printed: list[str] = []
    tracer = threading.Thread(target=lambda: printed.append(on_worker(script)))
    tracer.start()
    lab.until(lambda: lab.run("shell", "worker-1", "--", "test", "-e", "/tmp/tracing").returncode == 0)
    lab.on("client", "curl", "-s", "http://192.168.56.11:31103/")
    tracer.join()
    for chain in ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXT-", "KUBE-SVC-", "KUBE-SEP-"):
        assert f"nat:{chain}" in printed[0]
