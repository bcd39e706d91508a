"""What a Python process's own command line says: what the interpreter runs, and what that serves."""

# Every traced process imports this module at its start: no re, no shlex, plain tables.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
APPLICATION_VARIABLES = {
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
_FOLDER_OPTIONS = ("--app-dir", "--chdir", "--workdir", "--working-dir")
_TITLE_OPTIONS = {"gunicorn": ("-n", "--name"), "granian": ("--process-name",)}
# Before an application, hypercorn takes the kind of it: wsgi:identity.main:app.
_KINDS = {"hypercorn": ("asgi", "file", "wsgi")}

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

    def called(self) -> str:
        """The script's file name or the whole module, without an installer's version: "pip" for /bin/pip3.11."""
        name = os.path.basename(self.name)
        return name.rstrip("0123456789.") if name.startswith("pip") else name


class Application:
    """What a process serves, as far as its command line says.

    Args:
        kind: what ``text`` is: "module" ("identity.main"), "script" (a path), "folder" (something in it, found by
            the program itself) or "" (nothing is said).
        text: see ``kind``.
        folder: where modules and relative paths are looked up, from the current folder; "" is that one.
        title: what the process is to be called, said outright.
    """

    __slots__ = ("folder", "kind", "text", "title")

    def __init__(self, kind: str = "", text: str = "", folder: str = "", title: str = "") -> None:
        self.kind = kind
        self.text = text
        self.folder = folder
        self.title = title


def script_text(path: str) -> str:
    """The beginning of a script's file; "" if it cannot be read."""
    try:
        if not os.path.isfile(path):  # who reads a pipe takes what is in it
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except (OSError, ValueError):  # unreadable, or no path at all
        return ""


def is_known(program: str) -> bool:
    """Whether this name is that of a Python program whose command line is understood here, such as "uvicorn"."""
    return program in _SERVERS or program in _OPTIONS or program in _WRAPPERS


# --- what the interpreter runs ----------------------------------------------------------------------------------------


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


def application(
    argv: "Sequence[str]", environ: "Mapping[str, str]", read: "Callable[[str], str]" = script_text
) -> Application:
    """What a process serves.

    Args:
        argv: its command line as in ``sys.orig_argv``.
        environ: its environment.
        read: the text of a script by its path, "" if there is none. Asked only for ``manage.py``.
    """
    what = _innermost(target(argv))
    program = what.program()
    if program in _NAMELESS:
        return Application()
    if program == "manage.py":
        return _managed(what, environ, read)
    if program in _SERVERS or program in _OPTIONS:
        return _served(program, what, environ)
    if what.kind == "script":
        return Application() if _is_unpacked(what.name) else Application("script", what.name)
    # A module of the standard library is a tool that says nothing of who uses it: a service that runs
    # `python -m json.tool` is the parent, and `python -m http.server` alone is nobody we could name.
    if what.kind == "module" and program and program not in sys.stdlib_module_names:
        return Application("module", what.name)
    return Application()


def _is_unpacked(script: str) -> bool:
    """Whether this is where a .pex file unpacks itself and starts anew: unzipped_pexes/1/HASH or venvs/HASH/HASH/pex.

    Its first process, which is called like the file, has left its name then.
    """
    folders = script.rstrip("/").split("/")
    return "unzipped_pexes" in folders[-4:-1] or (folders[-1] == "pex" and "venvs" in folders[-5:-1])


def _managed(what: Target, environ: "Mapping[str, str]", read: "Callable[[str], str]") -> Application:
    """The Django project of a manage.py: the script itself sets the variable for itself if nobody else has."""
    settings = _named("manage.py", what.arguments, environ) or _settings_in(read(what.name))
    return _imported(settings.partition(".")[0], os.path.dirname(what.name))


def _settings_in(script: str) -> str:
    """Read ``os.environ.setdefault("DJANGO_SETTINGS_MODULE", "identity.settings")``."""
    quoted = script.partition(APPLICATION_VARIABLES["manage.py"])[2].replace("'", '"').split('"')
    return quoted[2] if len(quoted) > 2 else ""


def _served(program: str, what: Target, environ: "Mapping[str, str]") -> Application:
    """What a server, or a program like flask and celery that takes an application, is told to serve."""
    words = [*what.arguments, *_more_options(program, environ)]
    text = _named(program, what.arguments, environ)
    if _OPTIONS.get(program) == ("--settings",):
        text = text.partition(".")[0]  # the project; which of its settings does not matter
    kind, _, rest = text.partition(":")
    if ":" in rest and kind in _KINDS.get(program, ()):
        text = rest
    return _imported(text, _option(words, _FOLDER_OPTIONS), _option(words, _TITLE_OPTIONS.get(program, ())))


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
    return text or environ.get(APPLICATION_VARIABLES.get(program, ""), "")


def _imported(text: str, folder: str, title: str = "") -> Application:
    """Read "identity.main:app" and "services/identity/app.py:create()"."""
    module = text.partition(":")[0]
    if not module:
        return Application("folder", "", folder, title)
    if module.endswith(".py") or "/" in module:
        return Application("script", module, folder, title)
    return Application("module", module, folder, title)


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
