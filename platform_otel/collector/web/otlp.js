// A trace in OTLP/JSON as spans. Pure functions. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUSES = ["unset", "ok", "error"];
const DEEPEST = 20;

/**
 * The spans of a trace, the earliest first, and when the first began.
 *
 * Times are nanoseconds since then: as a number each is exact, while those since the epoch would not be.
 */
export function spansOf(data) {
  const found = [];
  for (const ofResource of data.resourceSpans ?? []) {
    const resource = attributesOf(ofResource.resource);
    const name = resource.find(([key]) => key === "service.name")?.[1];
    for (const ofScope of ofResource.scopeSpans ?? []) {
      for (const span of ofScope.spans ?? [])
        found.push({
          span,
          resource,
          scope: ofScope.scope ?? {},
          service: typeof name === "string" ? name : "unknown_service",
        });
    }
  }
  const start = found.reduce((least, { span }) => smaller(least, BigInt(span.startTimeUnixNano ?? 0)), null) ?? 0n;
  const spans = found
    .map((each) => spanOf(each, start))
    .sort((one, other) => one.start - other.start || other.end - one.end);
  return { spans, start };
}

/** Log records in OTLP/JSON, the earliest first; times as in spansOf. */
export function logsOf(data, start) {
  const found = [];
  for (const ofResource of data.resourceLogs ?? []) {
    const name = attributesOf(ofResource.resource).find(([key]) => key === "service.name")?.[1];
    for (const ofScope of ofResource.scopeLogs ?? []) {
      for (const record of ofScope.logRecords ?? []) {
        const at = BigInt(record.timeUnixNano || record.observedTimeUnixNano || 0);
        found.push({
          at: Number(at - start),
          span: record.spanId ?? "",
          severity: record.severityText || severity(record.severityNumber),
          number: record.severityNumber ?? 0,
          service: String(name ?? "unknown_service"),
          text: text(plain(record.body)),
          attributes: attributesOf(record),
        });
      }
    }
  }
  return found.sort((one, other) => one.at - other.at);
}

/** Attributes as pairs of a name and a plain value. */
export function attributesOf(holder) {
  return (holder?.attributes ?? []).map((each) => [String(each.key ?? ""), plain(each.value)]);
}

/** What an AnyValue holds. */
export function plain(value, depth = 0) {
  if (!value || depth > DEEPEST) return null;
  if ("stringValue" in value) return value.stringValue;
  if ("boolValue" in value) return value.boolValue;
  if ("intValue" in value) return BigInt(value.intValue);
  if ("doubleValue" in value) return value.doubleValue;
  if ("bytesValue" in value) return `(bytes) ${value.bytesValue}`;
  if ("arrayValue" in value) return (value.arrayValue.values ?? []).map((each) => plain(each, depth + 1));
  if ("kvlistValue" in value)
    return Object.fromEntries((value.kvlistValue.values ?? []).map((each) => [each.key, plain(each.value, depth + 1)]));
  return null;
}

/** A plain value as text. */
export function text(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "object")
    return JSON.stringify(value, (_, each) => (typeof each === "bigint" ? Number(each) : each), 1);
  return String(value);
}

/** The value of an attribute, or undefined. */
export function attribute(span, name) {
  return span.attributes.find(([key]) => key === name)?.[1];
}

function spanOf({ span, resource, scope, service }, start) {
  const [began, ended] = [BigInt(span.startTimeUnixNano ?? 0), BigInt(span.endTimeUnixNano ?? 0)];
  return {
    id: span.spanId ?? "",
    parent: span.parentSpanId ?? "",
    service,
    resource,
    scope,
    name: span.name ?? "",
    kind: KINDS[span.kind ?? 0] ?? KINDS[0],
    start: Number(began - start),
    end: Number(larger(began, ended) - start),
    duration: Number(larger(began, ended) - began),
    status: STATUSES[span.status?.code ?? 0] ?? STATUSES[0],
    message: span.status?.message ?? "",
    state: span.traceState ?? "",
    flags: span.flags ?? 0,
    attributes: attributesOf(span),
    events: (span.events ?? []).map((event) => ({
      at: Number(BigInt(event.timeUnixNano ?? 0) - start),
      name: event.name ?? "",
      attributes: attributesOf(event),
    })),
    links: (span.links ?? []).map((each) => ({
      trace: each.traceId ?? "",
      span: each.spanId ?? "",
      state: each.traceState ?? "",
      attributes: attributesOf(each),
    })),
  };
}

function severity(number) {
  return ["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"][Math.ceil((number ?? 0) / 4)] ?? "";
}

function smaller(one, other) {
  return one === null || other < one ? other : one;
}

function larger(one, other) {
  return one > other ? one : other;
}
