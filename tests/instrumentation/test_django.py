"""Django: one server span per request under every server, however the project names its settings."""

from pathlib import Path

import pytest

from tests.instrumentation.comparison import cases, needs, spans_of
from tests.receiver import Receiver
from tests.support import LAUNCHER, Service, exporting_to, received

pytestmark = needs("django")
with_upstreams = needs("opentelemetry-instrumentation-django")

HERE = Path(__file__).parent


COMMANDS = {
    "gunicorn": "gunicorn --bind 127.0.0.1:{port} django_project.wsgi",
    "gunicorn with threads": "gunicorn --threads 2 --bind 127.0.0.1:{port} django_project.wsgi",
    "uvicorn": "uvicorn --port {port} django_project.asgi:application",
    "uvicorn with wsgi": "uvicorn --port {port} --interface wsgi django_project.wsgi:application",
    "runserver": "python -m django runserver --noreload --settings django_project.settings {port}",
    "runserver with its reloader": "python -m django runserver --settings django_project.settings {port}",
}


@pytest.mark.parametrize("command", cases(COMMANDS, "gunicorn", "uvicorn", "runserver with its reloader"))
def test_a_request_is_one_server_span_with_its_route(receiver: Receiver, command: str) -> None:
    words = (LAUNCHER, "--", *command.split())
    with Service(*words, cwd=HERE, **exporting_to(receiver, PYTHONPATH=str(HERE))) as service:
        assert service.get("/hello/world") == (200, "hello world")
        received(receiver, 1)  # before the end: the reloader's child is killed there
        service.stop()
    [span] = receiver.spans()

    assert (span.kind, span.name) == ("server", "GET /hello/<str:name>")
    assert span.attributes["http.route"] == "/hello/<str:name>"
    assert span.scope.name == "platform_otel.django"


PROJECT = f"""
import os, sys
sys.path.insert(0, {str(HERE)!r})
def get(application):
    from io import BytesIO
    environ = {{
        "REQUEST_METHOD": "GET", "PATH_INFO": "/hello/world", "SERVER_NAME": "x", "SERVER_PORT": "80",
        "wsgi.input": BytesIO(), "wsgi.url_scheme": "http",
    }}
    print(b"".join(application(environ, lambda status, headers: print(status))))
"""


def test_importing_django_configures_no_settings(receiver: Receiver) -> None:
    code = PROJECT + (
        "from django.core.wsgi import get_wsgi_application\n"
        "from django.conf import settings\n"
        "print(settings.configured)\n"
        "settings.configure(ALLOWED_HOSTS=['*'], ROOT_URLCONF='django_project.urls', SECRET_KEY='not a secret')\n"
        "get(get_wsgi_application())\n"
    )

    assert [span.name for span in spans_of(receiver, code)] == ["GET /hello/<str:name>"]


def test_a_project_without_settings_fails_as_it_does_untraced(receiver: Receiver) -> None:
    code = PROJECT + (
        "from django.core.handlers.wsgi import WSGIHandler\n"
        "from django.core.exceptions import ImproperlyConfigured\n"
        "from django.conf import settings\n"
        "try: WSGIHandler()\n"
        "except ImproperlyConfigured as error: print(error, settings.configured)\n"
    )

    assert spans_of(receiver, code) == []


def test_several_handlers_make_one_span_per_request(receiver: Receiver) -> None:
    code = PROJECT + (
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'django_project.settings'\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "from django.core.asgi import get_asgi_application\n"
        "get_asgi_application()\n"
        "get(get_wsgi_application())\n"
        "get(get_wsgi_application())\n"
    )

    assert [span.kind for span in spans_of(receiver, code)] == ["server", "server"]


def test_what_djangos_test_client_asks_for_is_no_request(receiver: Receiver) -> None:
    code = PROJECT + (
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'django_project.settings'\n"
        "from django.test import Client\n"
        "print(Client().get('/hello/client').content)\n"
    )

    assert spans_of(receiver, code) == []


def test_what_others_do_to_load_middleware_afterwards_stays(receiver: Receiver) -> None:
    code = PROJECT + (
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'django_project.settings'\n"
        "from django.core.handlers.base import BaseHandler\n"
        "load = BaseHandler.load_middleware\n"
        "def theirs(self, *a, **k): print('theirs'); return load(self, *a, **k)\n"
        "BaseHandler.load_middleware = theirs\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "get(get_wsgi_application()); get(get_wsgi_application())\n"
        "print(BaseHandler.load_middleware is theirs)\n"
    )

    assert len(spans_of(receiver, code)) == 2


SETTINGS = "os.environ['DJANGO_SETTINGS_MODULE'] = 'django_project.settings'\n"
SERVED = "from django.core.wsgi import get_wsgi_application\nget(get_wsgi_application())\n"


