"""The only place that swallows an exception: says it once on stderr; raises it when developing."""

import sys

from platform_otel import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

# Set by startup from the environment of the process.
strict = False
_level = 2

_LEVELS = {"none": 0, "error": 1, "warn": 2, "warning": 2, "info": 3, "debug": 4}

_said: "dict[object, bool]" = {}
# Causes that are remembered, at most: a service may find ever new ones.
_MOST_CAUSES = 1000
# Characters of a line, at most.
_LONGEST = 600


def say(message: str, cause: object = None) -> None:
    """Print one line about this process's tracing; never twice for one cause, which is the message unless given."""
    if _said.setdefault(cause or message, False):
        return
    if len(_said) > _MOST_CAUSES:
        _said.clear()
    _said[cause or message] = True
    say_again(message)


def say_again(message: str) -> None:
    """Print one line, also if it was said before; the caller sees to it that this is rarely."""
    if _level >= _LEVELS["warn"]:
        _write(message)


def info(message: "Callable[[], str]") -> None:
    """Print one line if OTEL_LOG_LEVEL is info or debug; it is made only then."""
    if _level >= _LEVELS["info"]:
        _write(message())


def debug(message: str) -> None:
    """Print one line if OTEL_LOG_LEVEL is debug."""
    if _level >= _LEVELS["debug"]:
        _write(message)


def _write(message: str) -> None:
    # The interpreter's own stderr: what the service puts in place of sys.stderr is the service's. It is
    # None where stderr was closed at the start, and writing fails where it was closed since.
    stream = sys.__stderr__
    if stream is None:
        return
    line = "platform-trace: " + _short(" ".join(message.split())) + "\n"
    try:
        stream.flush()
        _write_at_once(stream.fileno(), line.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError):
        pass
    except RuntimeError:  # a signal came while the service was writing there, and flushing is not to be nested
        pass
    except ImportError:  # the service has given up its right to read the standard library
        pass


def _short(line: str) -> str:
    """Cut in the middle what a huge setting has made long: a line's end says what to do."""
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"


def _write_at_once(descriptor: int, line: bytes) -> None:
    """Write what fits now: nobody may be reading the pipe that stderr is, and we wait for nobody."""
    import os
    import select

    if select.select([], [descriptor], [], 0)[1]:
        os.write(descriptor, line)


class guarded:  # noqa: N801  # used as a context manager, read as a phrase: with guarded("load flask")
    """Whatever is raised inside costs one line, and the service goes on.

    Args:
        doing: what is attempted, read after "could not", such as "instrument flask".
    """

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> bool:
        if error is None or strict or is_the_services(error):
            return False
        say(f"could not {self._doing}: {described(error)}", (self._doing, type(error)))
        return True


# What a value's own code may raise when it is printed, counted or copied: it costs that value only. Not what is
# raised into a thread from outside, such as the time limit of a job, which is no Exception either.
BY_A_VALUE = (Exception, SystemExit)


def described(error: BaseException) -> str:
    """Type and message of an exception, even where its __str__ raises."""
    text = message_of(error)
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def message_of(error: BaseException) -> str:
    """The message of an exception, even where its __str__ raises."""
    try:
        return str(error)
    except BY_A_VALUE:  # a hostile one must not end the process that we only watch, and costs its own field
        return "(its message cannot be printed)"


def type_name(kind: type[BaseException]) -> str:
    """As ``error.type`` asks for it: with its module, but for Python's own.

    Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
    """
    module, name = as_text(kind.__module__), as_text(kind.__qualname__)
    return name if module == "builtins" else f"{module}.{name}"


def as_text(name: object) -> str:
    """A name as text: where an application gave something else, what that says of itself."""
    if type(name) is str:
        return name
    try:
        return str.__str__(name) if isinstance(name, str) else str(name)
    except BY_A_VALUE as error:
        if is_the_services(error):
            raise
        return "(cannot be printed)"


def is_the_services(error: BaseException) -> bool:
    """Whether a signal, and not our own work, raised this: Ctrl-C, a server's exit, the time limit of a job."""
    return isinstance(error, KeyboardInterrupt) or _came_through_a_signal_handler(error.__traceback__)


def _came_through_a_signal_handler(trace: "TracebackType | None") -> bool:
    signal = sys.modules.get("signal")
    if signal is None:  # then no handler can have been set
        return False

    codes = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False


def _code_of(handler: object) -> object:
    """The code that a signal handler runs: a function's, a method's, a partial's, or a callable object's."""
    handler = getattr(handler, "func", handler)
    if not hasattr(getattr(handler, "__func__", handler), "__code__"):
        handler = getattr(type(handler), "__call__", None)  # noqa: B004  # not whether, but what
    return getattr(getattr(handler, "__func__", handler), "__code__", None)


def configure(settings: config.Config) -> None:
    """Take from the environment how much to say."""
    global strict, _level
    strict = settings.get(config.STRICT)
    _level = _LEVELS[settings.get("OTEL_LOG_LEVEL")]
