"""The name of the service that a process is: what the user set, else what its command line says."""

# Every traced process imports this module and infers once, at its start: no re, plain tables.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence

from platform_otel.config import PARENT_SERVICE_NAME
from platform_otel.process.command_line import Application, application, script_text

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
        "conf", "config", "factory", "index", "main", "manage", "run", "serve", "server", "service", "services",
        "settings", "start", "tasks", "worker", "wsgi",
        # Folders in which services are kept, built, installed and released.
        "app-root", "bin", "build", "code", "current", "deploy", "deployment", "deployments", "dist", "dist-packages",
        "env", "git", "home", "htdocs", "html", "latest", "lib", "local", "mnt", "opt", "previous", "projects",
        "python", "release", "releases", "repo", "repos", "root", "site-packages", "src", "srv", "tmp", "usr", "var",
        "venv", "version", "versions", "work", "workdir", "workspace", "workspaces", "www",
        # What is left of a name that is a number, see is_generic.
        "",
    )
)  # fmt: skip
# Names that say a little: taken where nothing else says more.
_WEAK = ("backend", "core", "project")
_HEXADECIMAL = frozenset("0123456789abcdef")
# The folder above these is a person's, and no name for a service.
_HOMES = ("/home", "/Users")
_SCRIPT_SUFFIXES = (".py", ".pyc", ".pyz", ".pyzw", ".pex", ".zip")

# What the command line said at the start of this process: the current folder may be another by now, and variables
# that the command line stands back for as well. Children were told then; a forked one keeps it.
_inferred: "str | None" = None


def name_of_this_process() -> "tuple[str, str]":
    """The name of the service that this process is, and where it comes from, as ``service_name`` has it."""
    inferred = infer(sys.orig_argv, os.environ) if _inferred is None else _inferred
    return _set_by_the_user(os.environ) or _not_set(inferred, os.environ)


def pass_on(environ: "MutableMapping[str, str]", argv: "Sequence[str]") -> None:
    """Infer the name of this process, and leave it to children whose own command line names nothing.

    Args:
        environ: the environment of this process.
        argv: its command line as in ``sys.orig_argv``.
    """
    global _inferred
    _inferred = infer(argv, environ)
    if _inferred:
        environ[PARENT_SERVICE_NAME] = _inferred


def service_name(
    environ: "Mapping[str, str]",
    argv: "Sequence[str]",
    folder: str = "",
    read: "Callable[[str], str]" = script_text,
) -> "tuple[str, str]":
    """The name of a service and where it comes from: a variable, "command line", "parent process" or "default".

    Args:
        environ: the process's environment.
        argv: its command line as in ``sys.orig_argv``.
        folder: its current folder at its start; "" asks the operating system if need be.
        read: the text of a script by its path, "" if there is none. Asked only for scripts that are called like many
            others, such as ``bin/server``, and for ``manage.py``.
    """
    return _set_by_the_user(environ) or _not_set(infer(argv, environ, folder, read), environ)


def _set_by_the_user(environ: "Mapping[str, str]") -> "tuple[str, str] | None":
    for name, source in _settings(environ):
        if name.strip():
            return printable(name.strip()), source
    return None


def _settings(environ: "Mapping[str, str]") -> "Iterator[tuple[str, str]]":
    yield environ.get("OTEL_SERVICE_NAME", ""), "OTEL_SERVICE_NAME"
    yield _in_resource_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")), "OTEL_RESOURCE_ATTRIBUTES"
    for variable in PLATFORM_VARIABLES:
        yield environ.get(variable, ""), variable


def _not_set(inferred: str, environ: "Mapping[str, str]") -> "tuple[str, str]":
    if inferred:
        return inferred, "command line"
    if inherited := environ.get(PARENT_SERVICE_NAME, ""):
        return printable(inherited), "parent process"
    return UNKNOWN, "default"


def _in_resource_attributes(text: str) -> str:
    if not text:
        return ""
    from platform_otel.process.resource_variable import pairs

    try:
        return pairs(text).get("service.name", "")
    except ValueError:  # then all of it is discarded, and process/resource.py says so
        return ""


