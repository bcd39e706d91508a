"""A hook runs when its module has been imported, once, and nobody else notices."""

import sys
import textwrap
from pathlib import Path

import pytest

from tests.support import launch, run

# Every case runs in a child of its own: hooks and imported modules belong to a process.
PREAMBLE = """
import sys
from platform_otel.process.import_hooks import when_imported, when_foreign_imported, own_imports
def said(text):
    return lambda: print(text, sorted(vars(sys.modules[text.split()[-1]]).get("__all__", ["not run"])))
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder on the path with a few modules to import."""
    (tmp_path / "simple.py").write_text("__all__ = ['done']\n")
    (tmp_path / "broken.py").write_text("raise ValueError('broken at import')\n")
    (tmp_path / "outer.py").write_text("import simple\n__all__ = ['done']\n")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from package.inner import value\n__all__ = ['done']\n")
    (package / "inner.py").write_text("value = 1\n__all__ = ['done']\n")
    return tmp_path


def child(library: Path, code: str) -> list[str]:
    outcome = run(sys.executable, "-c", PREAMBLE + textwrap.dedent(code), PYTHONPATH=str(library))
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.splitlines()


def test_a_hook_runs_last_in_the_modules_own_execution(library: Path) -> None:
    printed = child(library, "when_imported('simple', said('simple')); import simple; print('imported')")

    assert printed == ["simple ['done']", "imported"]


def test_a_hook_runs_at_once_for_a_module_that_is_there(library: Path) -> None:
    assert child(library, "import simple; when_imported('simple', said('simple')); print('after')") == [
        "simple ['done']",
        "after",
    ]


def test_hooks_of_nested_imports_run_from_the_inside_out(library: Path) -> None:
    printed = child(library, "[when_imported(n, said(n)) for n in ('outer', 'simple')]; import outer")

    assert printed == ["simple ['done']", "outer ['done']"]


def test_a_submodule_has_its_own_hook(library: Path) -> None:
    printed = child(library, "[when_imported(n, said(n)) for n in ('package', 'package.inner')]; import package")

    assert printed == ["package.inner ['done']", "package ['done']"]


def test_a_hook_runs_once_however_often_the_module_is_imported_or_reloaded(library: Path) -> None:
    code = """
        import importlib
        when_imported('simple', said('simple'))
        import simple
        importlib.reload(simple)
        del sys.modules['simple']
        import simple
    """
    assert child(library, code) == ["simple ['done']"]


def test_the_hook_of_a_module_that_fails_waits_for_a_better_time(library: Path) -> None:
    code = f"""
        when_imported('broken', said('broken'))
        try:
            import broken
        except ValueError as error:
            print(error)
        open({str(library / "broken.py")!r}, 'w').write("__all__ = ['mended']")
        import broken
    """
    assert child(library, code) == ["broken at import", "broken ['mended']"]


def test_the_loader_is_the_modules_own(library: Path) -> None:
    code = """
        import importlib.util
        looked_up = importlib.util.find_spec('simple')
        when_imported('simple', lambda: None)
        found = importlib.util.find_spec('simple')
        import simple
        for loader in (found.loader, simple.__loader__, simple.__spec__.loader):
            print(type(loader) is type(looked_up.loader), type(loader).__name__)
        print('exec_module' in vars(simple.__loader__), simple.__spec__.origin == looked_up.origin)
    """
    assert child(library, code) == ["True SourceFileLoader"] * 3 + ["False True"]


def test_looking_for_a_module_without_importing_it_runs_nothing(library: Path) -> None:
    code = """
        import importlib.util
        when_imported('simple', said('simple'))
        print(importlib.util.find_spec('simple') is not None, importlib.util.find_spec('no_such_module'))
    """
    assert child(library, code) == ["True None"]


def test_a_module_in_a_zip_file_has_its_hook(library: Path) -> None:
    code = f"""
        import zipfile
        with zipfile.ZipFile({str(library / "all.zip")!r}, 'w') as archive:
            archive.writestr('zipped.py', "import zipped_inside\\n__all__ = ['done']")
            archive.writestr('zipped_inside.py', "__all__ = ['done']")
        sys.path.insert(0, {str(library / "all.zip")!r})
        [when_imported(n, said(n)) for n in ('zipped', 'zipped_inside')]
        import zipped
    """
    assert child(library, code) == ["zipped_inside ['done']", "zipped ['done']"]


def test_a_lazily_loaded_module_runs_its_hook_when_it_is_executed(library: Path) -> None:
    code = """
        import importlib.util
        when_imported('simple', said('simple'))
        spec = importlib.util.find_spec('simple')
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules['simple'] = module
        spec.loader.exec_module(module)
        print('not yet executed')
        module.__all__
    """
    assert child(library, code) == ["not yet executed", "simple ['done']"]


