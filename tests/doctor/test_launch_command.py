"""What Python will see of a launch command, and which service it will be, is told without running it."""

import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_otel.doctor.launch_command import launched
from platform_otel.doctor.launched import LaunchedProcess
from platform_otel.process.service_name import service_name
from tests.support import SERVICES, launch

HERE = "/srv/platform"
CONSOLE_SCRIPT = "import sys\nfrom identity.main import run\nsys.exit(run())\n"


class Case(NamedTuple):
    """A launch command and the name of the service that it starts."""

    command: str
    name: str
    environ: Mapping[str, str] = {}
    # The text of scripts, by their paths.
    scripts: Mapping[str, str] = {}


# What people write into deployment files: launch commands.
OF_LAUNCHES = [
    Case("uvicorn identity.main:app", "identity"),
    Case("/venv/bin/gunicorn -c conf.py identity.wsgi", "identity"),
    Case("identity-server --port 80", "identity-server"),
    Case("server", "identity", scripts={"/venv/bin/server": CONSOLE_SCRIPT}),
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
    Case("sudo FLASK_APP=identity flask run", "identity", {"FLASK_APP": "other"}),
    Case("sudo -nEu app flask run", "identity", {"FLASK_APP": "identity"}),
    Case("pipx run identity-server", "identity-server"),
    Case("poetry run python services/identity/app.py", "identity"),
    Case("sh -c 'exec uv run uvicorn identity.main:app'", "identity"),
    Case("bash -lc 'source .venv/bin/activate && exec uvicorn identity.main:app'", "identity"),
    Case("platform-trace --service-name identity -- uvicorn other.main:app", "identity"),
    Case("platform-trace run uvicorn identity.main:app", "identity"),
    # Empty words, continued lines, quotes
    Case("""sh -c 'exec uvicorn --root-path "" identity.main:app'""", "identity"),
    Case("sh -c 'exec uvicorn --port 0 \\\n  identity.main:app'", "identity"),
    Case("""sh -c 'exec uvicorn "--port=$PORT" iden"tity".main:app'""", "identity"),
    Case("""sh -c "exec python services/'$NAME'/identity.py" """, "identity", {"NAME": "meter"}),
    # What comes before the program and after it
    Case("sh -c 'uvicorn identity.main:app || exit 1'", "identity"),
    Case("sh -c 'uvicorn identity.main:app; exit $?'", "identity"),
    Case("sh -c 'uvicorn identity.main:app & wait $!'", "identity"),
    Case("sh -c 'exec alembic upgrade head | cat; exec uvicorn identity.main:app'", "identity"),
    Case("sh -c 'exec 2>&1; exec uvicorn identity.main:app'", "identity"),
    Case("sh -c 'set -eu; cd services/identity || exit 1; exec python app.py'", "identity"),
    Case("sh -c 'cd -P services/identity && exec python app.py'", "identity"),
    Case("sh -c 'cd -- services/identity && exec python app.py'", "identity"),
    Case("bash -eo pipefail -c 'uvicorn identity.main:app | tee log'", "identity"),
    Case("bash -c -e 'uvicorn identity.main:app'", "identity"),
    Case("busybox sh -c 'exec uvicorn identity.main:app'", "identity"),
    # Variables
    Case("sh -c 'exec $COMMAND'", "identity", {"COMMAND": "uvicorn identity.main:app"}),
    Case("sh -c 'exec uvicorn $OPTIONS identity.main:app'", "identity"),
    Case("sh -c 'APP=identity; exec uvicorn $APP.main:app'", "identity"),
    Case("sh -c 'FLASK_APP=identity; export FLASK_APP; exec flask run'", "identity"),
    Case("sh -c 'FLASK_APP=identity; exec flask run'", "identity", {"FLASK_APP": "other"}),
    Case("sh -c 'OTEL_SERVICE_NAME=gate; exec uvicorn identity.main:app'", "identity"),
    Case("sh -c 'unset OTEL_SERVICE_NAME; exec uvicorn identity.main:app'", "identity", {"OTEL_SERVICE_NAME": "gate"}),
    # Options of env
    Case("env -uOTEL_SERVICE_NAME uvicorn identity.main:app", "identity", {"OTEL_SERVICE_NAME": "gate"}),
    Case("env -vS 'FLASK_APP=identity flask run'", "identity"),
    Case("env '-Sdummy=1 uvicorn identity.main:app'", "identity"),
    Case("env -iS 'FLASK_APP=identity flask run'", "identity", {"OTEL_SERVICE_NAME": "gate"}),
    Case("env --ignore-environment --chdir=services/identity -- python app.py", "identity"),
    Case("uv run --no-dev -vq uvicorn identity.main:app", "identity"),
]

