"""A service is called what its user says, else what its command line says, else as its parent."""

import json
import os
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
from platform_otel.demo.receiver import Receiver
from platform_otel.process.launch_command import launched
from platform_otel.process.service_name import UNKNOWN, infer, pass_on, service_name
from tests.support import SERVICES, exporting_to, launch, received

HERE = "/srv/platform"
UNNAMED = ""


class Case(NamedTuple):
    """A command line and the name that it says; ``folder`` is where it is started."""

    command: str
    name: str
    environ: Mapping[str, str] = {}
    folder: str = HERE
    # What installed console scripts call, by their names.
    scripts: Mapping[str, str] = {}

    def words(self) -> list[str]:
        return shlex.split(self.command)

    def console_script(self, name: str) -> str:
        return self.scripts.get(name, "")


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
    Case("python -m gunicorn --workers=4 identity.wsgi", "identity"),
    # hypercorn, granian, daphne, waitress, sanic
    Case("python /venv/bin/hypercorn --bind 0.0.0.0:80 --reload identity.main:app", "identity"),
    Case("python -m hypercorn -w 4 --access-logfile - identity.main:app", "identity"),
    Case("python /venv/bin/granian --interface asgi --ws identity.main:app --port 80", "identity"),
    Case("python /venv/bin/granian --no-ws --working-dir /srv/identity main:app", "identity"),
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
    # Console scripts
    Case("/venv/bin/python /venv/bin/identity-server --port 80", "identity-server"),
    Case("python /venv/bin/server", "identity", scripts={"server": "identity.main"}),
    Case("python /srv/identity/.venv/bin/server", "identity"),
    Case("python /usr/local/bin/start", UNNAMED),
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

# What people write into deployment files: launch commands.
OF_LAUNCHES = [
    Case("uvicorn identity.main:app", "identity"),
    Case("/venv/bin/gunicorn -c conf.py identity.wsgi", "identity"),
    Case("identity-server --port 80", "identity-server"),
    Case("server", "identity", scripts={"server": "identity.main"}),
    Case("./services/identity/app.py", "identity"),
    Case("/venv/bin/python3.12 -m identity", "identity"),
    Case("sh -c 'uvicorn identity.main:app'", "identity"),
    Case("sh -c 'exec uvicorn identity.main:app --port ${PORT:-80}'", "identity"),
    Case("/bin/sh -ec 'alembic upgrade head && exec uvicorn identity.main:app'", "identity"),
    Case("bash -lc 'cd services/identity; python app.py 2>&1 | tee log'", "identity"),
    Case("bash -c 'source venv/bin/activate\nexport FLASK_APP=identity\nflask run > log'", "identity"),
    Case("bash -o pipefail -c 'FLASK_APP=identity flask run; true'", "identity"),
    Case("sh -c 'python services/$NAME/app.py'", "identity", {"NAME": "identity"}),
    Case("""sh -c 'exec "$@"' sh uvicorn identity.main:app""", "identity"),
    Case("""sh -c 'exec "$0" "$1"' uvicorn identity.main:app""", "identity"),
    Case("env X=1 uvicorn identity.main:app", "identity"),
    Case("env -i -u Y FLASK_APP=identity flask run", "identity", {"FLASK_APP": "other"}),
    Case("env -C services/identity python main.py", "identity"),
    Case("/usr/bin/env -S 'X=1 python -u' services/identity/app.py", "identity"),
    Case("env OTEL_SERVICE_NAME=identity uvicorn other.main:app", "identity"),
    Case("uv run uvicorn identity.main:app", "identity"),
    Case("uv run --extra prod --no-dev -- gunicorn identity.wsgi", "identity"),
    Case("uv run services/identity/app.py", "identity"),
    Case("uv run -m identity.server", "identity"),
    Case("uv --directory services/identity run uvicorn main:app", "identity"),
    Case("uvx --from identity identity-server", "identity-server"),
    Case("uv tool run identity-server", "identity-server"),
    Case("poetry run flask --app identity run", "identity"),
    Case("poetry -C services run uvicorn identity.main:app", "identity"),
    Case("pdm run uvicorn identity.main:app", "identity"),
    Case("pipenv run gunicorn identity.wsgi", "identity"),
    Case("hatch run production:uvicorn identity.main:app", "identity"),
    Case("conda run -n identity --no-capture-output python -m identity", "identity"),
    Case("dotenv -f .env run -- uvicorn identity.main:app", "identity"),
    Case("nohup nice -n 10 timeout -k 5 60 uvicorn identity.main:app", "identity"),
    Case("tini -g -- gosu app uvicorn identity.main:app", "identity"),
    Case("sudo -E -u app FLASK_APP=identity flask run", "identity"),
    Case("opentelemetry-instrument --traces_exporter otlp uvicorn identity.main:app", "identity"),
    Case("platform-trace --service-name identity -- uvicorn other.main:app", "identity"),
    Case("platform-trace run uvicorn identity.main:app", "identity"),
]

