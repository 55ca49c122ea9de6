"""The rules of pods and of the templates pods are made from, and what of a pod is left out here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labs.kube import metadata
from labs.kube.fields import FieldError, duplicate, forbidden, invalid, not_found, required
from labs.kube.objects import Object
from labs.kube.validation import values

RESTART_POLICIES = ("Always", "Never", "OnFailure")
DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
OPERATORS = ("Equal", "Exists")
VOLUMES = ("configMap", "downwardAPI", "emptyDir", "hostPath", "projected", "secret")
HANDLERS = ("exec", "httpGet", "tcpSocket")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
PROBE_NUMBERS = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)

LEFT_OUT = "is not part of this API; leave it out"
# What real Kubernetes would do and this lab would not: refused, so that nothing is silently missing.
POD_LEFT_OUT = (
    "activeDeadlineSeconds",
    "ephemeralContainers",
    "hostIPC",
    "hostPID",
    "resourceClaims",
    "runtimeClassName",
    "securityContext",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "topologySpreadConstraints",
)
CONTAINER_LEFT_OUT = ("resizePolicy", "restartPolicy", "securityContext", "volumeDevices")
AFFINITY_LEFT_OUT = ("podAffinity", "podAntiAffinity")


def validate(pod: Object) -> Iterator[FieldError]:
    """A Pod."""
    yield from spec(pod["spec"], "spec")


def template(workload: Object) -> Iterator[FieldError]:
    """The template of a Deployment, ReplicaSet or DaemonSet, whose pods are always started anew."""
    found = workload["spec"]["template"]
    yield from metadata.labels((found.get("metadata") or {}).get("labels"), "spec.template.metadata.labels")
    yield from spec(found["spec"], "spec.template.spec")
    if found["spec"].get("restartPolicy") in RESTART_POLICIES[1:]:
        path = "spec.template.spec.restartPolicy"
        yield from values.one_of(path, found["spec"]["restartPolicy"], ("Always",))


def spec(spec: Object, path: str) -> Iterator[FieldError]:
    """A PodSpec, wherever it is."""
    yield from left_out(spec, POD_LEFT_OUT, path)
    yield from left_out(spec.get("affinity") or {}, AFFINITY_LEFT_OUT, f"{path}.affinity")
    yield from values.one_of(f"{path}.restartPolicy", spec["restartPolicy"], RESTART_POLICIES)
    yield from values.one_of(f"{path}.dnsPolicy", spec["dnsPolicy"], DNS_POLICIES)
    grace = spec["terminationGracePeriodSeconds"]
    yield from values.not_negative(f"{path}.terminationGracePeriodSeconds", grace)
    yield from metadata.labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    for field in ("hostname", "subdomain"):
        if spec.get(field):
            yield from values.label(f"{path}.{field}", spec[field])
    yield from _volumes(spec, path)
    yield from _tolerations(spec, path)
    yield from _containers(spec, path)


def left_out(holder: Mapping[str, Any], fields: tuple[str, ...], path: str) -> Iterator[FieldError]:
    """Fields that mean something in Kubernetes and nothing here."""
    for field in fields:
        if holder.get(field):
            yield forbidden(f"{path}.{field}", LEFT_OUT)


def _volumes(spec: Object, path: str) -> Iterator[FieldError]:
    names: set[str] = set()
    for number, volume in enumerate(spec.get("volumes") or ()):
        where = f"{path}.volumes[{number}]"
        name = volume.get("name", "")
        yield from values.label(f"{where}.name", name)
        if name in names:
            yield duplicate(f"{where}.name", name)
        names.add(name)
        yield from _source(volume, where)


def _source(volume: Object, path: str) -> Iterator[FieldError]:
    sources = [field for field in volume if field != "name"]
    if not sources:
        yield required(path, "must specify a volume type")
    for field in sources[1:]:
        yield forbidden(f"{path}.{field}", "may not specify more than 1 volume type")
    for field in sources:
        if field not in VOLUMES:
            known = ", ".join(VOLUMES)
            yield forbidden(
                f"{path}.{field}", f"this kind of volume is not part of this API, which has {known}"
            )
    if "hostPath" in volume and not volume["hostPath"].get("path"):
        yield required(f"{path}.hostPath.path")
    if "configMap" in volume and not volume["configMap"].get("name"):
        yield required(f"{path}.configMap.name")
    if "secret" in volume and not volume["secret"].get("secretName"):
        yield required(f"{path}.secret.secretName")


def _tolerations(spec: Object, path: str) -> Iterator[FieldError]:
    for number, one in enumerate(spec.get("tolerations") or ()):
        where = f"{path}.tolerations[{number}]"
        operator = one.get("operator") or "Equal"
        yield from values.one_of(f"{where}.operator", operator, OPERATORS)
        yield from values.optional_one_of(f"{where}.effect", one.get("effect") or None, EFFECTS)
        if operator == "Exists" and one.get("value"):
            yield invalid(f"{where}.operator", one, "value must be empty when `operator` is 'Exists'")
        if not one.get("key") and operator != "Exists":
            rule = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            yield invalid(f"{where}.operator", operator, rule)
        if one.get("tolerationSeconds") is not None and one.get("effect") != "NoExecute":
            yield invalid(
                f"{where}.effect",
                one.get("effect"),
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            )


def _containers(spec: Object, path: str) -> Iterator[FieldError]:
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    names: set[str] = set()
    for field in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{number}]"
            name = container.get("name", "")
            yield from values.label(f"{where}.name", name)
            if name in names:
                yield duplicate(f"{where}.name", name)
            names.add(name)
            yield from _container(container, where, spec)
            yield from _init_rules(container, where) if field == "initContainers" else ()


def _init_rules(container: Object, path: str) -> Iterator[FieldError]:
    for field in (*PROBES, "lifecycle"):
        if field in container:
            rule = "may not be set for init containers without restartPolicy=Always"
            yield forbidden(f"{path}.{field}", rule)


def _container(container: Object, path: str, spec: Object) -> Iterator[FieldError]:
    yield from left_out(container, CONTAINER_LEFT_OUT, path)
    if not container.get("image"):
        yield required(f"{path}.image")
    elif container["image"].strip() != container["image"]:
        yield invalid(f"{path}.image", container["image"], "must not have leading or trailing whitespace")
    yield from values.one_of(f"{path}.imagePullPolicy", container["imagePullPolicy"], PULL_POLICIES)
    yield from _ports(container, path, spec)
    yield from _environment(container, path)
    yield from _mounts(container, path, spec)
    for name in PROBES:
        if name in container:
            yield from _probe(container[name], f"{path}.{name}", name)
    if (container.get("lifecycle") or {}).get("postStart"):
        yield forbidden(f"{path}.lifecycle.postStart", LEFT_OUT)


def _ports(container: Object, path: str, spec: Object) -> Iterator[FieldError]:
    names: set[str] = set()
    for number, port in enumerate(container.get("ports") or ()):
        where = f"{path}.ports[{number}]"
        name = port.get("name")
        if name:
            yield from (invalid(f"{where}.name", name, fault) for fault in values.port_name_faults(name))
            if name in names:
                yield duplicate(f"{where}.name", name)
            names.add(name)
        if not port.get("containerPort"):
            yield required(f"{where}.containerPort")
        else:
            yield from values.port(f"{where}.containerPort", port["containerPort"])
        if port.get("hostPort"):
            yield from _host_port(where, port, spec)
        yield from values.one_of(f"{where}.protocol", port["protocol"], values.PROTOCOLS)


def _host_port(path: str, port: Object, spec: Object) -> Iterator[FieldError]:
    yield from values.port(f"{path}.hostPort", port["hostPort"])
    if spec.get("hostNetwork"):
        if port["hostPort"] != port.get("containerPort"):
            rule = "must match `hostPort` when `hostNetwork` is true"
            yield invalid(f"{path}.containerPort", port.get("containerPort"), rule)
    else:
        yield forbidden(
            f"{path}.hostPort", f"{LEFT_OUT}, or set hostNetwork: true, or use a NodePort Service"
        )


def _environment(container: Object, path: str) -> Iterator[FieldError]:
    for number, entry in enumerate(container.get("env") or ()):
        where = f"{path}.env[{number}]"
        if not entry.get("name"):
            yield required(f"{where}.name")
        elif "=" in entry["name"]:
            yield invalid(
                f"{where}.name", entry["name"], "a valid environment variable name must not contain '='"
            )
        if entry.get("value") and "valueFrom" in entry:
            yield invalid(f"{where}.valueFrom", "", "may not be specified when `value` is not empty")


def _mounts(container: Object, path: str, spec: Object) -> Iterator[FieldError]:
    names = {volume.get("name") for volume in spec.get("volumes") or ()}
    places: set[str] = set()
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        where = f"{path}.volumeMounts[{number}]"
        name, place = mount.get("name"), mount.get("mountPath")
        if not name:
            yield required(f"{where}.name")
        elif name not in names:
            yield not_found(f"{where}.name", name)
        if not place:
            yield required(f"{where}.mountPath")
        elif place in places:
            yield invalid(f"{where}.mountPath", place, "must be unique")
        places.add(place or "")


def _probe(probe: Object, path: str, name: str) -> Iterator[FieldError]:
    if "grpc" in probe:
        yield forbidden(
            f"{path}.grpc", "grpc probes are not part of this API; use httpGet, tcpSocket or exec"
        )
        return
    handlers = [field for field in HANDLERS if field in probe]
    if not handlers:
        yield required(path, "must specify a handler type")
    for field in handlers[1:]:
        yield forbidden(f"{path}.{field}", "may not specify more than 1 handler type")
    for field in PROBE_NUMBERS:
        yield from values.not_negative(f"{path}.{field}", probe.get(field))
    if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        yield invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")
    for field in ("httpGet", "tcpSocket"):
        if field in probe:
            yield from values.port_or_name(f"{path}.{field}.port", probe[field].get("port"))
    if "exec" in probe and not probe["exec"].get("command"):
        yield required(f"{path}.exec.command")


IMMUTABLE_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_update(new: Object, old: Object) -> Iterator[FieldError]:
    """Of a pod's spec, the images and further tolerations may change."""
    if _fixed(new["spec"]) != _fixed(old["spec"]):
        yield forbidden("spec", IMMUTABLE_RULE)
    before, after = old["spec"].get("tolerations") or [], new["spec"].get("tolerations") or []
    if any(one not in after for one in before):
        yield forbidden(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )


def _fixed(spec: Object) -> Object:
    fixed = {field: value for field, value in spec.items() if field != "tolerations"}
    for field in ("initContainers", "containers"):
        if field in fixed:
            fixed[field] = [{**container, "image": ""} for container in fixed[field]]
    return fixed