# Where nobody can tell without running it, and why.
UNCLEAR = {
    "": "there is no command",
    "env X=1": "there is no command",
    "sh -c": "there is no command",
    "sh -c ''": "there is no command",
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
    "sh -c 'exec $COMMAND'": "there is no command",
    "sh -c '. ./env.sh; exec python app.py'": "the shell reads ./env.sh, which may change anything",
    "bash -c 'source /opt/conda/bin/activate identity; python app.py'": (
        "the shell reads /opt/conda/bin/activate, which may change anything"
    ),
    "busybox httpd": "busybox runs a program of its own",
    "chroot /srv python app.py": "chroot decides what it starts",
    "sudo --chroot /srv python app.py": "sudo --chroot runs it in another root folder",
    "uv pip install run": "what uv pip starts is not known here",
    "newrelic-admin run-python app.py": "what newrelic-admin run-python starts is not known here",
    "sh -c 'exec platform-trace demo'": "what platform-trace demo starts is not known here",
    "env -S 'python\\_app.py'": "the words after env -S are not understood here",
    "env --block-signal python app.py": "--block-signal of env is not understood here",
    "sudo -i python app.py": "-i of sudo is not understood here",
    "bash --rcfile file -c 'python app.py'": "--rcfile of bash is not understood here",
    "bash -c 'exec -c /venv/bin/python app.py'": "-c of exec is not understood here",
    "bash -c 'command -v python'": "-v of command is not understood here",
    "setpriv --reset-env python app.py": "--reset-env of setpriv is not understood here",
    "bash -nc 'python app.py'": "-n of bash is not understood here",
    "nice -phunter2 python app.py": "-p of nice is not understood here",
    "nice --password=hunter2 python app.py": "--password of nice is not understood here",
    "bash --password=hunter2 -c 'python app.py'": "--password of bash is not understood here",
    "nice --nonsense 3 python app.py": "--nonsense of nice is not understood here",
}
# Lines of which only a shell knows what they do.
PROGRAMS = [
    "eval exec python app.py",
    "! python app.py",
    "exec ${PYTHON:=python} app.py",
    "exec ${PYTHON%3} app.py",
    "exec python app.py &>log",
    "exec python app.py |& tee log",
    "exec python app.py <<< text",
    "exec python services/*/app.py",
    "exec python {gate,meter}.py",
    "exec python ~ada/app.py",
    "exec uvicorn --port $((80 + 1)) gate.main:app",
    "(cd services && python app.py)",
    "{ python app.py; }",
    "serve() { python app.py; }; serve",
    "cat names | python app.py",
    "python app.py || python other.py",
    "test -f app.py && exec python app.py; exec python other.py",
    "test -f env && export PORT=80; exec python app.py",
    "test -f app.py && exit; exec python other.py",
    "cd services | exec python app.py",
    "cd services && python app.py & wait",
    "exit && python app.py",
    "cd - && exec python app.py; true",
    'set -- python app.py; exec "$@"',
    "set -a; PORT=80; exec python app.py",
    "exec $EVALUATED",
    "$COMMAND",
    "exec app$WORDS",
    "exec python $HOSTNAME.py",
    "IFS=,; exec python app.py",
    "PATH+=:/venv/bin; exec python app.py",
    "exec python app.py $!",
    "exec python app.py\r\n",
]


def in_bin(name: str) -> str:
    return name if "/" in name else f"/venv/bin/{name}"


def found(process: LaunchedProcess) -> LaunchedProcess:
    """As if every script were in one environment."""
    script = process.script if "/" in process.script else f"/venv/bin/{process.script}"
    return process.running(script) if process.script else process


@pytest.mark.parametrize("case", OF_LAUNCHES, ids=lambda case: case.command)
def test_a_launch_command_names_the_service_that_it_will_be(case: Case) -> None:
    process = found(launched(shlex.split(case.command), case.environ, HERE))
    name, _ = service_name(process.environ, process.argv, process.folder, lambda path: case.scripts.get(path, ""))

    assert process.unclear == ""
    assert name == case.name


