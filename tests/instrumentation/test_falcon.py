"""Falcon: every legal way to make an application works, and a request is one server span."""

import pytest

from tests.http.exchanges import request, spans_by_case
from tests.instrumentation.comparison import needs, spans_of
from tests.receiver import Receiver

pytestmark = needs("falcon", "opentelemetry-instrumentation-falcon")

PROGRAM = """
import falcon
from http.client import HTTPConnection
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

class Theirs:
    def process_request(self, request, response):
        print("theirs")

class Hello:
    def on_get(self, request, response, name):
        response.text = "hello " + name

class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass

listed = [Theirs()]
application = {application}
print(len(listed))
application.add_route("/hello/{{name}}", Hello())
with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
    serving = Thread(target=server.handle_request)
    serving.start()
    connection = HTTPConnection("127.0.0.1", server.server_port)
    connection.request("GET", "/hello/world")
    answer = connection.getresponse()
    print(answer.status, answer.read())
    serving.join()
"""


@pytest.mark.parametrize(
    "application",
    [
        "falcon.App()",
        "falcon.App(middleware=[Theirs()])",
        "falcon.App(middleware=(Theirs(),))",
        "falcon.App(middleware=Theirs())",
        "falcon.App(middleware=iter([Theirs()]))",
        "falcon.App('application/json', None, None, [Theirs()])",
        "falcon.App(media_type='application/json', cors_enable=True)",
        "[falcon.App(middleware=listed), falcon.App(middleware=listed)][1]",
        "type('Mine', (falcon.App,), {{}})(middleware=(Theirs(),))".replace("{{}}", "{}"),
    ],
)
def test_a_request_is_one_span_whatever_the_middleware_is(receiver: Receiver, application: str) -> None:
    spans = spans_of(receiver, PROGRAM.format(application=application))

    assert sorted((span.kind, span.attributes.get("http.route")) for span in spans) == [
        ("client", None),
        ("server", "/hello/{name}"),
    ]


def test_a_wrong_call_fails_in_falcons_own_words(receiver: Receiver) -> None:
    code = "import falcon\ntry: falcon.App(middlewares=[])\nexcept TypeError as error: print(error)"

    assert spans_of(receiver, code) == []


def test_an_application_by_asgi_has_the_span_of_a_bare_application() -> None:
    command = ("platform-trace", "uvicorn", "falcon_asgi:app", "--port", "{port}", "--log-level", "warning")
    [(status, [span])] = spans_by_case(command, {"one": (request("/hello/ada"), None)}).values()

    assert (status, span.kind, span.name, span.scope.name) == (200, "server", "GET", "platform_otel.asgi")
