"""What variables say of the Kubernetes pod that a process runs in."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The kubelet sets it in every container, unless the pod does.
INSIDE = "KUBERNETES_SERVICE_HOST"

# Attribute -> variables that say it wherever they are set, best first. The first name of each is the one that
# OpenTelemetry proposed for the downward API (OTEP 195), the next the operator's.
ANYWHERE = (
    ("k8s.pod.name", ("K8S_POD_NAME", "OTEL_RESOURCE_ATTRIBUTES_POD_NAME", "KUBERNETES_POD_NAME")),
    ("k8s.pod.uid", ("K8S_POD_UID", "OTEL_RESOURCE_ATTRIBUTES_POD_UID", "KUBERNETES_POD_UID")),
    (
        "k8s.namespace.name",
        (
            "K8S_NAMESPACE_NAME",
            "OTEL_RESOURCE_ATTRIBUTES_POD_NAMESPACE",
            "K8S_NAMESPACE",
            "K8S_POD_NAMESPACE",
            "KUBERNETES_NAMESPACE",
        ),
    ),
    (
        "k8s.node.name",
        ("K8S_NODE_NAME", "OTEL_RESOURCE_ATTRIBUTES_NODE_NAME", "KUBERNETES_NODE_NAME", "KUBE_NODE_NAME"),
    ),
    ("k8s.container.name", ("K8S_CONTAINER_NAME",)),
    ("k8s.deployment.name", ("K8S_DEPLOYMENT_NAME", "OTEL_RESOURCE_ATTRIBUTES_DEPLOYMENT_NAME")),
    ("k8s.cluster.name", ("K8S_CLUSTER_NAME",)),
)
# The same for names that mean something else elsewhere (NODE_NAME is Jenkins's, too): only inside a pod.
INSIDE_A_POD = (
    ("k8s.pod.name", ("POD_NAME", "MY_POD_NAME")),
    ("k8s.pod.uid", ("POD_UID", "MY_POD_UID")),
    ("k8s.namespace.name", ("POD_NAMESPACE", "MY_POD_NAMESPACE")),
    ("k8s.node.name", ("NODE_NAME", "MY_NODE_NAME")),
)


def kubernetes_attributes(environ: "Mapping[str, str]") -> "dict[str, str]":
    """The ``k8s.*`` attributes that the downward API's variables say.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/k8s/ for the attributes; for the variables
    https://github.com/open-telemetry/oteps/pull/195 and what the operator and public charts set.
    """
    inside = bool(environ.get(INSIDE))
    found: dict[str, str] = {}
    for attribute, variables in ANYWHERE + INSIDE_A_POD if inside else ANYWHERE:
        value = next((environ[name] for name in variables if environ.get(name)), "")
        if value:
            found.setdefault(attribute, value)
    if inside:
        _add_hostname(found, environ.get("HOSTNAME", ""))
    return found


def _add_hostname(found: "dict[str, str]", hostname: str) -> None:
    """A pod's host name is its own name, unless it uses the node's network."""
    if hostname and hostname != found.get("k8s.node.name"):
        found.setdefault("k8s.pod.name", hostname)
