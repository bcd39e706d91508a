"""A use of every library that is supported: a program, the server that it needs, and the span that it makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.servers import Server, mariadb, memcached, postgresql, rabbitmq, redis


class Use(NamedTuple):
    """A program in which ``PORT`` is the server's port, and kind and name of a span that it makes."""

    code: str
    kind: str
    name: str
    server: Callable[[], Server] | None = None
    module: str = ""
    """What must be installed, where that is not the row's trigger."""


# An application's request to itself: a server in a thread, and http.client, which looks at no proxy.
SERVE = """
import threading
from http.client import HTTPConnection
def ask(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/tasks/1")
    return connection.getresponse().read()
def serve(app):
    from wsgiref.simple_server import WSGIRequestHandler, make_server
    class Silent(WSGIRequestHandler):
        def log_message(self, *words): pass
    server = make_server("127.0.0.1", 0, app, handler_class=Silent)
    thread = threading.Thread(target=server.handle_request)
    thread.start(); ask(server.server_port); thread.join(); server.server_close()
"""
# One that answers every request.
ANSWER = """
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *words): pass
server = HTTPServer(("127.0.0.1", 0), Handler)
thread = threading.Thread(target=server.serve_forever, daemon=True); thread.start()
URL = f"http://127.0.0.1:{server.server_port}/tasks"
"""
# AWS as moto has it, in a thread.
AWS = """
import os
os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="eu-west-1")
from moto.server import ThreadedMotoServer
import logging; logging.getLogger("werkzeug").disabled = True
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False); server.start()
AWS = "http://%s:%s" % server.get_host_and_port()
"""
# A broker of Kafka that librdkafka brings for tests: it speaks the protocol on a port.
KAFKA = """
from confluent_kafka import Producer
broker = Producer({"test.mock.num.brokers": 1, "log_level": 0})
metadata = broker.list_topics(timeout=30)
KAFKA = "%s:%d" % next((b.host, b.port) for b in metadata.brokers.values())
"""
GRPC_SERVICE = """
import grpc
class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)
"""
GRPC = """
from concurrent.futures import ThreadPoolExecutor
server = grpc.server(ThreadPoolExecutor(1), handlers=(Echo(),))
port = server.add_insecure_port("127.0.0.1:0"); server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    channel.unary_unary("/shop.Prices/Ask")(b"x", timeout=30)
server.stop(None).wait()
"""
GRPC_AIO = """
import asyncio, grpc.aio
class EchoAio(grpc.GenericRpcHandler):
    def service(self, details):
        async def echo(request, context): return request
        return grpc.unary_unary_rpc_method_handler(echo)
async def main():
    server = grpc.aio.server(); server.add_generic_rpc_handlers((EchoAio(),))
    port = server.add_insecure_port("127.0.0.1:0"); await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await channel.unary_unary("/shop.Prices/Ask")(b"x", timeout=30)
    await server.stop(None)
asyncio.run(main())
"""
# A model that answers whatever it is asked, at MODEL.
_MODEL = """
import json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
MESSAGE = {"role": "assistant", "content": "hello"}
ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "small",
          "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}]}
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200); self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *words): pass
server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
MODEL = f"http://127.0.0.1:{server.server_port}/v1"
"""
_MONGO = """
import socket, struct, threading, bson
listener = socket.create_server(("127.0.0.1", 0))
HELLO = {"ok": 1, "isWritablePrimary": True, "helloOk": True, "maxWireVersion": 21, "minWireVersion": 0,
         "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 1000}
def answer(connection):  # OP_QUERY and OP_MSG, as the first server that a driver greets
    stream = connection.makefile("rb")
    while head := stream.read(16):
        length, request, _, code = struct.unpack("<iiii", head)
        stream.read(length - 16)
        body = bson.encode(HELLO)
        sent = struct.pack("<iqii", 8, 0, 0, 1) + body if code == 2004 else struct.pack("<iB", 0, 0) + body
        connection.sendall(struct.pack("<iiii", 16 + len(sent), 1, request, 1 if code == 2004 else 2013) + sent)
def serve():
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
threading.Thread(target=serve, daemon=True).start()
"""

