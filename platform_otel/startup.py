"""The first of our code in a traced process: is tracing asked for, once only, never fatal."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from platform_otel.config import Config

# Programs that install or compile other programs: nobody wants to see their traces.
UNTRACED = ("pip", "virtualenv", "ensurepip", "compileall")
# They are no service either, but what they start may be one.
PASSED_THROUGH = ("uv", "uvx", "platform-trace", "platform_otel")

# site runs .pth files twice in a venv, so remember that we were here.
_started = False


def main() -> None:
    """Make this process traced. Called by platform_otel.pth, or by upstream through PlatformConfigurator."""
    global _started
    if _started:
        return
    _started = True
    from platform_otel.process import guard

    with guard.guarded("start tracing"):
        _start()


def _start() -> None:
    program = _program(sys.orig_argv)
    if program in PASSED_THROUGH:
        return
    if program in UNTRACED:
        os.environ.pop("PLATFORM_TRACE_ENABLED", None)  # nor the processes it starts, such as build backends
        return
    from platform_otel.config import Config
    from platform_otel.process import guard

    config = Config(os.environ, warn=guard.say)
    guard.configure(config)
    if config.get("OTEL_SDK_DISABLED"):
        guard.debug("OTEL_SDK_DISABLED=true: nothing is traced")
        return
    _say_what_is_not_supported(config)
    _remember_stdout()
    _check_propagators(config)
    _arm(config)


def _program(argv: list[str]) -> str:
    """The module or script that an interpreter runs, without folder and version: "pip" for /bin/pip3.11."""
    from platform_otel.process.command_line import target

    return target(argv).called()


def _say_what_is_not_supported(config: "Config") -> None:
    if config.is_set("OTEL_CONFIG_FILE"):
        from platform_otel.process.guard import say

        say("OTEL_CONFIG_FILE is not supported and is ignored; use the OTEL_* variables")


def _remember_stdout() -> None:
    """Let this process and its children know which file the first of us had as standard output."""
    from platform_otel.config import STDOUT_FILE
    from platform_otel.process.standard_output import file_identity

    if STDOUT_FILE not in os.environ:
        os.environ[STDOUT_FILE] = file_identity(1)


def _check_propagators(config: "Config") -> None:
    """A name that nobody knows makes the API raise while a service imports it: leave it out beforehand."""
    if not config.is_set("OTEL_PROPAGATORS"):
        os.environ.pop("OTEL_PROPAGATORS", None)  # empty means not set; the API before 1.43 raises for it
        return
    from platform_otel.tracing.propagators import known_names

    os.environ["OTEL_PROPAGATORS"] = ",".join(known_names(config))


def _arm(config: "Config") -> None:
    from platform_otel.instrumentation import arming
    from platform_otel.process import lifecycle
    from platform_otel.process.import_hooks import when_imported
    from platform_otel.process.service_name import pass_on

    lifecycle.arm(config)
    pass_on(os.environ, sys.orig_argv)
    arming.arm(config)
    when_imported("opentelemetry.trace", lambda: _set_provider(config))
    # Armed from the start: a service that imports the SDK first has it half imported when our provider is set.
    when_imported("opentelemetry.sdk.trace", _join_the_sdk)
    when_imported("opentelemetry.propagate", lambda: _set_propagators(config))
    # Armed from the start, too: it imports logging, and is half imported then.
    when_imported("opentelemetry.trace", _follow_spans)
    when_imported("logging", lambda: _show_ids(config, "logging"))
    when_imported("structlog._base", lambda: _show_ids(config, "structlog"))
    when_imported("loguru._logger", lambda: _show_ids(config, "loguru"))
    _arm_signal(config, "metrics", "opentelemetry.metrics", "opentelemetry.sdk.metrics")
    _arm_signal(config, "logs", "opentelemetry._logs", "opentelemetry.sdk._logs")


def _set_provider(config: "Config") -> None:
    from platform_otel.tracing.provider import install

    install(config)


def _join_the_sdk() -> None:
    from platform_otel.tracing.provider import be_an_sdk_provider

    be_an_sdk_provider()


def _set_propagators(config: "Config") -> None:
    from platform_otel.tracing.propagation import install

    install(config.get("OTEL_PROPAGATORS"))


def _follow_spans() -> None:
    from platform_otel.logs import ids

    ids.follow_spans()


def _show_ids(config: "Config", library: str) -> None:
    from platform_otel.logs import arming

    arming.show_ids(config, library)


def _arm_signal(config: "Config", signal: str, api: str, sdk: str) -> None:
    """Export a signal once the service imports its API, if the user asks for it."""
    if all(name.lower() == "none" for name in config.get(f"OTEL_{signal.upper()}_EXPORTER")):
        return
    from platform_otel.process.import_hooks import when_imported, when_whole

    started: list[str] = []

    def start() -> None:
        if started:
            return
        started.append(signal)
        from platform_otel.export import signals

        getattr(signals, f"start_{signal}")(config)

    # Where the service imports the SDK itself, it is half imported while it imports the API: wait for its end.
    # And the exporters import libraries that may themselves be half imported by then.
    when_imported(sdk, lambda: when_whole(start))
    when_imported(api, lambda: None if sdk in sys.modules else when_whole(start))
