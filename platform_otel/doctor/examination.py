"""The whole examination of one command: every section of checks, in order."""

from collections.abc import Mapping, Sequence

from platform_otel.config import Config
from platform_otel.doctor.checks import OFF, Check, Section
from platform_otel.doctor.conflicts import conflicts
from platform_otel.doctor.connection import connection, no_connection
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
        Section("conflicts", _conflicts(service, config)),
        Section("connection", _connection(service, config)),
    )


def _libraries(service: Service, config: Config) -> tuple[Check, ...]:
    if service.surroundings is None:
        return (_unseen("libraries"),)
    return libraries(service.surroundings, config, obstacle(service, config))


def _conflicts(service: Service, config: Config) -> tuple[Check, ...]:
    return conflicts(service, service.surroundings, config) if service.surroundings else (_unseen("packages"),)


def _unseen(name: str) -> Check:
    return Check(name, OFF, "not looked at, as the interpreter cannot be told")


def _connection(service: Service, config: Config) -> tuple[Check, ...]:
    if config.get("OTEL_SDK_DISABLED"):
        return no_connection("OTEL_SDK_DISABLED=true: nothing is sent")
    if not sends(service, config):
        return no_connection("spans are not sent anywhere, so there is nothing to connect to")
    return connection(service.environ, protocol(service, config))