USES = {
    "aio-pika": Use(
        """
import asyncio, aio_pika
async def main():
    connection = await aio_pika.connect("amqp://guest:guest@127.0.0.1:PORT/")
    async with connection:
        channel = await connection.channel()
        await channel.default_exchange.publish(aio_pika.Message(b"x"), routing_key="orders")
asyncio.run(main())""",
        "producer",
        ",orders send",
        rabbitmq,
    ),
    "aiobotocore": Use(
        AWS
        + """
import asyncio
from aiobotocore.session import get_session
async def main():
    async with get_session().create_client("s3", endpoint_url=AWS) as client:
        await client.list_buckets()
asyncio.run(main()); server.stop()""",
        "client",
        "S3.ListBuckets",
        module="moto",
    ),
    "aiohttp-client": Use(
        ANSWER
        + """
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession() as session, session.get(URL) as response:
        await response.read()
asyncio.run(main())""",
        "client",
        "GET",
    ),
    "aiohttp-server": Use(
        SERVE
        + """
import asyncio
from aiohttp import web
async def task(request): return web.Response(text="done")
async def main():
    app = web.Application(); app.router.add_get("/tasks/{number}", task)
    runner = web.AppRunner(app); await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0); await site.start()
    await asyncio.to_thread(ask, runner.addresses[0][1]); await runner.cleanup()
asyncio.run(main())""",
        "server",
        "GET /tasks/{number}",
    ),
    "aiokafka": Use(
        KAFKA
        + """
import asyncio
from aiokafka import AIOKafkaProducer
async def main():
    producer = AIOKafkaProducer(bootstrap_servers=KAFKA); await producer.start()
    await producer.send_and_wait("orders", b"x"); await producer.stop()
asyncio.run(main())""",
        "producer",
        "orders send",
        module="confluent_kafka",
    ),
    "aiopg": Use(
        """
import asyncio, aiopg
async def main():
    async with aiopg.create_pool("host=127.0.0.1 port=PORT user=postgres dbname=postgres") as pool:
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute("SELECT 1")
asyncio.run(main())""",
        "client",
        "SELECT",
        postgresql,
    ),
    "asyncpg": Use(
        """
import asyncio, asyncpg
async def main():
    connection = await asyncpg.connect("postgresql://postgres@127.0.0.1:PORT/postgres")
    await connection.fetchval("SELECT 1"); await connection.close()
asyncio.run(main())""",
        "client",
        "SELECT",
        postgresql,
    ),
    "boto3": Use(
        AWS
        + """
import boto3
client = boto3.client("sqs", endpoint_url=AWS)
client.send_message(QueueUrl=client.create_queue(QueueName="orders")["QueueUrl"], MessageBody="x"); server.stop()""",
        "producer",
        "orders send",
        module="moto",
    ),
    "botocore": Use(
        AWS + "\nimport boto3; boto3.client('s3', endpoint_url=AWS).list_buckets(); server.stop()",
        "client",
        "S3.ListBuckets",
        module="moto",
    ),
    "celery": Use(
        """
from celery import Celery
app = Celery("shop", broker="memory://")
@app.task(name="bill")
def bill(): pass
bill.apply_async()""",
        "producer",
        "apply_async/bill",
    ),
    "confluent_kafka": Use(
        """
import confluent_kafka
producer = confluent_kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
producer.produce("orders", b"x"); producer.flush(30)""",
        "producer",
        "orders send",
    ),
    "django": Use(
        SERVE
        + """
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("tasks/<int:number>", lambda request, number: HttpResponse("done"))]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
import django; django.setup()
from django.core.wsgi import get_wsgi_application
serve(get_wsgi_application())""",
        "server",
        "GET /tasks/<int:number>",
    ),
    "falcon": Use(
        SERVE
        + """
from falcon import App
class Task:
    def on_get(self, request, response, number): response.text = "done"
app = App(); app.add_route("/tasks/{number}", Task()); serve(app)""",
        "server",
        "GET /tasks/{number}",
    ),
    "fastapi": Use(
        """
from fastapi import FastAPI
from fastapi.testclient import TestClient
app = FastAPI()
@app.get("/tasks/{number}")
def task(number: int): return number
TestClient(app).get("/tasks/1")""",
        "server",
        "GET /tasks/{number}",
        module="httpx",
    ),
    "flask": Use(
        "from flask import Flask\napp = Flask('shop')\n"
        "app.get('/tasks/<number>')(lambda number: 'done')\napp.test_client().get('/tasks/1')",
        "server",
        "GET /tasks/<number>",
    ),
    "grpc_aio_client": Use(GRPC_SERVICE + GRPC_AIO, "client", "/shop.Prices/Ask"),
    "grpc_aio_server": Use(GRPC_SERVICE + GRPC_AIO, "server", "/shop.Prices/Ask"),
    "grpc_client": Use(GRPC_SERVICE + GRPC, "client", "/shop.Prices/Ask"),
    "grpc_server": Use(GRPC_SERVICE + GRPC, "server", "/shop.Prices/Ask"),
    "http_client": Use(
        ANSWER + "from http.client import HTTPConnection\nc = HTTPConnection('127.0.0.1', server.server_port)\n"
        "c.request('GET', '/tasks'); c.getresponse().read()",
        "client",
        "GET",
    ),
    "httpx": Use(ANSWER + "import httpx; httpx.get(URL)", "client", "GET"),
    "httpx2": Use(ANSWER + "import httpx2; httpx2.get(URL)", "client", "GET"),
    "kafka": Use(
        KAFKA
        + """
from kafka import KafkaProducer
producer = KafkaProducer(bootstrap_servers=KAFKA, api_version=(2, 0))
producer.send("orders", b"x"); producer.flush(30)""",
        "producer",
        "orders send",
        module="confluent_kafka",
    ),
    "mysql": Use(
        "import mysql.connector\nconnection = mysql.connector.connect(host='127.0.0.1', port=PORT, user='tests')\n"
        "cursor = connection.cursor(); cursor.execute('SELECT 1'); cursor.fetchall()",
        "client",
        "SELECT",
        mariadb,
    ),
    "mysqlclient": Use(
        "import MySQLdb\nconnection = MySQLdb.connect(host='127.0.0.1', port=PORT, user='tests')\n"
        "cursor = connection.cursor(); cursor.execute('SELECT 1'); cursor.fetchall()",
        "client",
        "SELECT",
        mariadb,
    ),
    "openai": Use(
        _MODEL
        + """
import openai
client = openai.OpenAI(api_key="x", base_url=MODEL)
client.chat.completions.create(model="small", messages=[{"role": "user", "content": "hello"}])""",
        "client",
        "chat small",
    ),
    "pika": Use(
        """
import pika
connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", PORT))
connection.channel().basic_publish("", "orders", b"x"); connection.close()""",
        "producer",
        "orders send",
        rabbitmq,
    ),
    "psycopg": Use(
        "import psycopg\nwith psycopg.connect('host=127.0.0.1 port=PORT user=postgres') as connection:\n"
        "    connection.cursor().execute('SELECT 1')",
        "client",
        "SELECT",
        postgresql,
    ),
    "psycopg2": Use(
        "import psycopg2\nwith psycopg2.connect('host=127.0.0.1 port=PORT user=postgres') as connection:\n"
        "    connection.cursor().execute('SELECT 1')",
        "client",
        "SELECT",
        postgresql,
    ),
    "pymemcache": Use(
        "from pymemcache.client.base import Client; Client(('127.0.0.1', PORT)).set('a', 'b')",
        "client",
        "set",
        memcached,
    ),
    "pymongo": Use(
        _MONGO + "import pymongo\npymongo.MongoClient('127.0.0.1', listener.getsockname()[1]).shop.command('ping')",
        "client",
        "shop.ping",
    ),
    "pymysql": Use(
        "import pymysql\nconnection = pymysql.connect(host='127.0.0.1', port=PORT, user='tests')\n"
        "connection.cursor().execute('SELECT 1')",
        "client",
        "SELECT",
        mariadb,
    ),
    "pyramid": Use(
        SERVE
        + """
from pyramid.config import Configurator
from pyramid.response import Response
with Configurator() as config:
    config.add_route("task", "/tasks/{number}"); config.add_view(lambda request: Response("done"), route_name="task")
    app = config.make_wsgi_app()
serve(app)""",
        "server",
        "/tasks/{number}",
    ),
    "redis": Use("import redis; redis.Redis(port=PORT).set('a', 'b')", "client", "SET", redis),
    "remoulade": Use(
        """
import remoulade
from remoulade.brokers.stub import StubBroker
remoulade.set_broker(StubBroker())
@remoulade.actor
def bill(): pass
remoulade.get_broker().declare_actor(bill); bill.send()""",
        "producer",
        "remoulade/send",
    ),
    "requests": Use(ANSWER + "import requests; requests.get(URL)", "client", "GET"),
    "sqlalchemy": Use(
        "from sqlalchemy import create_engine, text\n"
        "with create_engine('sqlite://').connect() as connection: connection.execute(text('SELECT 1'))",
        "client",
        "SELECT",
    ),
    "sqlite3": Use("import sqlite3; sqlite3.connect(':memory:').cursor().execute('SELECT 1')", "client", "SELECT"),
    "starlette": Use(
        """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
TestClient(Starlette(routes=[Route("/tasks/{number}", lambda request: PlainTextResponse("done"))])).get("/tasks/1")""",
        "server",
        "GET /tasks/{number}",
        module="httpx",
    ),
    "tornado": Use(
        SERVE
        + """
import asyncio
from tornado.web import Application, RequestHandler
class Task(RequestHandler):
    def get(self, number): self.write("done")
async def main():
    server = Application([(r"/tasks/(\\\\d+)", Task)]).listen(0, "127.0.0.1")
    await asyncio.to_thread(ask, next(iter(server._sockets.values())).getsockname()[1])
asyncio.run(main())""",
        "server",
        "GET",
    ),
    "tortoiseorm": Use(
        """
from tortoise import Tortoise, run_async
async def main():
    await Tortoise.init(db_url="sqlite://:memory:", modules={"models": ["__main__"]})
    await Tortoise.get_connection("default").execute_query("SELECT 1"); await Tortoise.close_connections()
run_async(main())""",
        "client",
        "SELECT",
    ),
    "urllib": Use(ANSWER + "from urllib.request import urlopen; urlopen(URL).read()", "client", "GET"),
    "urllib3": Use(ANSWER + "import urllib3; urllib3.PoolManager().request('GET', URL)", "client", "GET"),
    "wsgiref": Use(
        SERVE + "def app(environ, start):\n    start('200 OK', []); return [b'done']\nserve(app)", "server", "GET"
    ),
}

