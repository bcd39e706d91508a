"""Django: one server span per request, however the project names its settings."""

from pathlib import Path

import pytest

from platform_otel.demo.receiver import Receiver
from tests.instrumentation.comparison import needs, spans_of
from tests.support import LAUNCHER, Service, exporting_to, received

pytestmark = needs("django", "opentelemetry-instrumentation-django")

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "--bind", "127.0.0.1:{port}", "django_project.wsgi"),
        ("uvicorn", "--port", "{port}", "django_project.asgi:application"),
    ],
    ids=["wsgi", "asgi"],
)
def test_a_request_is_one_server_span_with_its_route(receiver: Receiver, command: tuple[str, ...]) -> None:
    with Service(LAUNCHER, "--", *command, cwd=HERE, **exporting_to(receiver)) as service:
        assert service.get("/hello/world") == (200, "hello world")
        [span] = received(receiver, 1)

    assert (span.kind, span.attributes["http.route"]) == ("server", "hello/<str:name>")
    assert [span.name for span in receiver.spans()] == ["GET hello/<str:name>"]


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

    assert [span.name for span in spans_of(receiver, code)] == ["GET hello/<str:name>"]


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
        "from django.test import Client\n"
        "print(Client().get('/hello/client').content)\n"
    )

    assert [span.kind for span in spans_of(receiver, code)] == ["server", "server"]


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


def test_a_service_that_instruments_django_itself_has_one_span_per_request(receiver: Receiver) -> None:
    code = PROJECT + (
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'django_project.settings'\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "from opentelemetry.instrumentation.django import DjangoInstrumentor\n"
        "DjangoInstrumentor().instrument()\n"
        "get(get_wsgi_application())\n"
    )

    assert [span.kind for span in spans_of(receiver, code)] == ["server"]
