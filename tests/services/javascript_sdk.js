// Two spans by the OpenTelemetry SDK for JavaScript; ends when the exporter has them delivered.
// node javascript_sdk.js http|proto|grpc URL none|gzip

const { DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, createTraceState, diag, trace } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const [exporter, url, compression] = process.argv.slice(2);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${exporter}`);

diag.setLogger({ error: console.error, warn: console.error, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);

const at = (nanoseconds) => [1700000000, 123456000 + nanoseconds];
const remote = {
  traceId: "000102030405060708090a0b0c0d0e0f",
  spanId: "f0f1f2f3f4f5f6f7",
  traceFlags: 1,
  isRemote: true,
  traceState: createTraceState("vendor=v7"),
};

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "shöp", "process.pid": 7 }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url, compression }))],
});
const tracer = provider.getTracer("shop.orders", "1.2.3", { schemaUrl: "https://example.com/schema" });

const server = tracer.startSpan(
  "GET /orders 注文",
  {
    kind: SpanKind.SERVER,
    startTime: at(0),
    links: [{ context: { traceId: "ff".repeat(16), spanId: "ee".repeat(8), traceFlags: 1 }, attributes: { why: "größer" } }],
    attributes: {
      text: "naïve 注文 🛒",
      empty: "",
      whole: 7,
      zero: 0,
      negative: -1,
      large: Number.MAX_SAFE_INTEGER,
      half: 0.5,
      yes: true,
      no: false,
      texts: ["a", "", "ü"],
      numbers: [1, -2],
    },
  },
  trace.setSpanContext(ROOT_CONTEXT, remote),
);
server.addEvent("cache miss ✗", { tries: 3 }, at(1));
const child = tracer.startSpan(
  "charge",
  { kind: SpanKind.CLIENT, startTime: at(2) },
  trace.setSpan(ROOT_CONTEXT, server),
);
child.setStatus({ code: SpanStatusCode.OK });
child.end(at(3));
server.setStatus({ code: SpanStatusCode.ERROR, message: "kaputt ü" });
server.end(at(5));

provider.shutdown().then(() => {
  console.log(JSON.stringify([server, child].map((span) => span.spanContext().spanId)));
});
