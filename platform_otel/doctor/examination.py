"""The whole examination of one command: every section of checks, in order."""

from collections.abc import Mapping, Sequence

from platform_otel.config import Config
from platform_otel.doctor.checks import Check, Section
from platform_otel.doctor.conflicts import conflicts
from platform_otel.doctor.connection import connection
from platform_otel.doctor.findings import conflicts as of_conflicts
from platform_otel.doctor.findings import connection as of_connection
from platform_otel.doctor.findings import libraries as of_libraries
from platform_otel.doctor.libraries import libraries
from platform_otel.doctor.plan import obstacle, plan, protocol, sends
from platform_otel.doctor.service import Service, look_at
from platform_otel.doctor.settings import settings


def examine(command: Sequence[str], environ: Mapping[str, str]) -> tuple[Section, ...]:
    """Look at the launch of a command in an environment. Sends one span if spans would be sent.

    Args:
        command: the service's; empty for none.
        environ: the environment that the service would be launched from.
    """
    service = look_at(command, environ)
    config = Config(service.environ)
    return (
        Section("plan", plan(service, config)),
        Section("settings", settings(service)),
        Section("libraries", _libraries(service, config)),
        Section("conflicts", _conflicts(service)),
        Section("connection", _connection(service, config)),
    )


def _libraries(service: Service, config: Config) -> tuple[Check, ...]:
    if service.surroundings is None:
        return (of_libraries.UNSEEN.check(),)
    return libraries(service.surroundings, config, obstacle(service, config))


def _conflicts(service: Service) -> tuple[Check, ...]:
    return conflicts(service, service.surroundings) if service.surroundings else (of_conflicts.UNSEEN.check(),)


def _connection(service: Service, config: Config) -> tuple[Check, ...]:
    if config.get("OTEL_SDK_DISABLED"):
        return (of_connection.DISABLED.check(),)
    if not sends(service, config):
        return (of_connection.NOTHING_IS_SENT.check(),)
    return connection(service.environ, protocol(service, config))
