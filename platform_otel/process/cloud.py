"""What variables say of the cloud that a process runs in."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

from platform_otel.process.kubernetes import INSIDE

# (variables that are set there and nowhere else, provider, platform, variables that name the region). The first row
# that fits is taken. A region alone says nothing: AWS_REGION on a laptop is where its SDK calls to.
# Providers and platforms without a name in the conventions have one of their own, as these allow; "" is left out.
CLOUDS = (
    (("AWS_LAMBDA_FUNCTION_NAME",), "aws", "aws_lambda", ("AWS_REGION",)),
    (("ECS_CONTAINER_METADATA_URI_V4",), "aws", "aws_ecs", ("AWS_REGION", "AWS_DEFAULT_REGION")),
    (("ECS_CONTAINER_METADATA_URI",), "aws", "aws_ecs", ("AWS_REGION", "AWS_DEFAULT_REGION")),
    (("K_SERVICE", "FUNCTION_TARGET"), "gcp", "gcp_cloud_functions", ()),
    (("K_SERVICE", "K_REVISION", "K_CONFIGURATION"), "gcp", "gcp_cloud_run", ()),
    (("CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION"), "gcp", "gcp_cloud_run", ()),
    (("GAE_SERVICE", "GAE_VERSION"), "gcp", "gcp_app_engine", ()),
    (("WEBSITE_SITE_NAME", "FUNCTIONS_WORKER_RUNTIME"), "azure", "azure.functions", ("REGION_NAME",)),
    (("WEBSITE_SITE_NAME",), "azure", "azure.app_service", ("REGION_NAME",)),
    (("CONTAINER_APP_NAME", "CONTAINER_APP_REVISION"), "azure", "azure.container_apps", ()),
    (("HEROKU_APP_ID",), "heroku", "", ()),
    (("HEROKU_APP_NAME",), "heroku", "", ()),
    (("FLY_APP_NAME",), "fly_io", "", ("FLY_REGION",)),
    (("RENDER", "RENDER_SERVICE_ID"), "render", "", ()),
    (("RAILWAY_PROJECT_ID",), "railway", "", ("RAILWAY_REPLICA_REGION",)),
)


def cloud_attributes(environ: "Mapping[str, str]") -> "dict[str, str]":
    """The ``cloud.*`` attributes; none where no variable is sure. Nothing is asked over the network.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/cloud/
    """
    for variables, provider, platform, regions in CLOUDS:
        if all(environ.get(name) for name in variables) and not _is_knative(variables[0], environ):
            region = next((environ[name] for name in regions if environ.get(name)), "")
            found = {"cloud.provider": provider, "cloud.platform": platform, "cloud.region": region}
            return {name: value for name, value in found.items() if value}
    return {}


def _is_knative(variable: str, environ: "Mapping[str, str]") -> bool:
    """Knative sets Cloud Run's variables in any cluster; Cloud Run itself sets none of Kubernetes."""
    return variable == "K_SERVICE" and bool(environ.get(INSIDE))