@pytest.mark.parametrize(
    "command",
    [
        "python -m identity",
        "/venv/bin/python3.12 -u services/identity/app.py",
        "python3.13t -c pass",
        "pypy3 -m identity",
        "python -m pdb -c continue app.py",
    ],
)
def test_an_interpreters_command_line_is_taken_as_it_is(command: str) -> None:
    process = launched(shlex.split(command), {})

    assert (process.argv, process.script) == (shlex.split(command), "")


@pytest.mark.parametrize("script", ["uvicorn", "python-config", "pythonista"])
def test_what_is_called_otherwise_is_a_script_that_is_to_be_found(script: str) -> None:
    process = launched([script, "--reload"], {})

    assert (process.argv, process.script) == (["python", script, "--reload"], script)


@pytest.mark.parametrize("command", UNCLEAR)
def test_a_launch_command_that_says_too_little_says_why(command: str) -> None:
    process = launched(shlex.split(command), {})

    assert (process.unclear, process.argv) == (UNCLEAR[command], [])


@pytest.mark.parametrize("line", PROGRAMS)
def test_a_line_that_is_not_surely_understood_is_left_to_the_shell(line: str) -> None:
    environ = {"WORDS": " one two", "COMMAND": "exec python app.py", "EVALUATED": "python *.py", "OLDPWD": "/"}
    process = launched(["bash", "-c", line], environ, HERE)

    assert process.argv == []
    assert process.unclear.startswith(("the shell's command line is a program of its own", "- of cd"))


@pytest.mark.parametrize(
    "line, elsewhere",
    [
        ("exec python app.py", False),
        ("exec python app.py 2>&1", False),
        ("exec python app.py 2>errors < names", False),
        ("exec python app.py > /dev/stdout", False),
        ("alembic upgrade head > log; exec python app.py", False),
        ("exec python app.py > log", True),
        ("exec python app.py >>log 2>&1", True),
        ("exec python app.py 1>&2", True),
        ("python app.py | cat", True),
        ("exec >log; exec python app.py", True),
        ("exec sh -c 'python app.py' > log", True),
    ],
)
def test_where_a_shell_sends_standard_output(line: str, elsewhere: bool) -> None:
    process = launched(["sh", "-c", line], {}, HERE)

    assert (process.argv, process.writes_elsewhere) == (["python", "app.py"], elsewhere)


# --- the environment --------------------------------------------------------------------------------------------------

GIVEN = {"PATH": "/bin", "HOME": "/home/ada", "OTEL_SERVICE_NAME": "gate", "TOKEN": "x", "PYTHONHOME": "/opt"}


@pytest.mark.parametrize(
    "options, kept",
    [
        ("", {"PATH"}),
        ("-u app", {"PATH"}),
        ("-E", set(GIVEN)),
        ("-Eu app", set(GIVEN)),
        ("-nuapp -E", set(GIVEN)),
        ("--preserve-env -u app", set(GIVEN)),
        ("--preserve-env=TOKEN,OTEL_SERVICE_NAME --user=app", {"PATH", "TOKEN", "OTEL_SERVICE_NAME"}),
        ("--user app --", {"PATH"}),
        ("A=1", {"PATH", "A"}),
    ],
)
def test_sudo_takes_the_environment_away_unless_it_is_told_to_preserve_it(options: str, kept: set[str]) -> None:
    process = launched(["sudo", *options.split(), "python", "app.py"], GIVEN)

    assert process.argv == ["python", "app.py"]
    assert set(process.environ) == kept


@pytest.mark.parametrize(
    "line, environment",
    [
        (". .venv/bin/activate; exec python app.py", "/srv/platform/.venv"),
        (". .venv/bin/activate || exit 1; exec python app.py", "/srv/platform/.venv"),
        ("source /venv/bin/activate && python app.py", "/venv"),
        ("cd identity && . venv/bin/activate && python app.py", "/srv/platform/identity/venv"),
        ("source ~/venv/bin/activate\nPORT=80 python app.py", "/home/ada/venv"),
    ],
)
def test_an_activated_environment_comes_first_on_path(line: str, environment: str) -> None:
    process = launched(["bash", "-lc", line], GIVEN, HERE)

    assert process.environ["PATH"] == f"{environment}/bin:/bin"
    assert process.environ["VIRTUAL_ENV"] == environment
    assert process.environment is None
    assert "PYTHONHOME" not in process.environ


