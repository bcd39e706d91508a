"""The name of the service that a process is: what the user set, else what its command line says."""

# Every traced process imports this module and infers once at its start: no re, no shlex, plain tables.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence

from platform_otel.config import PARENT_SERVICE_NAME

UNKNOWN = "unknown_service:python"

# What platforms that run one application per container call it.
PLATFORM_VARIABLES = (
    "K_SERVICE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "WEBSITE_SITE_NAME",
    "FLY_APP_NAME",
    "HEROKU_APP_NAME",
    "RENDER_SERVICE_NAME",
    "RAILWAY_SERVICE_NAME",
)

# Names that many services share. Where a module, script or folder is called so, the folder above says more.
_GENERIC = frozenset(
    (
        "__init__", "__main__", "api", "app", "application", "apps", "asgi", "celery", "celery_app", "celeryapp", "cli",
        "factory", "index", "main", "manage", "run", "serve", "server", "service", "services", "start", "tasks", "v1",
        "v2", "worker", "wsgi",
        # Folders in which services are kept, built and installed.
        "bin", "build", "code", "deploy", "dist", "env", "home", "lib", "local", "opt", "root", "src", "srv", "tmp",
        "usr", "var", "venv", "work", "workdir", "workspace", "workspaces", "www",
    )
)  # fmt: skip
# The folder above these is a person's, and no name for a service.
_HOMES = ("/home", "/Users")
_SCRIPT_SUFFIXES = (".py", ".pyc", ".pyz", ".pyzw", ".pex", ".zip")
_INTERPRETER_OPTIONS_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")

# Programs that serve what their first argument names -> their options that take no value (nor does any --no-...).
_SERVERS = {
    "aiohttp": "",
    "arq": "--burst --check -v --verbose",
    "daphne": "--proxy-headers",
    "dramatiq": "--skip-logging --use-spawn -v --verbose --watch-use-polling",
    "fastapi": "--proxy-headers --reload -v --verbose",
    "granian": (
        "--access-log --factory --http1-keep-alive --http1-pipeline-flush --http2-adaptive-window --log --metrics "
        "--reload --reload-ignore-worker-failure --respawn-failed-workers --ssl-client-verify --ws"
    ),
    "gunicorn": (
        "--capture-output --casefold-http-method --check-config -D --daemon --disable-redirect-access-to-syslog "
        "--do-handshake-on-connect --enable-backlog-metric --enable-stdio-inheritance --initgroups --log-syslog "
        "--permit-obsolete-folding --permit-unconventional-http-method --permit-unconventional-http-version "
        "--preload --print-config --proxy-protocol -R --reload --reuse-port --spew --strip-header-spaces "
        "--suppress-ragged-eofs"
    ),
    "hypercorn": "-D --daemon --debug --reload",
    "sanic": (
        "-1 -3 --access-logs --auto-reload --auto-tls -D -d --daemon --debug --dev --factory --fast --motd "
        "--noisy-exceptions -r --reload --repl -s --simple --single-process --tls-strict-host -v --verbosity"
    ),
    "streamlit": "",
    "taskiq": "--reload",
    "uvicorn": (
        "--access-log --date-header --factory --http2 --proxy-headers --reload --reset-contextvars --server-header "
        "--use-colors"
    ),
    "waitress-serve": "--call --expose-tracebacks --ipv4 --ipv6 --log-untrusted-proxy-headers",
}
# The words before that argument.
_SUBCOMMANDS = {"fastapi": ("run", "dev"), "streamlit": ("run",), "taskiq": ("worker", "scheduler")}
# Programs that serve what an option names.
_OPTIONS = {
    "celery": ("-A", "--app"),
    "django": ("--settings",),
    "django-admin": ("--settings",),
    "fastapi": ("-e", "--entrypoint"),
    "faust": ("-A", "--app"),
    "flask": ("-A", "--app"),
    "litestar": ("--app",),
    "manage.py": ("--settings",),
    "quart": ("-A", "--app"),
}
# Where their command line names nothing, they look here.
_VARIABLES = {
    "celery": "APP",
    "django": "DJANGO_SETTINGS_MODULE",
    "django-admin": "DJANGO_SETTINGS_MODULE",
    "faust": "FAUST_APP",
    "flask": "FLASK_APP",
    "litestar": "LITESTAR_APP",
    "manage.py": "DJANGO_SETTINGS_MODULE",
    "quart": "QUART_APP",
    "uvicorn": "UVICORN_APP",
}
# Packages of settings that many Django projects share: then manage.py's folder says more.
_SETTINGS_PACKAGES = ("conf", "config", "core", "project", "settings")
_FOLDER_OPTIONS = ("--app-dir", "--chdir", "--workdir", "--working-dir")

