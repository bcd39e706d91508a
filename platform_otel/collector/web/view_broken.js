// Where a trace that should go on begins anew, or misses its parent; and why.

import { between, card, line, seen } from "./card.js";
import { element, link } from "./dom.js";
import { several } from "./format.js";
import { listing } from "./listing.js";
import { empty } from "./notices.js";
import { traceAddress } from "./route.js";
import { service } from "./service.js";

export const title = "Broken propagation";

// What each cause is called, and what to do about it.
const CAUSES = {
  caller_not_traced: ["Caller not traced", "Start the caller behind platform-trace, or have it send traceparent."],
  header_not_forwarded: [
    "Header not forwarded",
    "Something between the two drops traceparent: a proxy, a gateway, a client that is not instrumented.",
  ],
  foreign_header: [
    "Foreign header",
    "The caller sends context in another format. Let the callee read it, for B3: OTEL_PROPAGATORS=tracecontext,baggage,b3multi.",
  ],
  parent_never_arrived: [
    "Parent never arrived",
    "The caller ended before it could send its spans, or sends them elsewhere: see its stderr, and its OTEL_EXPORTER_OTLP_ENDPOINT.",
  ],
  sampled_out: [
    "Sampled out",
    "The caller's sampler dropped its spans while the callee kept its own: use parentbased samplers everywhere.",
  ],
  clock_skew: ["Clock skew", "Times are shown on the caller's clock. Synchronise the clocks of the machines."],
};

/** Shows them. */
export function show(page) {
  const nothing = empty(
    "No trace breaks in this while",
    "Every request that crossed two services kept its context. The same in a terminal:",
    "platform-trace show broken",
  );
  return listing(page, {
    title,
    query: "broken",
    draw: (answer) => (answer.links.length ? element("ul", { class: "cards" }, answer.links.map(broken)) : null),
    nothing,
  });
}

function broken(found) {
  const [name, advice] = CAUSES[found.cause] ?? [found.cause, ""];
  const from = found.caller ? service(found.caller) : element("span", { class: "quiet" }, "somebody");
  const what = `${name}, ${found.caller || "somebody"} to ${found.callee}`;
  return card(
    "warned",
    between(name, from, found.callee, found.operation),
    several(found.count, "time"),
    element("p", {}, found.evidence),
    advice ? element("p", { class: "quiet" }, advice) : null,
    line(
      link(traceAddress(found.traceId, found.spanId), { "aria-label": `Where it breaks: ${what}` }, "Where it breaks"),
      found.callerTraceId && found.callerTraceId !== found.traceId
        ? link(
            traceAddress(found.callerTraceId, found.callerSpanId ?? ""),
            { "aria-label": `The caller's trace: ${what}` },
            "The caller's trace",
          )
        : null,
      seen(found),
    ),
  );
}
