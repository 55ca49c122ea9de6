"""Lab 1: what kube-proxy has been told, what it says, and what it does."""

from checker import Answers, Cluster, Nodes, Variant, check, forms, shown, wrong

SPACE, NAME = "kube-system", "kube-proxy"
FOLDER = "/var/lib/kube-proxy-config/"
WANTED = "nftables"
RULES = "kubeproxy_sync_proxy_rules_iptables_total"


@check(task="pod", at="answer")
def proxys_pod_is_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the pod of kube-proxy that runs on the node you were asked about."""
    given, node = answers.word("pod").lower(), variant.text("node")
    pods = {pod.name: pod.node for pod in cluster.pods(SPACE) if pod.owner == NAME and not pod.leaving}
    if pods.get(given) != node:
        wrong(
            expected=f"the pod of the DaemonSet {NAME} on {node}",
            found=f"{shown(given)}, which runs on {pods[given]}" if given in pods else shown(given),
            next=f"`kubectl -n {SPACE} get pod -l k8s-app={NAME} -o wide`: compare the column NODE",
        )


@check(task="config")
def configmap_is_named(answers: Answers, cluster: Cluster) -> None:
    """You named the ConfigMap from which kube-proxy reads its configuration."""
    given, mounted = answers.word("config").lower(), cluster.mounted(SPACE, NAME)
    if given != mounted.get(FOLDER):
        other = [folder for folder, name in mounted.items() if name == given]
        wrong(
            expected="the ConfigMap that is mounted where `--config` points",
            found=f"{shown(given)}, which is mounted at {other[0]}" if other else shown(given),
            next=f"`kubectl -n {SPACE} get ds {NAME} -o yaml`: arguments, volumeMounts, volumes",
        )


@check(task="mode", at="answer")
def mode_is_what_it_was_told(answers: Answers, cluster: Cluster) -> None:
    """You named the mode that kube-proxy has been told."""
    given = answers.word("mode").lower()
    if given != told(cluster):
        wrong(
            expected="`mode` as its configuration has it",
            found=shown(given),
            next="`kubectl get cm -o yaml` on the ConfigMap that you found",
        )


@check(task="mode", at="answer")
def mode_is_what_it_says(answers: Answers, nodes: Nodes) -> None:
    """It is also the mode that kube-proxy reports on every node."""
    given = answers.word("mode").lower()
    for node in nodes:
        if given != node.mode:
            wrong(
                expected="what `/proxyMode` answers on every node",
                found=f"{shown(given)}, and another mode on {node.name}",
                next=f"`lab shell {node.name} -- curl -s http://127.0.0.1:10249/proxyMode`",
            )


def told(cluster: Cluster) -> str:
    """The mode in the configuration."""
    text = cluster.config(SPACE, cluster.mounted(SPACE, NAME).get(FOLDER, "")).get("config", "")
    lines = [line.partition(":")[2] for line in text.splitlines() if line.startswith("mode:")]
    return lines[0].strip().strip("'\"") if lines else ""


@check(task="rules", at="answer")
def rules_are_counted(answers: Answers, nodes: Nodes) -> None:
    """You read from its metrics how many rules it keeps in the nat table of worker-1."""
    given = forms.whole(answers.word("rules").removesuffix(".0"))
    worker = nodes.workers[0]
    if given != worker.metric(RULES, ip_family="IPv4", table="nat"):
        other = given is not None and given in (
            worker.metric(RULES, ip_family="IPv6", table="nat"),
            worker.metric(RULES, ip_family="IPv4", table="filter"),
        )
        wrong(
            expected="the metric's value for IPv4 and the table nat",
            found=f"{shown(answers.value('rules'))}, {'of another line' if other else 'which it was not'}",
            next=f"on {worker.name}, the lines of `/metrics` with `iptables_total`: read the labels",
        )


@check(task="still", at="answer")
def configuration_was_edited(answers: Answers, cluster: Cluster) -> None:
    """You answered when the ConfigMap had been edited."""
    answers.word("still")
    if told(cluster) != WANTED:
        wrong(
            expected=f"`mode: {WANTED}` in the ConfigMap at the moment of your answer",
            found="the mode of before",
            next=f"edit it first, then look, then answer: `kubectl -n {SPACE} edit cm …`",
        )


@check(task="still", at="answer")
def proxy_does_as_before(answers: Answers, nodes: Nodes) -> None:
    """You said what kube-proxy reported then, before anything was restarted."""
    given, seen = answers.word("still").lower(), set(nodes.modes.values())
    if seen == {WANTED}:
        wrong(
            expected="a look between the edit and the restart",
            found="every node in the new mode already",
            next="begin with `lab start 1`, edit again, look, answer, and only then restart",
        )
    if {given} != seen:
        wrong(
            expected="what `/proxyMode` answers although the ConfigMap says something else",
            found=shown(given),
            next="ask kube-proxy itself, on any node: `curl -s http://127.0.0.1:10249/proxyMode`",
        )


@check(task="changed")
def configuration_says_so(cluster: Cluster) -> None:
    """The ConfigMap has the new mode."""
    if told(cluster) != WANTED:
        wrong(
            expected=f"`mode: {WANTED}` in the configuration",
            found=f"`mode: {told(cluster)}`",
            next=f"`kubectl -n {SPACE} edit cm …`, or the cell of section 5",
        )


@check(task="changed")
def every_node_does_so(nodes: Nodes) -> None:
    """Every node's kube-proxy reports the new mode, and is healthy."""
    for node in nodes:
        if node.mode != WANTED:
            wrong(
                expected=f"{WANTED} on every node",
                found=f"{node.mode} on {node.name}",
                next=f"`kubectl -n {SPACE} rollout restart ds {NAME}`, and wait for `rollout status`",
            )
        if not node.healthy:
            wrong(
                expected="kube-proxy healthy on every node",
                found=f"`/healthz` of {node.name} says {node.text('health').strip() or 'nothing'}",
                next=f"`lab shell {node.name} -- tail /var/log/kube-proxy.log` says why",
            )


@check(task="left", needs=["changed"], at="answer")
def old_chains_are_counted(answers: Answers, nodes: Nodes) -> None:
    """You said how many chains of Services the old mode has left in the kernel."""
    given, worker = forms.whole(answers.word("left")), nodes.workers[0]
    if worker.mode != WANTED:
        wrong(
            expected="an answer that was given after the change",
            found=f"{shown(answers.value('left'))}, when {worker.name} was in the old mode",
            next=f"on {worker.name}, `iptables-save -t nat`: count now, and answer again",
        )
    table = worker.ruleset.tables.get("nat")
    found = [chain for chain in table.chains if chain.startswith("KUBE-SVC-")] if table else []
    if given != len(found):
        wrong(
            expected="the number of chains that begin with KUBE-SVC",
            found=shown(answers.value("left")),
            next=f"on {worker.name}, `iptables-save -t nat` and count, after the change",
        )
