"""Lab NUMBER: what is judged. A check is a function; its docstring is the sentence that the learner reads."""

from checker import Answers, Cluster, Variant, check, forms, shown, wrong


@check(task="service")
def service_address_is_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the address that the Service has inside the cluster."""
    service = cluster.service(variant.text("namespace"), variant.text("service"))
    given = answers.word("service")
    if forms.address(given) != service.cluster_ip:
        wrong(
            expected="the Service's ClusterIP",  # in kind, never the value
            found=shown(given),
            next=f"`kubectl -n {service.namespace} get svc {service.name}`, column CLUSTER-IP",
        )


@check(task="scale")
def deployment_is_scaled(cluster: Cluster, variant: Variant) -> None:
    """The Deployment has more pods than at first."""
    space, wanted = variant.text("namespace"), variant.number("scaled")
    found = cluster.deployment(space, variant.text("deployment"))
    if found.ready < wanted:
        wrong(
            expected=f"at least {wanted} pods, all ready",
            found=f"{found.replicas} wanted, {found.ready} ready",
            next=f"`kubectl -n {space} scale deploy {found.name} --replicas={wanted}`",
        )
