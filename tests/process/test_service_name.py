"""A service is called what its user says, else what its command line says, else as its parent."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.config import PARENT_SERVICE_NAME
from platform_otel.process.service_name import UNKNOWN, infer, service_name
from tests.receiver import Receiver
from tests.support import SERVICES, exporting_to, launch, received

HERE = "/srv/platform"
UNNAMED = ""
# As pip writes it.
CONSOLE_SCRIPT = """\
#!/venv/bin/python
import sys
from identity.main import run
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(run())
"""
# As Django writes it.
MANAGE = """\
#!/usr/bin/env python
def main():
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'identity.settings')
"""
OF_MANY = MANAGE.replace("identity", "config")


class Case(NamedTuple):
    """A command line and the name that it says; ``folder`` is where it is started."""

    command: str
    name: str
    environ: Mapping[str, str] = {}
    folder: str = HERE
    # The text of scripts, by their paths.
    scripts: Mapping[str, str] = {}

    def words(self) -> list[str]:
        return shlex.split(self.command)

    def read(self, path: str) -> str:
        return self.scripts.get(path, "")


# What a traced process sees of itself: sys.orig_argv.
OF_PROCESSES = [
    # uvicorn
    Case("python /venv/bin/uvicorn identity.main:app", "identity"),
    Case("python /venv/bin/uvicorn --host 0.0.0.0 --port 80 identity.main:app --workers 4", "identity"),
    Case("python /venv/bin/uvicorn --reload --proxy-headers --no-access-log identity.main:app", "identity"),
    Case("python /venv/bin/uvicorn --factory identity.main:create_app --log-config=log.yaml", "identity"),
    Case("python /venv/bin/uvicorn main:app", "identity", folder="/srv/identity"),
    Case("python /venv/bin/uvicorn --app-dir services/identity main:app", "identity"),
    Case("python /venv/bin/uvicorn app.main:app", "identity", folder="/srv/identity/src"),
    Case("python /venv/bin/uvicorn app.main:app", UNNAMED, folder="/app"),
    Case("python /venv/bin/uvicorn app.api.v1.main:app", "identity", folder="/home/deploy/identity"),
    Case("python /venv/bin/uvicorn src.identity.main:app", "identity"),
    Case("python /venv/bin/uvicorn services.identity.main:app", "identity"),
    Case("python /venv/bin/uvicorn llm_gateway.main:app", "llm_gateway"),
    Case("python /venv/bin/uvicorn", "identity", {"UVICORN_APP": "identity.main:app"}),
    Case("python -m uvicorn identity.main:app", "identity"),
    # gunicorn
    Case("python /venv/bin/gunicorn identity.wsgi", "identity"),
    Case("python /venv/bin/gunicorn -w4 -b 0.0.0.0:80 --preload identity.wsgi:application", "identity"),
    Case("python /venv/bin/gunicorn -k uvicorn.workers.UvicornWorker identity.main:app", "identity"),
    Case("python /venv/bin/gunicorn identity.app:create_app('production')", "identity"),
    Case("python /venv/bin/gunicorn -c conf.py identity.wsgi", "identity"),
    Case("python /venv/bin/gunicorn -c python:identity.gunicorn_settings identity.wsgi", "identity"),
    # The application is then in the configuration file, as wsgi_app.
    Case("python /venv/bin/gunicorn -c conf.py", "identity", folder="/srv/identity"),
    Case("python /venv/bin/gunicorn -c conf.py", UNNAMED, folder="/app"),
    Case("python /venv/bin/gunicorn -c conf.py -n identity", "identity", folder="/app"),
    Case("python /venv/bin/gunicorn", "identity", {"GUNICORN_CMD_ARGS": "--name=identity -c conf.py"}, "/app"),
    Case("python /venv/bin/gunicorn app:app", "identity", {"GUNICORN_CMD_ARGS": "--chdir services/identity"}),
    Case("python /venv/bin/gunicorn --chdir services/identity app:app", "identity"),
    Case("python /venv/bin/gunicorn -n identity app:app", "identity", folder="/app"),
    Case("python /venv/bin/gunicorn --name=identity app:app", "identity", folder="/srv/platform"),
    Case("python /venv/bin/gunicorn -n web1 identity.wsgi", "identity"),
    Case("python /venv/bin/gunicorn -n app app:app", "identity", folder="/srv/identity"),
    Case("python -m gunicorn --workers=4 identity.wsgi", "identity"),
    # hypercorn, granian, daphne, waitress, sanic
    Case("python /venv/bin/hypercorn --bind 0.0.0.0:80 --reload identity.main:app", "identity"),
    Case("python -m hypercorn -w 4 --access-logfile - identity.main:app", "identity"),
    Case("python -m hypercorn file:identity/app.py:app", "identity", folder="/app"),
    Case("python -m hypercorn wsgi:identity.app:app", "identity", folder="/app"),
    Case("python -m hypercorn asgi:identity.app:app", "identity", folder="/app"),
    Case("python -m hypercorn wsgi:app", "identity", folder="/srv/identity"),
    Case("python /venv/bin/granian --interface asgi --ws identity.main:app --port 80", "identity"),
    Case("python /venv/bin/granian --no-ws --working-dir /srv/identity main:app", "identity"),
    Case("python /venv/bin/granian --process-name identity main:app", "identity", folder="/app"),
    Case("python /venv/bin/daphne -b 0.0.0.0 -p 80 -v 2 --access-log - --proxy-headers identity.asgi:app", "identity"),
    Case("python /venv/bin/waitress-serve --listen=*:80 --call identity.wsgi:create_app", "identity"),
    Case("python /venv/bin/sanic identity.server:app --host 0.0.0.0 --fast", "identity"),
    Case("python -m aiohttp.web -H localhost -P 80 identity.main:init", "identity"),
    # flask, fastapi and others that take an application
    Case("python /venv/bin/flask --app identity run", "identity"),
    Case("python /venv/bin/flask --app=identity.wsgi:create_app run --debug", "identity"),
    Case("python /venv/bin/flask -A identity/app.py run", "identity"),
    Case("python /venv/bin/flask run", "identity", {"FLASK_APP": "identity.app"}),
    Case("python -m flask run", "identity", folder="/srv/identity"),
    Case("python /venv/bin/quart --app identity.main run", "identity"),
    Case("python /venv/bin/litestar --app identity.main:app run", "identity"),
    Case("python /venv/bin/fastapi run identity/main.py", "identity"),
    Case("python /venv/bin/fastapi dev identity.py --reload --port 80", "identity"),
    Case("python /venv/bin/fastapi run app/main.py --workers 4", "identity", folder="/srv/identity"),
    Case("python /venv/bin/fastapi run --entrypoint identity.main:app", "identity"),
    Case("python -m fastapi run", "identity", folder="/srv/identity"),
    Case("python /venv/bin/streamlit run identity/app.py --server.port 80", "identity"),
    # celery and other workers
    Case("python /venv/bin/celery -A identity worker", "identity"),
    Case("python /venv/bin/celery -A identity.celery_app:app beat --loglevel=info", "identity"),
    Case("python -m celery --app=identity worker -c 4 -n worker1@%h", "identity"),
    Case("python /venv/bin/celery --workdir services/identity -A tasks worker", "identity"),
    Case("python /venv/bin/celery worker", "identity", {"APP": "identity"}),
    Case("python /venv/bin/dramatiq --processes 2 identity.tasks", "identity"),
    Case("python /venv/bin/arq --burst identity.worker.WorkerSettings", "identity"),
    Case("python /venv/bin/taskiq worker --workers 2 identity.tasks:broker", "identity"),
    # Django
    Case("python manage.py runserver", "identity", {"DJANGO_SETTINGS_MODULE": "identity.settings"}),
    Case("python manage.py runserver --settings=identity.settings.production", "identity"),
    Case("python services/identity/manage.py runserver 0.0.0.0:80", "identity"),
    Case("python manage.py runserver", "identity", {"DJANGO_SETTINGS_MODULE": "config.settings"}, "/srv/identity"),
    Case("python manage.py runserver", "identity", scripts={"/app/manage.py": MANAGE}, folder="/app"),
    Case("python /app/manage.py runserver", "identity", scripts={"/app/manage.py": MANAGE.replace("'", '"')}),
    Case(
        "python manage.py runserver", "identity", scripts={"/srv/identity/manage.py": OF_MANY}, folder="/srv/identity"
    ),
    Case("python manage.py runserver", UNNAMED, scripts={"/app/manage.py": "DJANGO_SETTINGS_MODULE"}, folder="/app"),
    Case("python -m django runserver --settings identity.settings", "identity"),
    Case("python /venv/bin/django-admin runserver", "identity", {"DJANGO_SETTINGS_MODULE": "identity.settings"}),
    # Modules
    Case("python -m identity", "identity"),
    Case("python -m identity.server --port 80", "identity"),
    Case("python -m identity.v2.server", "identity"),
    Case("python -m services.identity", "identity"),
    Case("python -m app", "identity", folder="/srv/identity"),
    Case("python -m http.server", UNNAMED),
    Case("python -m json.tool data.json", UNNAMED),
    Case("python -m pytest tests", "pytest"),
    # Scripts
    Case("python services/identity/app.py", "identity"),
    Case("python /srv/identity/main.py --port 80", "identity"),
    Case("python server.py", "identity", folder="/srv/identity"),
    Case("python ./wsgi.py", "identity", folder="/srv/identity/app"),
    Case("python ../identity/main.py", "identity"),
    Case("python identity.py", "identity"),
    Case("python identity.v2.py", "identity.v2"),
    Case("python services/identity/__main__.py", "identity"),
    Case("python services/identity/worker.py", "identity"),
    Case("python main.py", UNNAMED, folder="/usr/src/app"),
    Case("python main.py", UNNAMED, folder="/home/alice"),
    Case("python services/identity", "identity"),
    Case("python services/identity/", "identity"),
    Case("python .", "identity", folder="/srv/identity"),
    Case("python identity.pyz serve", "identity"),
    Case("python /srv/identity/dist/app.pyz", "identity"),
    Case("python '/srv/my services/the identity/app.py'", "the identity"),
    # Releases
    Case("python /srv/identity/releases/20240101120000/app.py", "identity"),
    Case("python /srv/identity/releases/2024-01-01T12:00:00Z/app.py", "identity"),
    Case("python /srv/identity/current/app.py", "identity"),
    Case("python app.py", "identity", folder="/srv/identity/current/src"),
    Case("python /srv/identity/versions/42/main.py", "identity"),
    Case("python /srv/identity/release-42/main.py", "identity"),
    Case("python /srv/identity/v1.2.3/main.py", "identity"),
    Case("python /srv/identity/1.4.0rc1/main.py", "identity"),
    Case("python /srv/identity-1.4.0/main.py", "identity"),
    Case("python /srv/identity/9fceb02d0ae598e95dc970b74767f19372d61af8/main.py", "identity"),
    Case("python /srv/identity/9fceb02/main.py", "identity"),
    Case("python /srv/identity/0a947273-7214-4824-8411-875ebd7626e4/main.py", "identity"),
    Case("python /srv/identity/app2/worker3.py", "identity"),
    Case("python -m identity.v3.server", "identity"),
    Case("python /opt/app-root/src/app.py", UNNAMED),
    Case("python /venv/lib/python3.11/site-packages/app.py", UNNAMED),
    # Names with numbers in them that are names
    Case("python /srv/2fa/main.py", "2fa"),
    Case("python /srv/facade/main.py", "facade"),
    Case("python /srv/feed2023/main.py", "feed2023"),
    Case("python /srv/3d-models/main.py", "3d-models"),
    Case("python /srv/identity-2/main.py", "identity-2"),
    Case("python /srv/identity2/app.py", "identity2"),
    # Names that say a little
    Case("python /venv/bin/uvicorn backend.main:app", "identity", folder="/srv/identity"),
    Case("python /venv/bin/uvicorn backend.main:app", "backend", folder="/app"),
    Case("python /srv/identity/backend/main.py", "identity"),
    Case("python /venv/bin/gunicorn config.wsgi", "identity", folder="/srv/identity"),
    Case("python /venv/bin/gunicorn core.wsgi", "core", folder="/app"),
    # Console scripts
    Case("/venv/bin/python /venv/bin/identity-server --port 80", "identity-server"),
    Case("python /venv/bin/server", "identity", scripts={"/venv/bin/server": CONSOLE_SCRIPT}),
    Case("python bin/server", "identity", folder="/venv", scripts={"/venv/bin/server": CONSOLE_SCRIPT}),
    Case("python /venv/bin/server", UNNAMED, scripts={"/venv/bin/server": "from flask import Flask\nimport sys\n"}),
    Case("python /srv/identity/.venv/bin/server", "identity"),
    Case("python /usr/local/bin/start", UNNAMED),
    # Where a .pex file unpacks itself
    Case("python /home/ada/.cache/pex/unzipped_pexes/4/9d1a3f7b2c0e --port 80", UNNAMED, folder="/srv/identity"),
    Case("python /home/ada/.cache/pex/unzipped_pexes/4/9d1a3f7b2c0e/__main__.py", UNNAMED),
    Case("/x/venvs/1f/2a/bin/python /home/ada/.cache/pex/venvs/1f/2a/pex --port 80", UNNAMED),
    Case("python /srv/identity.pex --port 80", "identity"),
    # Options of the interpreter
    Case("python -u -B -O identity.py", "identity"),
    Case("python -X dev -W error::UserWarning identity.py", "identity"),
    Case("python -Xfrozen_modules=off -Wignore -m identity", "identity"),
    Case("python -uX dev identity.py", "identity"),
    Case("python -Im identity.server", "identity"),
    Case("python -midentity.server", "identity"),
    Case("python --check-hash-based-pycs always identity.py", "identity"),
    Case("python -- identity.py", "identity"),
    # Programs in the same interpreter
    Case("python -m cProfile -o out.prof -m uvicorn identity.main:app", "identity"),
    Case("python -m pdb -c continue services/identity/app.py", "identity"),
    Case("python -m debugpy --listen 0.0.0.0:5678 --wait-for-client -m uvicorn identity.main:app", "identity"),
    Case("python /venv/bin/coverage run --branch --rcfile x.toml -m identity", "identity"),
    # Nothing is said
    Case("python", UNNAMED),
    Case("python -", UNNAMED),
    Case("python -i", UNNAMED),
    Case("python -m", UNNAMED),
    Case("python -c 'import identity' identity.py", UNNAMED),
    Case("", UNNAMED),
    # Children of multiprocessing and of loky, on whose command line nothing is a service
    Case(
        "python -B -c 'from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=4, pipe_handle=6)' "
        "--multiprocessing-fork",
        UNNAMED,
    ),
    Case("python -c 'from multiprocessing.forkserver import main; main(3, 5, [], **{})'", UNNAMED),
    Case("python -c 'from multiprocessing.resource_tracker import main;main(5)'", UNNAMED),
    Case("python -m loky.backend.popen_loky_posix --process-name LokyProcess-1 --pipe 14", UNNAMED),
    # Supervisors and launchers that are Python programs themselves
    Case("python /venv/bin/honcho start", UNNAMED),
    Case("python /usr/bin/supervisord -n -c /etc/supervisord.conf", UNNAMED),
    Case("python /usr/bin/poetry run uvicorn identity.main:app", UNNAMED),
]


@pytest.mark.parametrize("case", OF_PROCESSES, ids=lambda case: f"{case.command} in {case.folder}")
def test_a_command_line_names_its_service(case: Case) -> None:
    expected = (case.name, "command line") if case.name else (UNKNOWN, "default")

    assert service_name(case.environ, case.words(), case.folder, case.read) == expected


# --- the order --------------------------------------------------------------------------------------------------------

SOURCES = [
    ("OTEL_SERVICE_NAME", "from-otel", "OTEL_SERVICE_NAME"),
    ("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-attributes,x=y", "OTEL_RESOURCE_ATTRIBUTES"),
    ("K_SERVICE", "from-cloud-run", "K_SERVICE"),
    ("AWS_LAMBDA_FUNCTION_NAME", "from-lambda", "AWS_LAMBDA_FUNCTION_NAME"),
    ("WEBSITE_SITE_NAME", "from-azure", "WEBSITE_SITE_NAME"),
    ("FLY_APP_NAME", "from-fly", "FLY_APP_NAME"),
    ("HEROKU_APP_NAME", "from-heroku", "HEROKU_APP_NAME"),
    ("RENDER_SERVICE_NAME", "from-render", "RENDER_SERVICE_NAME"),
    ("RAILWAY_SERVICE_NAME", "from-railway", "RAILWAY_SERVICE_NAME"),
]
SAID = {"service.name=from-attributes,x=y": "from-attributes"}


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_what_the_user_sets_wins_in_a_written_order(first: int) -> None:
    environ = {variable: value for variable, value, _ in SOURCES[first:]} | {PARENT_SERVICE_NAME: "parent"}
    _, value, source = SOURCES[first]

    assert service_name(environ, ["python", "identity.py"]) == (SAID.get(value, value), source)


def test_the_command_line_wins_over_the_parent_and_the_parent_over_nothing() -> None:
    environ = {PARENT_SERVICE_NAME: "parent"}

    assert service_name(environ, ["python", "identity.py"]) == ("identity", "command line")
    assert service_name(environ, ["python", "-c", "pass"]) == ("parent", "parent process")
    assert service_name({}, ["python", "-c", "pass"]) == (UNKNOWN, "default")


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_variable_says_nothing(blank: str) -> None:
    environ = {variable: blank for variable, _, _ in SOURCES} | {"OTEL_RESOURCE_ATTRIBUTES": "service.name="}

    assert service_name(environ, ["python", "identity.py"]) == ("identity", "command line")


def test_resource_attributes_that_cannot_be_read_say_nothing() -> None:
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=lost,broken"}

    assert service_name(environ, ["python", "identity.py"]) == ("identity", "command line")


CHILD_SEES = f"import os; print(os.environ.get({PARENT_SERVICE_NAME!r}), os.environ.get('OTEL_SERVICE_NAME'))"


@pytest.mark.parametrize(
    "arguments, parent, said",
    [(("identity.py",), {}, "identity explicit"), (("-c", CHILD_SEES), {PARENT_SERVICE_NAME: "gate"}, "gate explicit")],
)
def test_a_process_leaves_the_name_that_it_inferred_and_nothing_else(
    tmp_path: Path, arguments: tuple[str, ...], parent: Mapping[str, str], said: str
) -> None:
    (tmp_path / "identity.py").write_text(CHILD_SEES)
    outcome = launch(sys.executable, *arguments, cwd=tmp_path, OTEL_SERVICE_NAME="explicit", **parent)

    assert outcome.stdout == f"{said}\n"


# --- odd input --------------------------------------------------------------------------------------------------------


def test_a_name_that_is_not_utf8_can_still_be_sent() -> None:
    argv = ["python", os.fsdecode(b"/srv/identit\xe9.py")]

    assert service_name({}, argv) == ("identit?", "command line")
    assert service_name({"OTEL_SERVICE_NAME": os.fsdecode(b"\xe9")}, argv) == ("?", "OTEL_SERVICE_NAME")


def test_a_name_in_any_script_stays_as_it_is() -> None:
    assert infer(["python", "/srv/идентичность/app.py"], {}) == "идентичность"


def test_a_name_in_any_script_stays_as_it_is_where_the_locale_is_ascii(tmp_path: Path) -> None:
    folder = tmp_path / "идентичность"
    folder.mkdir()
    (folder / "main.py").write_text(
        "import sys; from platform_otel.process.service_name import name_of_this_process\n"
        "print(sys.getfilesystemencoding(), ascii(name_of_this_process()[0]))\n"
    )
    outcome = launch(
        *(sys.executable, folder / "main.py"), LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", cwd=tmp_path
    )

    assert outcome.stdout == f"ascii {'идентичность'!a}\n"


def test_no_argv_at_all_names_nothing() -> None:
    assert service_name({}, []) == (UNKNOWN, "default")


words = st.one_of(
    st.text(),
    st.sampled_from(
        ["python", "-m", "-c", "-X", "--", "-", "uvicorn", "gunicorn", "-A", "--app", "-n", "celery", "pdb",
         "manage.py", "/venv/bin/server", "wsgi:", "file:a/b.py:app", "v1.2"]
    ),
)  # fmt: skip


@given(st.lists(words), st.text())
def test_whatever_the_words_there_is_a_name_that_can_be_sent(argv: list[str], script: str) -> None:
    name, _ = service_name({}, argv, HERE, lambda path: script)

    assert name.encode()


# --- real processes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_is_its_parents_service(receiver: Receiver, tmp_path: Path, method: str) -> None:
    service = tmp_path / "identity"
    service.mkdir()
    shutil.copy(SERVICES / "start_child.py", service / "main.py")
    launch(sys.executable, "main.py", method, cwd=service, PYTHONPATH=str(SERVICES), **exporting_to(receiver))

    [span] = received(receiver, 1)
    assert span.service == "identity"


def test_a_service_that_changes_its_folder_keeps_its_name_and_so_do_its_children(
    receiver: Receiver, tmp_path: Path
) -> None:
    service = tmp_path / "identity"
    service.mkdir()
    shutil.copy(SERVICES / "change_folder.py", service / "main.py")
    variables = exporting_to(receiver, OTEL_LOG_LEVEL="info")
    outcome = launch(sys.executable, "main.py", cwd=service, PYTHONPATH=str(SERVICES), **variables)
    foretold = service_name({}, [sys.executable, "main.py"], str(service))

    assert [span.service for span in received(receiver, 3)] == ["identity"] * 3
    assert re.findall("platform-trace: service ([^:,]*)", outcome.stderr) == ["identity"] * 2
    assert foretold == ("identity", "command line")


def test_what_a_service_sets_for_itself_before_its_first_span_counts(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "identity.py").write_text(
        "import os, child_task\nos.environ['OTEL_SERVICE_NAME'] = 'from-dotenv'\nchild_task.work()\n"
    )
    launch(sys.executable, "identity.py", cwd=tmp_path, PYTHONPATH=str(SERVICES), **exporting_to(receiver))

    assert [span.service for span in received(receiver, 1)] == ["from-dotenv"]


def test_two_services_under_one_supervisor_have_their_own_names(receiver: Receiver, tmp_path: Path) -> None:
    for name in ("identity", "meter"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text("import child_task\nchild_task.work()\n")
    commands = [f"{sys.executable} {name}/app.py" for name in ("identity", "meter")]
    anonymous = f"{sys.executable} -c 'import child_task; child_task.work()'"
    supervise = (sys.executable, str(SERVICES / "supervisor.py"), *commands, anonymous)
    outcome = launch(*supervise, cwd=tmp_path, PYTHONPATH=str(SERVICES), **exporting_to(receiver))

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert sorted(span.service for span in received(receiver, 3)) == ["identity", "meter", "supervisor"]


def test_what_the_user_sets_reaches_every_process(receiver: Receiver, tmp_path: Path) -> None:
    code = "import child_task; child_task.work()"
    supervise = (sys.executable, str(SERVICES / "supervisor.py"), f"{sys.executable} -c '{code}'")
    variables = exporting_to(receiver, OTEL_SERVICE_NAME="explicit")
    launch(*supervise, cwd=tmp_path, PYTHONPATH=str(SERVICES), **variables)

    assert [span.service for span in received(receiver, 1)] == ["explicit"]