@with_upstreams
def test_a_service_that_instruments_django_itself_has_one_span_per_request(receiver: Receiver) -> None:
    own = (
        "from opentelemetry.instrumentation.django import DjangoInstrumentor\n"
        "DjangoInstrumentor().instrument(request_hook=lambda span, request: span.set_attribute('own.hook', True))\n"
    )
    [span] = spans_of(receiver, PROJECT + SETTINGS + own + SERVED)

    assert (span.kind, span.attributes["own.hook"]) == ("server", True)


@with_upstreams
@pytest.mark.parametrize(
    "variables", [{"PLATFORM_TRACE_UPSTREAM": "django"}, {"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"}]
)
def test_upstreams_is_in_force_where_the_settings_prefer_it(receiver: Receiver, variables: dict[str, str]) -> None:
    [span] = spans_of(receiver, PROJECT + SETTINGS + SERVED, **variables)

    assert (span.name, span.scope.name) == ("GET hello/<str:name>", "opentelemetry.instrumentation.django")


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_PYTHON_DJANGO_INSTRUMENT": "False"},
        pytest.param({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "django"}, marks=pytest.mark.matrix),
        {"OTEL_PYTHON_DJANGO_EXCLUDED_URLS": "/hello/"},
        pytest.param({"OTEL_PYTHON_EXCLUDED_URLS": "/hello/"}, marks=pytest.mark.matrix),
    ],
)
def test_django_is_left_alone_where_the_settings_say_so(receiver: Receiver, variables: dict[str, str]) -> None:
    assert spans_of(receiver, PROJECT + SETTINGS + SERVED, **variables) == []


def test_what_the_service_asks_for_of_djangos_request_is_recorded(receiver: Receiver) -> None:
    asked = {"OTEL_PYTHON_DJANGO_TRACED_REQUEST_ATTRS": "path_info,content_type,nothing_there"}
    [span] = spans_of(receiver, PROJECT + SETTINGS + SERVED, **asked)

    assert (span.attributes["path_info"], span.attributes["content_type"]) == ("/hello/world", "")
    assert "nothing_there" not in span.attributes


def test_a_route_has_the_root_of_the_application_before_it(receiver: Receiver) -> None:
    code = PROJECT.replace('"PATH_INFO"', '"SCRIPT_NAME": "/mounted", "PATH_INFO"')
    [span] = spans_of(receiver, code + SETTINGS + SERVED)

    assert span.attributes["http.route"] == "/mounted/hello/<str:name>"
    assert span.attributes["url.path"] == "/mounted/hello/world"


def test_a_resolver_that_knows_no_route_harms_nothing(receiver: Receiver) -> None:
    code = (
        PROJECT
        + SETTINGS
        + (
            "from django.core.handlers.base import BaseHandler\n"
            "from django.http import HttpResponse\n"
            "from django.urls import ResolverMatch\n"
            "def resolve_request(self, request):\n"
            "    match = request.resolver_match = ResolverMatch(lambda request: HttpResponse('own'), (), {})\n"
            "    return match\n"
            "BaseHandler.resolve_request = resolve_request\n"
            "import django.core.handlers.wsgi\n"
        )
        + SERVED
    )
    [span] = spans_of(receiver, code)

    assert span.name == "GET"


EXCEPTION = (
    "from django.conf import settings\n"
    "from django.http import HttpResponse\n"
    "from django.urls import path\n"
    "def fails(request, name): raise ValueError('it happens')\n"
    "settings.configure(ALLOWED_HOSTS=['*'], ROOT_URLCONF='__main__', {setting}, MIDDLEWARE=[])\n"
    "urlpatterns = [path('hello/<str:name>', fails)]\n"
    "try:\n"
    "    from django.core.wsgi import get_wsgi_application\n"
    "    get(get_wsgi_application())\n"
    "except ValueError as error:\n"
    "    print(error)\n"
)


@pytest.mark.parametrize("setting", ["DEBUG_PROPAGATE_EXCEPTIONS=True", "DEBUG=False"])
def test_an_exception_is_recorded_once_whoever_answers_it(receiver: Receiver, setting: str) -> None:
    code = PROJECT.replace('print(b"".join', 'len(b"".join') + EXCEPTION.format(setting=setting)
    [span] = spans_of(receiver, code)
    [event] = span.events

    assert (span.status, span.attributes["error.type"], event.attributes["exception.type"]) == (
        "error",
        "ValueError",
        "ValueError",
    )


def test_under_channels_a_request_is_one_span_with_its_route(receiver: Receiver) -> None:
    """An application around Django's has the span, as a router of protocols has."""
    words = (LAUNCHER, "--", "uvicorn", "--port", "{port}", "django_project.routed:application")
    with Service(*words, cwd=HERE, **exporting_to(receiver)) as service:
        assert service.get("/hello/world") == (200, "hello world")
        service.stop()

    assert [span.name for span in received(receiver, 1)] == ["GET /hello/<str:name>"]
