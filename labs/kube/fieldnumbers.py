"""Protobuf field numbers of the messages that kubectl writes in protobuf, and no others.

kubectl's typed commands (``create deployment``, ``create token``, ``auth can-i``, ``drain`` …) send their
request bodies in protobuf and do not fall back to JSON. A message is the words of its fields, each with
its number where it is not the next one; types come from the same schema as for JSON. Source: the
``generated.proto`` files of k8s.io/api and k8s.io/apimachinery; numbers are never reused or changed there.
"""

from __future__ import annotations

MESSAGES = {
    "V1ObjectMeta": "name generateName namespace selfLink uid resourceVersion generation creationTimestamp "
    "deletionTimestamp deletionGracePeriodSeconds labels annotations ownerReferences finalizers",
    "V1OwnerReference": "kind 3:name uid apiVersion controller blockOwnerDeletion",
    "V1LabelSelector": "matchLabels matchExpressions",
    "V1LabelSelectorRequirement": "key operator values",
    "V1Namespace": "metadata spec status",
    "V1NamespaceSpec": "finalizers",
    "V1NamespaceStatus": "phase",
    "V1ConfigMap": "metadata data binaryData immutable",
    "V1Secret": "metadata data type stringData immutable",
    "V1ServiceAccount": "metadata secrets imagePullSecrets automountServiceAccountToken",
    "V1LocalObjectReference": "name",
    "V1ObjectReference": "kind namespace name uid apiVersion resourceVersion fieldPath",
    "V1Service": "metadata spec status",
    "V1ServiceSpec": "ports selector clusterIP type externalIPs 7:sessionAffinity loadBalancerIP "
    "loadBalancerSourceRanges externalName externalTrafficPolicy healthCheckNodePort "
    "publishNotReadyAddresses sessionAffinityConfig 17:ipFamilyPolicy clusterIPs ipFamilies "
    "allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy trafficDistribution",
    "V1ServicePort": "name protocol port targetPort nodePort appProtocol",
    "V1ServiceStatus": "loadBalancer",
    "V1LoadBalancerStatus": "ingress",
    "V1Ingress": "metadata spec status",
    "V1IngressSpec": "defaultBackend tls rules ingressClassName",
    "V1IngressBackend": "3:resource service",
    "V1IngressServiceBackend": "name port",
    "V1ServiceBackendPort": "name number",
    "V1IngressTLS": "hosts secretName",
    "V1IngressRule": "host http",
    "V1HTTPIngressRuleValue": "paths",
    "V1HTTPIngressPath": "path 3:pathType 2:backend",
    "V1IngressStatus": "loadBalancer",
    "V1IngressLoadBalancerStatus": "ingress",
    "V1SessionAffinityConfig": "clientIP",
    "V1ClientIPConfig": "timeoutSeconds",
    "V1Deployment": "metadata spec status",
    "V1DeploymentSpec": "replicas selector template strategy minReadySeconds revisionHistoryLimit paused "
    "9:progressDeadlineSeconds",
    "V1DeploymentStrategy": "type rollingUpdate",
    "V1RollingUpdateDeployment": "maxUnavailable maxSurge",
    "V1DeploymentStatus": "observedGeneration replicas updatedReplicas availableReplicas unavailableReplicas "
    "7:readyReplicas",
    "V1PodTemplateSpec": "metadata spec",
    "V1PodSpec": "2:containers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy "
    "nodeSelector serviceAccountName serviceAccount nodeName hostNetwork hostPID hostIPC 16:hostname "
    "subdomain 19:schedulerName 21:automountServiceAccountToken 24:priorityClassName",
    "V1Container": "name image command args workingDir ports env resources 13:terminationMessagePath "
    "imagePullPolicy 16:stdin stdinOnce tty 20:terminationMessagePolicy",
    "V1ContainerPort": "name hostPort containerPort protocol hostIP",
    "V1EnvVar": "name value",
    "V1ResourceRequirements": "limits requests",
    "V1Scale": "metadata spec status",
    "V1ScaleSpec": "replicas",
    "V1ScaleStatus": "replicas selector",
    "V1Eviction": "metadata deleteOptions",
    "V1DeleteOptions": "gracePeriodSeconds preconditions orphanDependents propagationPolicy dryRun",
    "V1Preconditions": "uid resourceVersion",
    "AuthenticationV1TokenRequest": "metadata spec status",
    "V1TokenRequestSpec": "audiences 3:boundObjectRef expirationSeconds",
    "V1BoundObjectReference": "kind apiVersion name uid",
    "V1TokenRequestStatus": "token expirationTimestamp",
    "V1SelfSubjectReview": "metadata status",
    "V1SelfSubjectReviewStatus": "userInfo",
    "V1UserInfo": "username uid groups extra",
    "V1SelfSubjectAccessReview": "metadata spec status",
    "V1SelfSubjectAccessReviewSpec": "resourceAttributes nonResourceAttributes",
    "V1ResourceAttributes": "namespace verb group version resource subresource name",
    "V1NonResourceAttributes": "path verb",
    "V1SubjectAccessReviewStatus": "allowed reason evaluationError denied",
    "V1SelfSubjectRulesReview": "metadata spec status",
    "V1SelfSubjectRulesReviewSpec": "namespace",
    "V1SubjectRulesReviewStatus": "resourceRules nonResourceRules incomplete evaluationError",
}
# Fields that lie one message deeper: Go embeds a structure of that one field, which JSON does not show.
EMBEDDED = frozenset({("V1IngressRule", "http")})
# Go pointers: a zero of these was said, not left out.
SAID_WHEN_ZERO = frozenset(
    {"automountServiceAccountToken", "expirationSeconds", "gracePeriodSeconds", "immutable", "replicas"}
    | {"allocateLoadBalancerNodePorts", "revisionHistoryLimit", "terminationGracePeriodSeconds"}
)


def fields(message: str) -> dict[int, str] | None:
    """The JSON names of a message's fields by number; None for a message that is not in the table."""
    words = MESSAGES.get(message)
    if words is None:
        return None
    found, number = {}, 0
    for word in words.split():
        given, _, name = word.rpartition(":")
        number = int(given) if given else number + 1
        found[number] = name
    return found