# Programs that run another one in the same interpreter -> their options that take no value.
_WRAPPERS = {
    "cProfile": "",
    "coverage": "-a --append --branch -p --parallel-mode -q --timid",
    "debugpy": "--wait-for-client",
    "memray": "--aggregate --compress-on-exit -f --follow-fork --force --live --native -q --quiet",
    "pdb": "",
    "profile": "",
}
# Programs that start others: those have names of their own, and what these pass on would be a wrong one. The last
# three start themselves again as helpers of a service, which then are that service.
_NAMELESS = frozenset(
    (
        "circusd", "conda", "ddtrace-run", "dotenv", "hatch", "honcho", "inv", "invoke", "newrelic-admin", "nox",
        "opentelemetry-instrument", "pdm", "pipenv", "platform-trace", "platform_otel", "poetry", "supervisord", "tox",
        "uv", "uvx", "watchfiles", "watchmedo",
        "joblib", "loky", "pyspark",
    )
)  # fmt: skip


class Target:
    """What an interpreter runs: kind is "script", "module", "command" (-c) or "" (stdin or prompt)."""

    __slots__ = ("arguments", "kind", "name")

    def __init__(self, kind: str = "", name: str = "", arguments: "Sequence[str]" = ()) -> None:
        self.kind = kind
        self.name = name
        self.arguments = list(arguments)

    def program(self) -> str:
        """The script's file name or the module's package, such as "uvicorn"."""
        if self.kind == "script":
            return os.path.basename(self.name.rstrip("/"))
        return self.name.partition(".")[0]


class Application:
    """What a process serves, as far as its command line says.

    Args:
        kind: what ``text`` is: "module" ("identity.main"), "script" (a path), "folder" (something in it, found by
            the program itself), "name" (said outright) or "" (nothing is said).
        text: see ``kind``.
        folder: where modules and relative paths are looked up, from the current folder; "" is that one.
    """

    __slots__ = ("folder", "kind", "text")

    def __init__(self, kind: str = "", text: str = "", folder: str = "") -> None:
        self.kind = kind
        self.text = text
        self.folder = folder


def installed_console_script(name: str) -> str:
    """The module that an installed console script calls, or ""."""
    from platform_otel.process.distribution import console_script

    return console_script(name, [folder for folder in sys.path if isinstance(folder, str)])[0]


def service_name(
    environ: "Mapping[str, str]",
    argv: "Sequence[str]",
    folder: str = "",
    console_script: "Callable[[str], str]" = installed_console_script,
) -> "tuple[str, str]":
    """The name of the service and where it comes from: a variable, "command line", "parent process" or "default".

    Args:
        environ: the process's environment.
        argv: its command line as in ``sys.orig_argv``.
        folder: its current folder; "" asks the operating system if need be.
        console_script: the module that a console script calls, by the script's name; "" if none does. Asked only
            for scripts that are called like many others, such as ``bin/server``.
    """
    for name, source in _set_by_the_user(environ):
        if name.strip():
            return printable(name.strip()), source
    if inferred := infer(argv, environ, folder, console_script):
        return inferred, "command line"
    if inherited := environ.get(PARENT_SERVICE_NAME, ""):
        return printable(inherited), "parent process"
    return UNKNOWN, "default"


def _set_by_the_user(environ: "Mapping[str, str]") -> "Iterator[tuple[str, str]]":
    yield environ.get("OTEL_SERVICE_NAME", ""), "OTEL_SERVICE_NAME"
    yield _in_resource_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")), "OTEL_RESOURCE_ATTRIBUTES"
    for variable in PLATFORM_VARIABLES:
        yield environ.get(variable, ""), variable