def test_another_finder_that_asks_the_whole_chain_again_finds_the_module(library: Path) -> None:
    code = """
        import importlib.util
        class Asking:
            busy = False
            def find_spec(self, name, path=None, target=None):
                if self.busy:
                    return None
                self.busy = True
                try:
                    return importlib.util.find_spec(name)
                finally:
                    self.busy = False
        when_imported('simple', said('simple'))
        sys.meta_path.insert(0, Asking())
        import simple
    """
    assert child(library, code) == ["simple ['done']"]


def test_many_threads_importing_at_once_run_a_hook_once(library: Path) -> None:
    code = """
        import threading
        when_imported('package', said('package'))
        gate = threading.Barrier(8)
        def task():
            gate.wait()
            import package
        threads = [threading.Thread(target=task) for _ in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    """
    assert child(library, code) == ["package ['done']"]


def test_our_own_imports_fire_nothing_until_they_are_done(library: Path) -> None:
    code = """
        when_imported('simple', said('simple'))
        with own_imports():
            import outer
            print('nothing half imported')
    """
    assert child(library, code) == ["nothing half imported", "simple ['done']"]


def test_our_own_imports_in_one_thread_leave_the_others_alone(library: Path) -> None:
    code = """
        import threading
        when_imported('package', said('package'))
        with own_imports():
            thread = threading.Thread(target=__import__, args=('package',))
            thread.start()
            thread.join()
            print('still inside')
    """
    assert child(library, code) == ["package ['done']", "still inside"]


def test_what_waits_for_whole_modules_runs_after_the_outermost(library: Path) -> None:
    code = """
        from platform_otel.process.import_hooks import when_whole
        when_imported('outer', said('outer'))
        when_imported('simple', lambda: when_whole(said('whole outer')))
        import outer
        when_whole(lambda: print('at once'))
    """
    assert child(library, code) == ["outer ['done']", "whole outer ['done']", "at once"]


def test_the_first_foreign_import_is_noticed_once_and_the_standard_librarys_is_not(library: Path) -> None:
    code = """
        when_foreign_imported(lambda: print('foreign'))
        import json, sqlite3, platform_otel.errors
        print('standard library only')
        import simple, package
    """
    assert child(library, code) == ["standard library only", "foreign"]


HOOKS_THAT_FAIL = [
    "raise ValueError('no')",
    "raise SystemExit(3)",
    "raise RecursionError('deep')",
    "raise MemoryError",
    "class Odd(BaseException): pass\n    raise Odd('odd')",
    "class Hostile(Exception):\n        def __str__(self): raise ValueError\n    raise Hostile()",
    "import sys; sys.exit('message')",
]


@pytest.mark.parametrize("body", HOOKS_THAT_FAIL)
def test_a_hook_that_raises_anything_costs_one_line_and_harms_no_other_hook(library: Path, body: str) -> None:
    code = f"""
from platform_otel.process.import_hooks import when_imported
def failing():
    {body}
when_imported('simple', failing)
when_imported('simple', lambda: print('the other hook'))
import simple
print('the service goes on')
"""
    outcome = run(sys.executable, "-c", code, PYTHONPATH=str(library), PLATFORM_TRACE_STRICT=None)

    assert (outcome.returncode, outcome.stdout) == (0, "the other hook\nthe service goes on\n")
    assert len(outcome.stderr.splitlines()) == 1
    assert outcome.stderr.startswith("platform-trace: could not act on the import of simple: ")


def test_ctrl_c_during_a_hook_reaches_the_service(library: Path) -> None:
    code = """
import os, signal
from platform_otel.process.import_hooks import when_imported
when_imported('simple', lambda: os.kill(os.getpid(), signal.SIGINT))
try:
    import simple
except KeyboardInterrupt:
    print('interrupted')
"""
    assert run(sys.executable, "-c", code, PYTHONPATH=str(library)).stdout == "interrupted\n"


def test_the_exit_that_a_servers_signal_handler_raises_during_a_hook_ends_the_server(library: Path) -> None:
    code = """
import os, signal, sys
from platform_otel.process.import_hooks import when_imported
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
when_imported('simple', lambda: os.kill(os.getpid(), signal.SIGTERM))
import simple
print('not reached')
"""
    outcome = run(sys.executable, "-c", code, PYTHONPATH=str(library), PLATFORM_TRACE_STRICT=None)

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (7, "", "")


def test_the_launched_process_has_one_finder_of_ours_and_it_is_the_first() -> None:
    outcome = launch(sys.executable, "-c", "import sys; print([type(f).__module__ for f in sys.meta_path][0])")

    assert outcome.stdout == "platform_otel.process.import_hooks\n"
