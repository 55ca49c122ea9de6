"""Lab 0: the first answers, each held against the running cluster."""

from checker import Answers, Cluster, Rules, Variant, check, forms, shown, wrong


@check(task="nodes")
def nodes_are_counted(answers: Answers, cluster: Cluster) -> None:
    """You said how many nodes the cluster has."""
    given = answers.word("nodes")
    if forms.whole(given) != len(cluster.objects["nodes"]):
        wrong(
            expected="the number of nodes that the API knows",
            found=shown(given),
            next="`kubectl get nodes` prints a line for each, and one of headings",
        )


@check(task="client")
def client_is_named(answers: Answers, rules: Rules) -> None:
    """You named the address of the client, a machine outside of the cluster."""
    given = answers.word("client")
    if forms.address(given) != rules.client:
        wrong(
            expected="the address that the client has on its own link, and nothing with it",
            found=f"{shown(given)}{forms.no_address(given)}",
            next="`%%on client` or `lab shell client`, and there `ip -brief address`",
        )


@check(task="pod", at="answer")
def pod_is_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the address of the Service's pod."""
    given = answers.word("pod")
    pods = cluster.pods(variant.text("namespace"))
    if forms.address(given) not in {pod.address for pod in pods if not pod.leaving}:
        service = cluster.service(variant.text("namespace"), variant.text("service"))
        of_service = forms.address(given) == service.cluster_ip
        whose = ", the address of the Service" if of_service else forms.no_address(given)
        wrong(
            expected="the address of a pod that runs",
            found=f"{shown(given)}{whose}",
            next=f"`kubectl -n {service.namespace} get pod -o wide`, column IP",
        )


@check(task="answered", at="answer")
def answer_came_from_a_pod(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the pod that answered a request from outside."""
    given = answers.word("answered").lower()
    space = variant.text("namespace")
    if given not in {pod.name for pod in cluster.pods(space) if not pod.leaving}:
        wrong(
            expected="the name of a pod that answers",
            found=f"{shown(given)}, which is the name of none",
            next="on the client, `curl` the Service's NodePort on a node: the first word of the answer",
        )


@check(task="scaled")
def deployment_is_scaled(cluster: Cluster, variant: Variant) -> None:
    """The Deployment has as many pods as you were asked for, and all are ready."""
    space, wanted = variant.text("namespace"), variant.number("scaled")
    found = cluster.deployment(space, variant.text("deployment"))
    if found.replicas != wanted or found.ready != wanted:
        wrong(
            expected=f"{wanted} pods, all ready",
            found=f"{found.replicas} wanted, {found.ready} ready",
            next=f"`kubectl -n {space} scale deploy {found.name} --replicas={wanted}`",
        )
