"""The errors that end a command, each with what to do next."""


class PlatformTraceError(Exception):
    """What went wrong in one line, and a hint that says what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"Error: {self.message}\nHint: {self.hint}" if self.hint else f"Error: {self.message}"


class UsageError(PlatformTraceError):
    """The command line itself cannot be understood."""

    exit_code = 2


class CommandNotFound(PlatformTraceError):
    """The service's command is not there. Exit code as a shell's."""

    exit_code = 127


class CommandNotExecutable(PlatformTraceError):
    """The service's command is there and cannot be executed. Exit code as a shell's."""

    exit_code = 126