# What is off unless it is named, and makes spans then.
OFF = {
    "asyncclick": Use(
        """
import asyncclick
@asyncclick.command()
async def bill(): pass
bill([], prog_name="bill", standalone_mode=False)""",
        "internal",
        "bill",
    ),
    "click": Use(
        """
import click
@click.command()
def bill(): pass
bill([], prog_name="bill", standalone_mode=False)""",
        "internal",
        "bill",
    ),
    "jinja2": Use("import jinja2; jinja2.Template('{{ a }}').render(a=1)", "internal", "jinja2.render"),
}

# Servers: how each serves a bare application.
SERVED = {
    "cheroot": "cheroot one_of_14:app --bind 127.0.0.1:{port}",
    "daphne": "daphne -b 127.0.0.1 -p {port} one_of_14:app",
    "granian": "granian --interface asgi one_of_14:app --port {port} --log-level error",
    "gunicorn": "gunicorn one_of_14:app --bind 127.0.0.1:{port} --log-level error",
    "hypercorn": "hypercorn one_of_14:app --bind 127.0.0.1:{port} --log-level error",
    "uvicorn": "uvicorn one_of_14:app --port {port} --log-level error",
    "waitress": "waitress-serve --listen=127.0.0.1:{port} one_of_14:app",
    "werkzeug": "flask --app one_of_14 run --port {port}",
}

# Without a server that can be had as a package, or without a request that means anything outside of its cloud: that
# the instrumentor comes into force when the library is imported is what a row's test shows; or what tests elsewhere.
ELSEWHERE = {
    "aws-lambda": "tests/instrumentation/test_arming.py has a handler",
    "cassandra": "no package has a server; in force when it is imported",
    "pymssql": "no package has a server; in force when it is imported",
    "threading": "tests/instrumentation/test_threading.py: it makes no spans, context goes along",
    "vertexai": "in force when it is imported; its service is in the cloud",
}