# Where nobody can tell without running it, and why.
UNCLEAR = {
    "": "there is no command",
    "env X=1": "there is no command",
    "sh -c": "there is no command",
    "sh start.sh": "start.sh is a shell script",
    "./entrypoint.sh serve": "entrypoint.sh is a shell script",
    "bash": "the shell reads its standard input",
    "make serve": "make decides what it starts",
    "docker compose up": "docker decides what it starts",
    "honcho start": "honcho decides what it starts",
    "sh -c 'uvicorn gate.main:app & uvicorn meter.main:app'": "the shell starts several programs",
    "sh -c 'if true; then uvicorn gate.main:app; fi'": "the shell's command line is a program of its own",
    "sh -c 'uvicorn $(cat application)'": "the shell's command line is a program of its own",
    "sh -c 'uvicorn \"gate'": "the shell's command line has a quotation that does not end",
}


def in_bin(name: str) -> str:
    return name if "/" in name else f"/venv/bin/{name}"


@pytest.mark.parametrize("case", OF_PROCESSES, ids=lambda case: f"{case.command} in {case.folder}")
def test_a_command_line_names_its_service(case: Case) -> None:
    expected = (case.name, "command line") if case.name else (UNKNOWN, "default")

    assert service_name(case.environ, case.words(), case.folder, case.console_script) == expected


@pytest.mark.parametrize("case", OF_LAUNCHES, ids=lambda case: f"{case.command} in {case.folder}")
def test_a_launch_command_names_the_service_that_it_will_be(case: Case) -> None:
    process = launched(case.words(), case.environ, case.folder, in_bin)

    assert process.unclear == ""
    assert service_name(process.environ, process.argv, process.folder, case.console_script)[0] == case.name


@pytest.mark.parametrize(
    "case", [case for case in OF_PROCESSES if case.command.startswith("python")], ids=lambda c: c.command
)
def test_an_interpreters_command_line_is_taken_as_it_is(case: Case) -> None:
    assert launched(case.words(), case.environ).argv == case.words()


@pytest.mark.parametrize("command", UNCLEAR)
def test_a_launch_command_that_says_too_little_says_why(command: str) -> None:
    process = launched(shlex.split(command), {})

    assert (process.unclear, process.argv) == (UNCLEAR[command], [])


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


def test_a_process_leaves_the_name_that_it_inferred_and_nothing_else() -> None:
    named: dict[str, str] = {"OTEL_SERVICE_NAME": "explicit"}
    unnamed = {PARENT_SERVICE_NAME: "grandparent"}
    pass_on(named, ["python", "-m", "identity"])
    pass_on(unnamed, ["python", "-c", "pass"])

    assert named == {"OTEL_SERVICE_NAME": "explicit", PARENT_SERVICE_NAME: "identity"}
    assert unnamed == {PARENT_SERVICE_NAME: "grandparent"}


