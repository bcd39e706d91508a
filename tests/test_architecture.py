"""Imports go one way, as ARCHITECTURE.md says, and the page names every room that there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import platform_otel

PACKAGE = Path(platform_otel.__file__).parent
PAGE = PACKAGE.parent / "ARCHITECTURE.md"

# What runs in a service's process, and so in its memory and on its conscience.
SERVICE_SIDE = (
    "startup",
    "launcher",
    "upstream",
    "process",
    "http",
    "instrumentation",
    "tracing",
    "export",
    "logs",
    "config",
    "errors",
)
# What runs in a process of ours.
OUR_SIDE = ("adopt", "cli", "collector", "demo", "doctor", "show")
# Files that processes execute which are not ours: the services of the demo.
NOT_OURS = PACKAGE / "demo" / "services"


class Import(NamedTuple):
    """One imported module, who imports it, and whether that happens as soon as the importer is imported itself."""

    importer: str
    module: str
    at_once: bool

    @property
    def room(self) -> str:
        """The room that the importer is in."""
        return room_of(self.importer)


def room_of(module: str) -> str:
    """The name at the package's top level: "process" for platform_otel.process.guard."""
    return module.split(".")[1] if module.startswith("platform_otel.") else ""


def imports_of(path: Path) -> Iterator[Import]:
    """Every import in a file, also those in functions and those for type checkers."""
    importer = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_once = {id(node) for statement in tree.body for node in executed_at_once(statement)}
    for node in ast.walk(tree):
        for module in modules_of(node):
            yield Import(importer, module, id(node) in at_once)


def executed_at_once(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement of a module's body that its import executes."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
        statements: list[ast.stmt] = statement.orelse
    else:
        statements = [node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt)]
        yield statement
    for inner in statements:
        yield from executed_at_once(inner)


def modules_of(node: ast.AST) -> list[str]:
    """The modules that an import statement names; "from a import b" may mean module a.b, so that is what it says."""
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{name.name}" for name in node.names]
    return []


IMPORTS = [each for path in sorted(PACKAGE.rglob("*.py")) if NOT_OURS not in path.parents for each in imports_of(path)]


def rooms() -> set[str]:
    """The modules and folders at the package's top level."""
    files = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    return files | {f"{path.parent.name}/" for path in PACKAGE.glob("*/*.py")}


def described(module: str) -> list[str]:
    """Who imports anything of this room, as a reader looks for it."""
    return sorted({each.importer for each in IMPORTS if room_of(each.module) == module and each.room != module})


def test_no_import_is_relative() -> None:
    assert [each for each in IMPORTS if each.module.startswith("None.")] == []


def test_nothing_imports_the_commands_but_the_launcher_when_it_does_not_launch() -> None:
    assert described("cli") == ["platform_otel.launcher"]
    assert not any(each.at_once for each in IMPORTS if each.room == "launcher" and each.module.endswith(".cli"))


@pytest.mark.parametrize("room", SERVICE_SIDE)
def test_the_services_side_never_imports_ours(room: str) -> None:
    wrong = {(each.importer, each.module) for each in IMPORTS if each.room == room and room_of(each.module) in OUR_SIDE}

    assert wrong - {("platform_otel.launcher", "platform_otel.cli")} == set()


@pytest.mark.parametrize("room", ["collector", "demo"])
def test_the_other_process_never_imports_the_services_side(room: str) -> None:
    reached = {room_of(each.module) for each in IMPORTS if each.room == room}

    assert reached & set(SERVICE_SIDE) <= {"config", "errors"}


@pytest.mark.parametrize("room", ["config", "errors", "analysis"])
def test_config_errors_and_analysis_import_nothing_of_ours(room: str) -> None:
    assert {each.module for each in IMPORTS if each.room == room and room_of(each.module) not in ("", room)} == set()


@pytest.mark.parametrize("room", ["startup", "launcher"])
def test_startup_and_launcher_import_os_and_sys_before_there_is_something_to_do(room: str) -> None:
    at_once = {each.module for each in IMPORTS if each.room == room and each.at_once}

    assert {module for module in at_once if not module.startswith("platform_otel.config.")} == {"os", "sys"}


# What each room of the service's side may use: nobody uses a room that comes before it on the way to the exporter.
MAY_USE = {
    "process": {"config"},
    "http": {"config", "process"},
    "logs": {"config", "process"},
    "instrumentation": {"config", "process", "http", "logs"},
    "export": {"config", "process", "instrumentation", "analysis", "logs"},
    "tracing": {"config", "process", "http", "instrumentation", "export"},
    "startup": {"config", "process", "instrumentation", "tracing", "export", "logs"},
    "upstream": {"startup"},
    "launcher": {"config", "errors", "process", "cli"},
}


@pytest.mark.parametrize("room", MAY_USE)
def test_a_room_uses_those_on_its_way_and_no_other(room: str) -> None:
    used = {room_of(each.module) for each in IMPORTS if each.room == room} - {"", room}

    assert used - {"__version__"} <= MAY_USE[room]


def test_architecture_names_every_room_and_no_room_that_is_not_there() -> None:
    named = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(named) == sorted(rooms())


def test_every_room_says_what_is_inside() -> None:
    folders = [PACKAGE / room / "__init__.py" if room.endswith("/") else PACKAGE / room for room in rooms()]
    silent = [path for path in folders if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]

    assert silent == []
