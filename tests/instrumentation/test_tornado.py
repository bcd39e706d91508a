"""Tornado: a service and a mere client are both traced."""

from tests.instrumentation.comparison import needs, spans_of
from tests.receiver import Receiver

pytestmark = needs("tornado", "opentelemetry-instrumentation-tornado")

CLIENT = """
import asyncio, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from tornado.httpclient import AsyncHTTPClient

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *arguments):
        pass

async def fetch(port):
    return await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/")

with HTTPServer(("127.0.0.1", 0), Handler) as server:
    serving = threading.Thread(target=server.handle_request)
    serving.start()
    print(asyncio.run(fetch(server.server_port)).code)
    serving.join()
"""

SERVICE = """
import asyncio
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

class Hello(RequestHandler):
    def get(self, name):
        self.write("hello " + name)

async def main():
    socket, port = bind_unused_port()
    server = HTTPServer(Application([("/hello/(.*)", Hello)]))
    server.add_socket(socket)
    print((await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/hello/world")).body)
    server.stop()

asyncio.run(main())
"""


def test_a_client_that_never_imports_the_web_framework_is_traced(receiver: Receiver) -> None:
    assert [span.kind for span in spans_of(receiver, CLIENT)] == ["client"]


def test_a_request_is_one_client_and_one_server_span(receiver: Receiver) -> None:
    assert sorted(span.kind for span in spans_of(receiver, SERVICE)) == ["client", "server"]