@pytest.mark.parametrize(
    "command, inside, project, is_foretold",
    [
        ("uv run python app.py", "uv run", HERE, True),
        ("sh -c 'exec uv run uvicorn app:app'", "uv run", HERE, True),
        ("uv --directory identity run uvicorn app:app", "uv run", f"{HERE}/identity", True),
        ("uv run --project identity uvicorn app:app", "uv run", f"{HERE}/identity", True),
        ("poetry run uvicorn app:app", "poetry run", HERE, True),
        ("pdm run -p identity uvicorn app:app", "pdm run", f"{HERE}/identity", True),
        ("env A=1 uv run env B=2 nice uvicorn app:app", "uv run", HERE, True),
        ("uv run --python 3.12 uvicorn app:app", "uv run", HERE, False),
        ("uv run -p3.12 uvicorn app:app", "uv run", HERE, False),
        ("uv run --with=rich --isolated uvicorn app:app", "uv run", HERE, False),
        ("uvx --from identity identity-server", "uvx --from platform-otel --with PACKAGE", HERE, False),
        ("uv tool run identity-server", "uvx --from platform-otel --with PACKAGE", HERE, False),
        ("pipx run identity-server", "pipx run --spec platform-otel", HERE, False),
        ("conda run -n identity python app.py", "conda run", HERE, False),
        ("pipenv run python app.py", "pipenv run", HERE, False),
        ("hatch run production:uvicorn app:app", "hatch run", HERE, False),
        ("bash -lc 'conda activate identity && exec python app.py'", "conda run", "", False),
        ("bash -c 'source activate identity; python app.py'", "conda run", "", False),
        ("uv run --active python app.py", "uv run", HERE, False),
        ("uv run --isolated --offline python app.py", "uv run", HERE, False),
        ("uv run --env-file .env python app.py", "uv run", HERE, False),
        ("dotenv run python app.py", "dotenv run", HERE, False),
        ("sudo -E python app.py", "sudo", "", False),
        ("bash -lc 'exec python app.py'", """bash -lc 'exec "$@"' bash""", "", False),
        ("bash --login -c 'exec python app.py'", """bash -lc 'exec "$@"' bash""", "", False),
    ],
)
def test_a_tool_that_chooses_the_environment_is_remembered(
    command: str, inside: str, project: str, is_foretold: bool
) -> None:
    environment = launched(shlex.split(command), {}, HERE).environment

    assert environment is not None
    assert (environment.inside, environment.project, environment.is_foretold) == (inside, project, is_foretold)


@pytest.mark.parametrize(
    "command",
    [
        "uvicorn app:app --app-dir /srv/poetry",
        "python uv run",
        "nice -n 1 python /srv/uv/app.py",
        "env uv=1 python app.py",
    ],
)
def test_a_word_called_like_a_tool_is_none(command: str) -> None:
    assert launched(shlex.split(command), {}, HERE).environment is None


# --- odd input --------------------------------------------------------------------------------------------------------

words = st.one_of(
    st.text(),
    st.sampled_from(
        ["python", "-m", "-c", "-X", "--", "-", "uvicorn", "gunicorn", "-A", "--app", "celery", "env", "-S", "sh", "uv",
         "run", "sudo", "-E", "-Eu", "--user", "poetry", "conda", "activate", ".", "/bin/activate", "a=b", "a;b|c&d>",
         "$(x)", "${x:-y}", "'", "exec", "$1", "a && b || c", "cd a; exec b 2>&1", "", "-iS", "nice", "python $1 $x"]
    ),
)  # fmt: skip


@given(st.lists(words))
def test_whatever_the_words_there_is_a_name_that_can_be_sent(argv: list[str]) -> None:
    process = launched(argv, {"x": "a b"}, HERE)
    name, _ = service_name({}, process.argv, HERE, lambda path: "")

    assert name.encode()


@given(st.text(alphabet="ab=$1{}:-'\"\\\\;&|<>2 \\n~/[]!.", max_size=30))
def test_whatever_the_line_of_a_shell_it_is_told_or_said_why(line: str) -> None:
    process = launched(["sh", "-c", line], {"a": "b", "b": "a b"}, HERE)

    assert bool(process.argv) != bool(process.unclear)


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
    ("""sh -c 'exec python services/identity/app.py "" --root=""'""", "identity"),
    ("sh -c 'exec python \\\n  services/identity/app.py'", "identity"),
    ("sh -c 'A=services/identity; cd -- $A || exit 1; exec 2>&1; exec python app.py \"$A x\" $A $NOTHING'", "identity"),
    ("sh -c 'exec python services/identity/app.py \"$2\" ${1:-y} \\$x a\"b\"c' sh 1 '2 3'", "identity"),
    ("env -S 'A=1 python -u services/identity/app.py'", "identity"),
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
