"""Local stand-ins for a collector: `python benchmarks/sink.py MODE PORT`.

http: answers 200 to everything (OTLP/HTTP, Datadog agent, an upstream to call);
      GET /_stats gives requests, bytes and spans seen.   grpc: the same for OTLP/gRPC (needs grpcio);
hole: accepts connections, reads, never answers.
"""

import asyncio
import gzip
import json
import sys

stats = {"requests": 0, "bytes": 0, "spans": 0, "paths": {}}


def varint(b, i):
    r = s = 0
    while True:
        c = b[i]
        i += 1
        r |= (c & 127) << s
        if c < 128:
            return r, i
        s += 7


def fields(b, i, end):
    while i < end:
        key, i = varint(b, i)
        wire = key & 7
        if wire == 0:
            _, i = varint(b, i)
        elif wire == 1:
            i += 8
        elif wire == 5:
            i += 4
        else:
            n, i = varint(b, i)
            yield key >> 3, i, i + n
            i += n


def count_spans(b):
    n = 0
    for f, s, e in fields(b, 0, len(b)):
        if f == 1:
            for f2, s2, e2 in fields(b, s, e):
                if f2 == 2:
                    n += sum(1 for f3, _, _ in fields(b, s2, e2) if f3 == 2)
    return n


def seen(path, body, headers=b""):
    stats["requests"] += 1
    stats["bytes"] += len(body)
    stats["paths"][path] = stats["paths"].get(path, 0) + 1
    if path.endswith(("/v1/traces", "TraceService/Export")):
        raw = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        stats["spans"] += raw.count(b'"spanId"') if raw[:1] == b"{" else count_spans(raw)
    i = headers.lower().find(b"x-datadog-trace-count:")
    if i >= 0:
        stats["spans"] += int(headers[i + 22 :].split(b"\r\n", 1)[0])


class Http(asyncio.Protocol):
    def connection_made(self, t):
        self.t, self.buf = t, b""

    def data_received(self, d):
        self.buf += d
        while True:
            i = self.buf.find(b"\r\n\r\n")
            if i < 0:
                return
            head, low = self.buf[:i], self.buf[:i].lower()
            path = head.split(b" ", 2)[1].decode("latin-1")
            if b"transfer-encoding: chunked" in low:
                e = self.buf.find(b"0\r\n\r\n", i + 4)
                if e < 0:
                    return
                body, rest = self.buf[i + 4 : e], self.buf[e + 5 :]
            else:
                j = low.find(b"content-length:")
                n = int(low[j + 15 :].split(b"\r\n", 1)[0]) if j >= 0 else 0
                if len(self.buf) < i + 4 + n:
                    if b"expect: 100-continue" in low:
                        self.t.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    return
                body, rest = self.buf[i + 4 : i + 4 + n], self.buf[i + 4 + n :]
            self.buf = rest
            out = b""
            if path == "/_stats":
                out = json.dumps(stats).encode()
            elif path == "/info":
                out = (
                    b'{"version":"7.60.0","endpoints":["/v0.4/traces","/v0.5/traces","/v0.6/stats"],'
                    b'"client_drop_p0s":true}'
                )
            elif path == "/up":
                out = b'{"up":1}'
            else:
                seen(path, body, head)
                if "traces" in path and path.startswith("/v0"):
                    out = b'{"rate_by_service":{"service:,env:":1}}'
            self.t.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/%s\r\ncontent-length: %d\r\n\r\n%s"
                % (b"json" if out else b"x-protobuf", len(out), out)
            )


class Hole(asyncio.Protocol):
    pass


async def main(mode, port):
    loop = asyncio.get_running_loop()
    if mode == "grpc":
        import grpc

        class Any(grpc.GenericRpcHandler):
            def service(self, d):
                def h(body, ctx):
                    seen(d.method, body)
                    return b""

                return grpc.unary_unary_rpc_method_handler(h)

        from concurrent.futures import ThreadPoolExecutor

        s = grpc.server(ThreadPoolExecutor(2))
        s.add_generic_rpc_handlers((Any(),))
        s.add_insecure_port(f"127.0.0.1:{port}")
        s.start()
        server = await loop.create_server(Http, "127.0.0.1", port + 1)  # only for /_stats
    else:
        server = await loop.create_server(Http if mode == "http" else Hole, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
