"""The name of the service that a process is: what the user set, else what its command line says."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

from platform_otel.config import PARENT_SERVICE_NAME

UNKNOWN = "unknown_service:python"

# Names that many services share: the folder says more.
_GENERIC = frozenset(("app", "main", "server", "wsgi", "asgi", "manage", "run", "start", "api", "__main__", "index"))
_APP_SERVERS = frozenset(("uvicorn", "gunicorn"))
# Options of the application servers that take no value, so that the word after them is not skipped.
_SWITCHES = frozenset(
    (
        "--reload", "--factory", "--proxy-headers", "--no-proxy-headers", "--use-colors", "--no-use-colors",
        "--access-log", "--no-access-log", "--server-header", "--no-server-header", "--date-header",
        "--no-date-header", "--preload", "--daemon", "-D", "--check-config", "--print-config", "-R",
        "--enable-stdio-inheritance", "--capture-output", "--no-sendfile", "--reuse-port", "--proxy-protocol",
        "--spew", "--disable-redirect-access-to-syslog", "--log-syslog", "--version", "-v", "--help", "-h",
    )
)  # fmt: skip
_INTERPRETER_OPTIONS_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")


class Target:
    """What an interpreter runs: kind is "script", "module", "command" (-c) or "" (stdin or prompt)."""

    __slots__ = ("arguments", "kind", "name")

    def __init__(self, kind: str = "", name: str = "", arguments: "Sequence[str]" = ()) -> None:
        self.kind = kind
        self.name = name
        self.arguments = list(arguments)


def target(argv: "Sequence[str]") -> Target:
    """Read ``sys.orig_argv``: [interpreter, its options ..., what it runs, arguments ...]."""
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        if word in ("-m", "-c"):
            return _module_or_command(word, words)
        if word in _INTERPRETER_OPTIONS_WITH_VALUE:
            words[:1] = []
        elif word == "-":
            return Target()
        elif not word.startswith("-"):
            return Target("script", word, words)
        elif not word.startswith("--"):
            option, value = _clustered(word)
            if option:
                return _module_or_command(option, [value, *words] if value else words)
    return Target()


def _clustered(word: str) -> "tuple[str, str]":
    """Split "-Im" or "-mjson" into the option that ends the interpreter's own, and what is glued to it."""
    for position, letter in enumerate(word[1:], 1):
        if letter in "mc":
            return "-" + letter, word[position + 1 :]
        if letter in "XW":
            break
    return "", ""


def _module_or_command(option: str, words: "list[str]") -> Target:
    kind = "module" if option == "-m" else "command"
    return Target(kind, words[0] if words and kind == "module" else "", words[1:])


def service_name(environ: "Mapping[str, str]", argv: "Sequence[str]") -> "tuple[str, str]":
    """The name of the service and where it comes from.

    Args:
        environ: the process's environment.
        argv: its command line as in ``sys.orig_argv``.
    """
    if environ.get("OTEL_SERVICE_NAME", "").strip():
        return environ["OTEL_SERVICE_NAME"].strip(), "OTEL_SERVICE_NAME"
    for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, _, value = pair.partition("=")
        if key.strip() == "service.name" and value.strip():
            return _unquote(value.strip()), "OTEL_RESOURCE_ATTRIBUTES"
    if inferred := infer(argv, environ):
        return inferred, "command line"
    if inherited := environ.get(PARENT_SERVICE_NAME, ""):
        return inherited, "parent process"
    return UNKNOWN, "default"


def pass_on(environ: "MutableMapping[str, str]", argv: "Sequence[str]") -> None:
    """Leave the inferred name to children whose own command line names nothing."""
    if inferred := infer(argv, environ):
        environ[PARENT_SERVICE_NAME] = inferred


def infer(argv: "Sequence[str]", environ: "Mapping[str, str]") -> str:
    """The service's name as its command line says it, or "".

    ``uvicorn identity.main:app``, ``gunicorn identity.wsgi``, ``python -m identity.server``,
    ``flask --app identity run`` and ``python services/identity/app.py`` all say "identity".
    """
    what = target(argv)
    program = os.path.basename(what.name) if what.kind == "script" else what.name.partition(".")[0]
    if program in _APP_SERVERS:
        return _from_import_string(_first_positional(what.arguments))
    if program == "flask":
        return _from_flask(what.arguments, environ)
    if what.kind == "module":
        return _from_import_string(what.name)
    if what.kind == "script":
        return _from_script(what.name)
    return ""


def _first_positional(words: "Sequence[str]") -> str:
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            return word
        if "=" not in word and word not in _SWITCHES:
            next(rest, None)
    return ""


def _from_flask(words: "Sequence[str]", environ: "Mapping[str, str]") -> str:
    rest = iter(words)
    for word in rest:
        if word in ("--app", "-A"):
            return _from_import_string(next(rest, ""))
        if word.startswith("--app="):
            return _from_import_string(word[len("--app=") :])
    return _from_import_string(environ.get("FLASK_APP", ""))


def _from_import_string(text: str) -> str:
    """Read "identity" out of "identity.main:app" and "services/identity/app.py:create()"."""
    module = text.partition(":")[0]
    if module.endswith(".py") or "/" in module:
        return _from_script(module)
    parts = [part for part in module.split(".") if part and part not in _GENERIC]
    return parts[0] if parts else _folder_name(os.curdir) if module else ""


def _from_script(path: str) -> str:
    stem = os.path.basename(path.rstrip("/")).removesuffix(".py")
    return stem if stem not in _GENERIC else _folder_name(os.path.dirname(path))


def _folder_name(path: str) -> str:
    try:
        name = os.path.basename(os.path.abspath(path))
    except OSError:  # the current folder may have been deleted
        return ""
    return name if name not in _GENERIC else ""


def _unquote(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)
