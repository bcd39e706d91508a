"""gRPC: whatever grpcio allows works, and a call is one client and one server span."""

import pytest

from tests.instrumentation.comparison import needs, spans_of
from tests.receiver import Receiver

pytestmark = needs("grpcio", "opentelemetry-instrumentation-grpc")

HANDLER = """
import asyncio, grpc, grpc.aio
from concurrent.futures import ThreadPoolExecutor

class Theirs(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        print("theirs")
        return continuation(details)

class Hello(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"hello " + request)
"""

BLOCKING = """
with ThreadPoolExecutor(1) as pool:
    server = {server}
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with {channel} as channel:
        print(channel.unary_unary("/service/Hello")(b"world"))
    server.stop(None).wait()
"""


@pytest.mark.parametrize(
    "server",
    [
        "grpc.server(pool, [Hello()])",
        "grpc.server(pool, [Hello()], [Theirs()])",
        "grpc.server(pool, (Hello(),), (Theirs(),), None)",
        "grpc.server(pool, handlers=[Hello()], interceptors=(Theirs(),))",
    ],
)
def test_a_call_is_a_client_and_a_server_span(receiver: Receiver, server: str) -> None:
    channel = "grpc.insecure_channel(f'127.0.0.1:{port}', None)"
    code = HANDLER + BLOCKING.format(server=server, channel=channel)

    assert_one_call(receiver, code)


AIO = """
class TheirsToo(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation, details):
        print("theirs")
        return await continuation(details)

class TheirsCalling(grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation, details, request):
        print("theirs, calling")
        return await continuation(details, request)

async def main():
    server = {server}
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with {channel} as channel:
        print(await channel.unary_unary("/service/Hello")(b"world"))
    await server.stop(None)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "server, channel",
    [
        ("grpc.aio.server(None, [Hello()])", "grpc.aio.insecure_channel(f'127.0.0.1:{port}')"),
        (
            "grpc.aio.server(None, [Hello()], [TheirsToo()])",
            "grpc.aio.insecure_channel(f'127.0.0.1:{port}', None, None, [TheirsCalling()])",
        ),
        (
            "grpc.aio.server(handlers=[Hello()], interceptors=(TheirsToo(),))",
            "grpc.aio.insecure_channel(f'127.0.0.1:{port}', interceptors=[TheirsCalling()])",
        ),
    ],
)
def test_an_asyncio_call_is_a_client_and_a_server_span(receiver: Receiver, server: str, channel: str) -> None:
    code = HANDLER + AIO.replace("{server}", server).replace("{channel}", channel)

    assert_one_call(receiver, code)


def assert_one_call(receiver: Receiver, code: str) -> None:
    # grpcio's own logging writes to stderr whenever it likes.
    spans = {span.kind: span for span in spans_of(receiver, code, GRPC_VERBOSITY="NONE")}

    assert sorted(spans) == ["client", "server"]
    assert len(receiver.spans()) == 2
    assert spans["server"].parent_id == spans["client"].span_id


HANDLERS = """
import asyncio, grpc, grpc.aio
from concurrent.futures import ThreadPoolExecutor

async def unary(request, context):
    return b"unary " + request
def unary_in_a_thread(request, context):
    return b"unary " + request
async def stream(request, context):
    yield b"one"
    yield b"two"
def stream_in_a_thread(request, context):
    yield b"one"
    yield b"two"
async def stream_by_writing(request, context):
    await context.write(b"one")
    await context.write(b"two")

class Service(grpc.GenericRpcHandler):
    def service(self, details):
        make = grpc.{kind}_rpc_method_handler
        return make({handler}) if details.method == "/service/method" else None

async def main():
    with ThreadPoolExecutor(2) as pool:
        server = grpc.aio.server(pool, [Service()])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{{port}}") as channel:
            call = channel.{kind}("/service/method")(b"request")
            print([response async for response in call] if hasattr(call, "__aiter__") else await call)
            print(await call.code())
        await server.stop(None)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "kind, handler",
    [
        ("unary_unary", "unary"),
        ("unary_unary", "unary_in_a_thread"),
        ("unary_stream", "stream"),
        ("unary_stream", "stream_in_a_thread"),
        ("unary_stream", "stream_by_writing"),
    ],
)
def test_an_asyncio_server_takes_every_kind_of_handler(receiver: Receiver, kind: str, handler: str) -> None:
    assert_one_call(receiver, HANDLERS.format(kind=kind, handler=handler))


STREAM = """
import grpc
from concurrent.futures import ThreadPoolExecutor

class Service(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_stream_rpc_method_handler(self.stream)
    def stream(self, request, context):
        context.disable_next_message_compression()
        yield b"one"
        yield b"two"

with ThreadPoolExecutor(2) as pool:
    server = grpc.server(pool, [Service()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{{port}}") as channel:
        call = channel.unary_stream("/service/method")(b"request")
        {use}
    server.stop(None).wait()
"""


@pytest.mark.parametrize(
    "use",
    [
        "print(list(call), call.code(), call.trailing_metadata(), isinstance(call, grpc.Call))",
        "print(next(call), call.cancel(), call.code())",
        "call.add_done_callback(lambda call: None); print(list(call))",
    ],
)
def test_a_stream_of_responses_is_a_call(receiver: Receiver, use: str) -> None:
    assert_one_call(receiver, STREAM.format(use=use))


@pytest.mark.parametrize("call", ["grpc.server()", "grpc.server(1, 2, 3, nothing=4)", "grpc.aio.secure_channel('x')"])
def test_a_wrong_call_fails_in_grpcios_own_words(receiver: Receiver, call: str) -> None:
    code = f"import grpc, grpc.aio\ntry: {call}\nexcept TypeError as error: print(error)"

    assert spans_of(receiver, code) == []