# --- odd input --------------------------------------------------------------------------------------------------------


def test_a_name_that_is_not_utf8_can_still_be_sent() -> None:
    argv = ["python", os.fsdecode(b"/srv/identit\xe9.py")]

    assert service_name({}, argv) == ("identit?", "command line")
    assert service_name({"OTEL_SERVICE_NAME": os.fsdecode(b"\xe9")}, argv) == ("?", "OTEL_SERVICE_NAME")


def test_a_name_in_any_script_stays_as_it_is() -> None:
    assert infer(["python", "/srv/идентичность/app.py"], {}) == "идентичность"


def test_no_argv_at_all_names_nothing() -> None:
    assert service_name({}, []) == (UNKNOWN, "default")


words = st.one_of(
    st.text(),
    st.sampled_from(
        ["python", "-m", "-c", "-X", "--", "-", "uvicorn", "gunicorn", "-A", "--app", "celery", "env", "-S", "sh", "uv",
         "run", "sudo", "poetry", "pdb", "manage.py", "/venv/bin/server", "a=b", "a;b|c&d>", "$(x)", "${x:-y}", "'"]
    ),
)  # fmt: skip


@given(st.lists(words))
def test_whatever_the_words_there_is_a_name_that_can_be_sent(argv: list[str]) -> None:
    process = launched(argv, {}, HERE)

    for line in (argv, process.argv):
        name, _ = service_name({}, line, HERE, lambda script: "")
        assert name.encode()


# --- real processes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """A folder of services, each of which prints its own name; and a console script beside the interpreter."""
    for name in ("identity", "meter"):
        (tmp_path / "services" / name).mkdir(parents=True)
        shutil.copy(SERVICES / "own_name.py", tmp_path / "services" / name / "app.py")
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "identity-server"
    script.write_text(f"#!{sys.executable}\n" + (SERVICES / "own_name.py").read_text())
    script.chmod(0o755)
    return tmp_path


STARTED = [
    ("python services/identity/app.py", "identity"),
    ("python -u -X dev -W ignore services/identity/app.py", "identity"),
    ("python -m services.identity.app", "identity"),
    ("python services/identity/../meter/app.py", "meter"),
    ("bin/identity-server --port 80", "identity-server"),
    ("env X=1 python services/identity/app.py", "identity"),
    ("env -C services/identity python app.py", "identity"),
    ("sh -c 'exec python services/identity/app.py'", "identity"),
    ("sh -c 'cd services/identity && python app.py; true'", "identity"),
    ("nice -n 1 timeout 60 bin/identity-server", "identity-server"),
    ("uv run --no-project --offline python services/identity/app.py", "identity"),
    ("uv run --no-project --offline services/identity/app.py", "identity"),
    ("uv run --no-project --offline -m services.identity.app", "identity"),
    ("uv run --no-project --offline bin/identity-server", "identity-server"),
]


@pytest.mark.parametrize("command, name", STARTED, ids=[command for command, _ in STARTED])
def test_a_started_command_is_what_was_told_beforehand(platform: Path, command: str, name: str) -> None:
    outcome = launch(*shlex.split(command), cwd=platform, UV_PYTHON=sys.executable)
    argv, *named = json.loads(outcome.stdout)
    foretold = launched(shlex.split(command), {}, str(platform))

    assert named == [name, "command line"]
    assert foretold.argv[1:] == argv[1:]
    assert service_name(foretold.environ, foretold.argv, foretold.folder)[0] == name


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_is_its_parents_service(receiver: Receiver, tmp_path: Path, method: str) -> None:
    service = tmp_path / "identity"
    service.mkdir()
    shutil.copy(SERVICES / "start_child.py", service / "main.py")
    launch(sys.executable, "main.py", method, cwd=service, PYTHONPATH=str(SERVICES), **exporting_to(receiver))

    [span] = received(receiver, 1)
    assert span.service == "identity"


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