def _in_resource_attributes(text: str) -> str:
    if not text:
        return ""
    from platform_otel.process.resource_variable import pairs

    try:
        return pairs(text).get("service.name", "")
    except ValueError:  # then all of it is discarded, and process/resource.py says so
        return ""


def pass_on(environ: "MutableMapping[str, str]", argv: "Sequence[str]") -> None:
    """Leave the inferred name to children whose own command line names nothing."""
    if inferred := infer(argv, environ):
        environ[PARENT_SERVICE_NAME] = inferred


def infer(
    argv: "Sequence[str]",
    environ: "Mapping[str, str]",
    folder: str = "",
    console_script: "Callable[[str], str]" = installed_console_script,
) -> str:
    """The service's name as its command line says it, or "". Arguments as for ``service_name``.

    ``uvicorn identity.main:app``, ``gunicorn identity.wsgi``, ``python -m identity.server``,
    ``flask --app identity run`` and ``python services/identity/app.py`` all say "identity".
    """
    serves = application(argv, environ)
    return printable(_name(serves, os.path.join(folder, serves.folder), console_script))


def printable(text: str) -> str:
    """The text without what no encoder takes: command lines and variables may hold any bytes, as lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# --- the command line: what the interpreter runs ----------------------------------------------------------------------


def target(argv: "Sequence[str]") -> Target:
    """Read ``sys.orig_argv``: [interpreter, its options ..., what it runs, arguments ...]."""
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        if word == "--":
            return Target("script", words[0], words[1:]) if words else Target()
        if word == "-" or not word.startswith("-"):
            return Target("script", word, words) if word != "-" else Target()
        option, value = _clustered(word)
        if option in ("-m", "-c"):
            return _module_or_command(option, [value, *words] if value else words)
        if option in _INTERPRETER_OPTIONS_WITH_VALUE and not value:
            words[:1] = []
    return Target()


def _clustered(word: str) -> "tuple[str, str]":
    """Split "-Im" or "-mjson" into the option that ends the cluster, and what is glued to it."""
    if word.startswith("--"):
        return word, ""
    for position, letter in enumerate(word[1:], 1):
        if letter in "mcXW":
            return "-" + letter, word[position + 1 :]
    return "", ""


def _module_or_command(option: str, words: "list[str]") -> Target:
    kind = "module" if option == "-m" else "command"
    return Target(kind, words[0] if words and kind == "module" else "", words[1:])


def _innermost(what: Target) -> Target:
    """What runs in the end where debuggers and profilers run another program: ``python -m pdb -m identity``."""
    while (program := what.program()) in _WRAPPERS:
        what = _wrapped(what.arguments, _WRAPPERS[program])
    return what


def _wrapped(arguments: "Sequence[str]", switches: str) -> Target:
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word in ("-m", "--module"):
            return _module_or_command("-m", words)
        if not word.startswith("-") and word != "run":  # as in: coverage run identity/main.py
            return Target("script", word, words)
        if _takes_next_word(word, switches):
            words[:1] = []
    return Target()


# --- the command line: what the program serves ------------------------------------------------------------------------


def application(argv: "Sequence[str]", environ: "Mapping[str, str]") -> Application:
    """What a process with this command line (as in ``sys.orig_argv``) serves."""
    what = _innermost(target(argv))
    program = what.program()
    if program in _NAMELESS:
        return Application()
    if program in _SERVERS or program in _OPTIONS:
        return _served(program, what, environ)
    if what.kind == "script":
        return Application("script", what.name)
    # A module of the standard library is a tool that says nothing of who uses it: a service that runs
    # `python -m json.tool` is the parent, and `python -m http.server` alone is nobody we could name.
    if what.kind == "module" and program and program not in sys.stdlib_module_names:
        return Application("module", what.name)
    return Application()


def _served(program: str, what: Target, environ: "Mapping[str, str]") -> Application:
    """What a server, or a program like flask and celery that takes an application, is told to serve."""
    words = [*what.arguments, *_more_options(program, environ)]
    folder = _option(words, _FOLDER_OPTIONS)
    if program == "manage.py":
        folder = os.path.dirname(what.name)
    text = _named(program, what.arguments, environ)
    if _OPTIONS.get(program) == ("--settings",):
        text = _django_project(text)
    elif program == "gunicorn" and not text and (name := _option(words, ("-n", "--name"))):
        return Application("name", name)  # the application is then named in a configuration file
    return _imported(text, folder)


def _more_options(program: str, environ: "Mapping[str, str]") -> "list[str]":
    return environ.get("GUNICORN_CMD_ARGS", "").split() if program == "gunicorn" else []


def _named(program: str, words: "Sequence[str]", environ: "Mapping[str, str]") -> str:
    """The application as the command line writes it, else as the program's variable does."""
    text = _option(words, _OPTIONS.get(program, ()))
    if not text and program in _SERVERS:
        positionals = list(_positionals(words, _SERVERS[program]))
        if positionals and positionals[0] in _SUBCOMMANDS.get(program, ()):
            positionals.pop(0)
        text = positionals[0] if positionals else ""
    return text or environ.get(_VARIABLES.get(program, ""), "")


