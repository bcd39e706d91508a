"""docs/reference/platforms.md."""

from collections.abc import Iterable

from pages.markdown import header, listed, table
from platform_otel.process.cloud import CLOUDS
from platform_otel.process.command_line import APPLICATION_VARIABLES
from platform_otel.process.kubernetes import ANYWHERE, INSIDE, INSIDE_A_POD
from platform_otel.process.service_name import PLATFORM_VARIABLES

_PLATFORMS = """\
What a traced process reads of the platform that it runs on: variables that Kubernetes, clouds and hosting platforms
set, or that a deployment sets by the downward API. Nothing is asked over the network. What `OTEL_RESOURCE_ATTRIBUTES`
says wins over all of it; only the service's name has an order of its own. An empty variable counts as not set.

## The service's name

The first of these that is set:

1. `--service-name` or `OTEL_SERVICE_NAME`
2. `service.name` in `OTEL_RESOURCE_ATTRIBUTES`
3. what the platform calls the application, the first that is set of:
"""

_COMMAND_LINE = """\
4. the command line; where it does not name the application, the variable in which its program looks for it:
"""

_AT_LAST = """\
5. the name that was inferred for the parent process
6. `unknown_service:python`

For gunicorn the options in `GUNICORN_CMD_ARGS` are read as those of its command line. For `manage.py`, where the
variable is not set, the file itself says what it sets it to.

## Kubernetes

Each attribute is what the first of its variables says that is set. Those of the last column mean something else
elsewhere, so they are read only where `{inside}` is set, as the kubelet does in every container.
"""

_HOST_NAME = """\
Inside a pod `HOSTNAME` is taken for `k8s.pod.name` where none of these is set, unless it is the name of the node.
`service.namespace` is `k8s.namespace.name`.

## Clouds

`cloud.*` comes from the first row whose variables are all set. A region alone says nothing: on a laptop `AWS_REGION` is
where its SDK calls to. The rows that begin with `K_SERVICE` are passed over where `{inside}` is set:
Knative sets the same variables in any cluster.
"""

_DEPLOYMENT = """\
## Version and deployment

`service.version` is what `HEROKU_RELEASE_VERSION` says; without it, the version of the installed distribution that
holds the application.

`deployment.environment.name` is the first that is set of `deployment.environment` in `OTEL_RESOURCE_ATTRIBUTES`,
`RAILWAY_ENVIRONMENT_NAME`, and, where `WEBSITE_SITE_NAME` is set, `WEBSITE_SLOT_NAME`.
"""


def page() -> str:
    """The tables of process/kubernetes.py, cloud.py and service_name.py."""
    return "\n".join(
        (
            header("Variables of platforms", "platform_otel/process/"),
            _PLATFORMS,
            _indented(f"{number}. `{variable}`" for number, variable in enumerate(PLATFORM_VARIABLES, 1)),
            _COMMAND_LINE,
            _indented(f"- {program}: `{variable}`" for program, variable in APPLICATION_VARIABLES.items()),
            _AT_LAST.format(inside=INSIDE),
            table(("Attribute", "Variables", "Only inside a pod"), map(_attribute, ANYWHERE)),
            _HOST_NAME.format(inside=INSIDE),
            table(("Set", "`cloud.provider`", "`cloud.platform`", "`cloud.region`"), map(_cloud, CLOUDS)),
            _DEPLOYMENT,
        )
    )


def _indented(lines: Iterable[str]) -> str:
    return "".join(f"   {line}\n" for line in lines)


def _attribute(row: tuple[str, tuple[str, ...]]) -> tuple[str, ...]:
    attribute, variables = row
    return f"`{attribute}`", listed(variables), listed(dict(INSIDE_A_POD).get(attribute, ())) or "none"


def _cloud(row: tuple[tuple[str, ...], str, str, tuple[str, ...]]) -> tuple[str, ...]:
    variables, provider, platform, regions = row
    return listed(variables), f"`{provider}`", f"`{platform}`" if platform else "none", listed(regions) or "none"
