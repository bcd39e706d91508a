"""One finder on sys.meta_path: calls a hook when a module has been imported."""

import _thread
import os
import sys

from platform_otel.process.guard import debug, guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Hook = Callable[[], object]

# Imports that come before the service's own code: they must not set anything off.
_BEFORE_THE_SERVICE = ("sitecustomize", "usercustomize")
_OURS = ("platform_otel", "opentelemetry")


class _Finder:
    """Finds nothing itself: asks the other finders and marks the loader of an awaited module."""

    def __init__(self) -> None:
        self.hooks: dict[str, list[Hook]] = {}
        self.first_foreign: Hook | None = None
        # Thread id -> modules whose hooks wait until that thread of ours has done importing.
        self.ours: dict[int, list[str]] = {}
        # Thread id -> how many awaited modules it is executing, one inside the other; and what waits for their end.
        self.executing: dict[int, int] = {}
        self.afterwards: dict[int, list[Hook]] = {}
        self.searching: set[tuple[str, int]] = set()

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if self.first_foreign is not None and self._is_foreign(name):
            hook, self.first_foreign = self.first_foreign, None
            _run(hook, "look for installed instrumentations")
        if name not in self.hooks:
            return None
        search = (name, _thread.get_ident())
        if search in self.searching:  # another finder asks the whole chain again
            return None
        self.searching.add(search)
        try:
            spec = self._find(name, path, target)
        finally:
            self.searching.discard(search)
        if spec is not None and spec.loader is not None:
            with guarded(f"watch the import of {name}"):
                _mark(spec.loader)
        return spec

    def _find(self, name: str, path: "Sequence[str] | None", target: "ModuleType | None") -> "ModuleSpec | None":
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                return spec
        return None

    def _is_foreign(self, name: str) -> bool:
        top = name.partition(".")[0]
        return (
            top not in sys.stdlib_module_names
            and top not in _OURS
            and top not in _BEFORE_THE_SERVICE
            and _thread.get_ident() not in self.ours
        )

    def fire(self, name: str) -> None:
        waiting = self.ours.get(_thread.get_ident())
        if waiting is not None:
            if name in self.hooks:
                waiting.append(name)
            return
        for hook in self.hooks.pop(name, ()):
            debug(f"{name} was imported")
            _bind(name)
            _run(hook, f"act on the import of {name}")

    def enter(self) -> int:
        thread = _thread.get_ident()
        self.executing[thread] = self.executing.get(thread, 0) + 1
        return thread

    def leave(self, thread: int) -> None:
        # The id from before: gevent's patch may have come in between, which counts greenlets instead of threads.
        self.executing[thread] = self.executing.get(thread, 1) - 1
        if self.executing[thread] <= 0:
            del self.executing[thread]
            for hook in self.afterwards.pop(thread, ()):
                _run(hook, "act on the end of an import")


_finder = _Finder()


def when_imported(name: str, hook: "Hook") -> None:
    """Call ``hook`` once, last in the execution of module ``name``; at once if it is there already."""
    if name in sys.modules:
        debug(f"{name} is imported already")
        _run(hook, f"act on the import of {name}")
        return
    _finder.hooks.setdefault(name, []).append(hook)
    debug(f"waiting for the import of {name}")
    _install()


def when_whole(hook: "Hook") -> None:
    """Call ``hook`` once no module that we await is half imported in this thread; at once if none is."""
    thread = _thread.get_ident()
    if thread in _finder.executing:
        _finder.afterwards.setdefault(thread, []).append(hook)
    else:
        _run(hook, "act on the end of an import")


def when_foreign_imported(hook: "Hook") -> None:
    """Call ``hook`` once, before the first import from outside the standard library."""
    _finder.first_foreign = hook
    _install()


class own_imports:  # noqa: N801  # used as a context manager, read as a phrase: with own_imports()
    """Inside, imports of this thread are ours, not the service's: they fire nothing.

    A module that the service would be traced by must not stay unhooked because we happened to import it
    first, so the hooks of what was imported run at the end of the block, when nothing is half imported.
    """

    def __enter__(self) -> None:
        _importing.acquire()
        waiting: list[str] = []
        self._outermost = _finder.ours.setdefault(_thread.get_ident(), waiting) is waiting

    def __exit__(self, *_: object) -> None:
        if self._outermost:
            for name in _finder.ours.pop(_thread.get_ident(), ()):
                _finder.fire(name)
        _importing.release()


# Held while a thread of ours imports. A child that is forked meanwhile would have that thread's module locks
# and not the thread, and hang at its own import of the same module: so a fork waits, but not for long.
_importing = _thread.RLock()
_held: list[bool] = []


def _before_fork() -> None:
    _held.append(_importing.acquire(timeout=1.0))


def _after_fork() -> None:
    if _held.pop():
        _importing.release()


def _in_the_child() -> None:
    _after_fork()
    # The system may give the id of a thread that is not here to a new one.
    current = _thread.get_ident()
    for of_threads in (_finder.ours, _finder.executing, _finder.afterwards):
        for thread in [thread for thread in of_threads if thread != current]:
            del of_threads[thread]
    _finder.searching = {search for search in _finder.searching if search[1] == current}


def _install() -> None:
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_the_child)


def _mark(loader: "Any") -> None:
    """Make this loader call the hooks after it has executed a module.

    An attribute of the instance, so that the loader stays what it is to everybody who looks at it:
    neither the module nor its spec ever names another one. Any: loaders share no base class.
    """
    if hasattr(loader, "exec_module"):  # else it has the load_module of old, and must keep doing without
        loader.exec_module = _hooked(loader)


def _hooked(loader: "Any") -> "Callable[[ModuleType], None]":
    def exec_module(module: "ModuleType") -> None:
        # Put the loader back first: one of a zip file loads many modules, and may be at work below us.
        loader.__dict__.pop("exec_module", None)
        thread = _finder.enter()
        try:
            loader.exec_module(module)
            _finder.fire(module.__name__)
        finally:
            _finder.leave(thread)

    return exec_module


def _bind(name: str) -> None:
    """Make "a.b" the attribute b of a, as the import system does a moment later: hooks reach the module through a.

    Where they run late, the package may have given the name to something else, and that stays.
    """
    parent, _, child = name.rpartition(".")
    package, module = sys.modules.get(parent), sys.modules.get(name)
    if package is not None and module is not None and child not in getattr(package, "__dict__", ()):
        try:
            setattr(package, child, module)
        except AttributeError:  # the import system will say so in its own way
            pass


def _run(hook: "Hook", doing: str) -> None:
    with guarded(doing):
        hook()