def _imported(text: str, folder: str) -> Application:
    """Read "identity.main:app" and "services/identity/app.py:create()"."""
    module = text.partition(":")[0]
    if not module:
        return Application("folder", "", folder)
    if module.endswith(".py") or "/" in module:
        return Application("script", module, folder)
    return Application("module", module, folder)


def _django_project(settings: str) -> str:
    package = settings.partition(".")[0]
    return "" if package in _SETTINGS_PACKAGES else package


def _positionals(words: "Sequence[str]", switches: str) -> "Iterator[str]":
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            yield word
        elif _takes_next_word(word, switches):
            next(rest, None)


def _takes_next_word(option: str, switches: str) -> bool:
    """Whether the word after an option is its value. One that we do not know takes a value, as most do."""
    if "=" in option or option in ("--", "-h", "--help", "--version") or option.startswith("--no-"):
        return False
    glued = not option.startswith("--") and len(option) > 2  # -w4
    return not glued and f" {option} " not in f" {switches} "


def _option(words: "Sequence[str]", names: "Sequence[str]") -> str:
    """The value of the first of these options: ``--app VALUE``, ``--app=VALUE`` or ``-AVALUE``."""
    rest = iter(words)
    for word in rest:
        if word in names:
            return next(rest, "")
        name, equals, value = word.partition("=")
        if equals and name in names:
            return value
        if word[:2] in names and not word.startswith("--"):
            return word[2:]
    return ""


# --- the name ---------------------------------------------------------------------------------------------------------


def _name(serves: Application, folder: str, console_script: "Callable[[str], str]") -> str:
    if serves.kind == "name":
        return serves.text
    if serves.kind == "module":
        return _module_name(serves.text) or _folder_name(folder)
    if serves.kind == "script":
        return _script_name(serves.text, folder, console_script)
    return _folder_name(folder) if serves.kind == "folder" else ""


def _module_name(module: str) -> str:
    return next((part for part in module.split(".") if part and part.lower() not in _GENERIC), "")


def _script_name(path: str, folder: str, console_script: "Callable[[str], str]") -> str:
    stem = script_stem(path)
    if stem not in (".", "..", "") and stem.lower() not in _GENERIC:
        return stem
    if is_installed_script(path) and (name := _module_name(console_script(stem))):
        return name
    return _folder_name(os.path.join(folder, path if stem in (".", "..") else os.path.dirname(path.rstrip("/"))))


def script_stem(path: str) -> str:
    """A script's file name without what says that it is one: "identity" for identity.py and identity.pyz."""
    name = os.path.basename(path.rstrip("/"))
    suffix = next((suffix for suffix in _SCRIPT_SUFFIXES if name.endswith(suffix)), "")
    return name.removesuffix(suffix)


def is_installed_script(path: str) -> bool:
    """Whether this is a console script of an environment, such as /venv/bin/server."""
    return os.path.basename(os.path.dirname(path)) == "bin"


def _folder_name(path: str) -> str:
    """The nearest folder, from this one upwards, that is not called like many others."""
    try:
        path = os.path.abspath(path)
    except OSError:  # the current folder may have been deleted
        return ""
    while True:
        path, name = os.path.split(path)
        if not name or path in _HOMES:
            return ""
        if name.lower() not in _GENERIC and not name.startswith("."):
            return name