def infer(
    argv: "Sequence[str]",
    environ: "Mapping[str, str]",
    folder: str = "",
    read: "Callable[[str], str]" = script_text,
) -> str:
    """What a command line says, "" if nothing. The arguments are those of ``service_name``.

    ``uvicorn identity.main:app``, ``gunicorn identity.wsgi``, ``python -m identity.server``,
    ``flask --app identity run`` and ``python services/identity/app.py`` all say "identity".
    """

    def read_there(path: str) -> str:
        return read(os.path.join(folder, path))

    serves = application(argv, environ, read_there)
    return printable(_name(serves, os.path.join(folder, serves.folder), read_there))


def printable(text: str) -> str:
    """The text without what no encoder takes: command lines and variables may hold any bytes, as lone surrogates.

    Where the locale is ASCII, every other letter is such bytes, and they are UTF-8.
    """
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\ufffd", "?")
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return text.encode("utf-8", "replace").decode()


# --- what an application is called ------------------------------------------------------------------------------------


def _name(serves: Application, folder: str, read: "Callable[[str], str]") -> str:
    weak = ""
    for word in _words(serves, folder, read):
        if word.lower() in _WEAK:
            weak = weak or word
        elif not is_generic(word):
            return word
    return weak


def _words(serves: Application, folder: str, read: "Callable[[str], str]") -> "Iterator[str]":
    """What may be its name, best first."""
    if serves.kind == "module":
        yield from serves.text.split(".")
    if serves.kind == "script":
        folder = os.path.join(folder, _folder_of(serves.text))
        yield script_stem(serves.text)
        if is_installed_script(serves.text):
            yield from called_module(read(serves.text)).split(".")
    yield serves.title
    if serves.kind:
        yield from _folders(folder)


def script_stem(path: str) -> str:
    """A script's file name without what says that it is one: "identity" for identity.py and identity.pyz."""
    name = os.path.basename(path.rstrip("/"))
    suffix = next((suffix for suffix in _SCRIPT_SUFFIXES if name.endswith(suffix)), "")
    return name.removesuffix(suffix)


def _folder_of(path: str) -> str:
    path = path.rstrip("/")
    return path if os.path.basename(path) in (".", "..") else os.path.dirname(path)


def is_installed_script(path: str) -> bool:
    """Whether this is a console script of an environment, such as /venv/bin/server."""
    return os.path.basename(os.path.dirname(path)) == "bin"


def called_module(script: str) -> str:
    """The module that a console script calls, as installers write it: ``from M import f`` and ``sys.exit(f())``.

    The script is one small file; what is installed, where the same is written, is hundreds of them.
    """
    for line in script.splitlines():
        words = line.split()
        if len(words) == 4 and words[::2] == ["from", "import"] and f"sys.exit({words[3]}" in script:
            return words[1]
    return ""


def _folders(path: str) -> "Iterator[str]":
    """The names of this folder and of those above, up to a person's own."""
    try:
        above, name = os.path.split(os.path.abspath(path))
    except OSError:  # the current folder may have been deleted
        return
    while name and above not in _HOMES:
        yield _unversioned(name)
        above, name = os.path.split(above)


def _unversioned(folder: str) -> str:
    """A folder's name without the version behind it: "identity" for identity-1.4.0."""
    name, _, version = folder.rpartition("-")
    return name if "." in version and _is_number(version.lower()) else folder


def is_generic(name: str) -> bool:
    """Whether many services use this name, also with a number behind it: app2, v1.2.3, release-42, a commit's hash."""
    word = name.lower()
    if word.startswith(".") or word in _GENERIC or _is_number(word):
        return True
    return word.rstrip("0123456789.-_").removesuffix("v").rstrip("-_") in _GENERIC


def _is_number(word: str) -> bool:
    """Whether this is a date (20240101120000, 2024-01-01t12:00z), a version (1.4.0rc1) or a hash."""
    digits = word.removeprefix("v")
    major, _, minor = digits.partition(".")
    if (major.isdecimal() and minor[:1].isdecimal()) or not digits.strip("0123456789.-_:+tz"):
        return any(map(str.isdecimal, digits))
    packed = word.replace("-", "")
    if len(packed) < 7 or not _HEXADECIMAL.issuperset(packed):
        return False
    # Words may be hexadecimal, too, as in feed2023; a hash goes back to digits.
    rest = packed.lstrip("abcdef").lstrip("0123456789")
    return rest != "" and not rest.isalpha()
