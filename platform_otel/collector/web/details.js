// All that is known of one span.

import { element, refill } from "./dom.js";
import { duration } from "./format.js";
import { linkList } from "./links.js";
import { attribute, text } from "./otlp.js";
import { MOST, attributes, cutText, pairs, section } from "./panel_parts.js";
import { service } from "./service.js";

/**
 * Fills a panel with a span.
 *
 * trace and marks as the waterfall has them; logs may be null; linkedFrom is a node; close() and open(index) act.
 */
export function showDetails(panel, { trace, marks, index, logs, linkedFrom, close, open }) {
  const span = trace.spans[index];
  const own = (logs ?? []).filter((each) => each.span === span.id);
  const heading = element("h2", { tabindex: "-1", title: span.name }, span.name || "(no name)");
  refill(
    panel,
    element(
      "div",
      { class: "panelhead" },
      service(span.service),
      element("span", { class: "tag" }, span.kind),
      element("button", { class: "small close", "aria-label": "Close the details", on: { click: close } }, "✕"),
    ),
    heading,
    span.status === "error" || span.message
      ? element(
          "p",
          { class: span.status === "error" ? "failure" : "note" },
          `${span.status === "error" ? "✕ error" : span.status}${span.message ? `: ${cutText(span.message)}` : ""}`,
        )
      : null,
    facts(span, index, trace, marks),
    span.events
      .filter(isException)
      .slice(0, 20)
      .map((event) => exception(event, span)),
    section("Attributes", span.attributes.length, attributes(span.attributes)),
    section("Events", span.events.length, eventList(span)),
    section("Logs", own.length, logList(own, span)),
    section("Links to", span.links.length, linkList(trace, span, open)),
    linkedFrom,
    section("Resource", span.resource.length, attributes(span.resource), false),
    section("Context", 1, context(span), false),
  );
  return heading;
}

/** Log records as a list. */
export function logList(logs, span = null) {
  return element(
    "ol",
    { class: "logs" },
    logs
      .slice(0, MOST)
      .map((log) =>
        element(
          "li",
          { class: log.number >= 17 ? "failed" : null },
          element("span", { class: "quiet when" }, `+${duration(log.at + (span?.moved ?? 0) - (span?.start ?? 0))}`),
          element(
            "span",
            { class: log.number >= 17 ? "tag bad" : log.number >= 13 ? "tag warn" : "tag" },
            log.severity || "LOG",
          ),
          span ? null : service(log.service),
          element("code", {}, cutText(log.text)),
        ),
      ),
  );
}

function facts(span, index, trace, marks) {
  const usual = marks.usualOf(span);
  const own = marks.selfOf(index);
  const skew = marks.skewOf(index);
  return pairs([
    ["Duration", duration(span.duration)],
    own === null
      ? null
      : ["Itself", `${duration(own)}${span.duration ? ` (${Math.round((own / span.duration) * 100)} %)` : ""}`],
    usual
      ? [
          "Usual p95",
          `${duration(usual)}${span.duration >= usual * 1.05 ? `, this one is ${(span.duration / usual).toFixed(1)}× that` : ""}`,
        ]
      : null,
    ["Began", `${duration(span.start)} after the trace`],
    skew ? ["Clock", skew.text] : null,
    trace.tree.children[index].length ? ["Children", String(trace.tree.children[index].length)] : null,
    trace.tree.orphans.has(index) ? ["Parent", `${span.parent} has not arrived`] : null,
  ]);
}

function context(span) {
  return pairs([
    ["Span id", span.id],
    span.parent ? ["Parent id", span.parent] : null,
    span.parent && span.flags & 0x100 ? ["Parent is", span.flags & 0x200 ? "remote" : "local"] : null,
    span.state ? ["Trace state", span.state] : null,
    span.scope.name ? ["Scope", `${span.scope.name} ${span.scope.version ?? ""}`.trim()] : null,
  ]);
}

function isException(event) {
  return event.name === "exception";
}

function exception(event) {
  const said = cutText(text(attribute(event, "exception.message")));
  const stack = text(attribute(event, "exception.stacktrace"));
  return element(
    "section",
    { class: "exception" },
    element("h3", {}, text(attribute(event, "exception.type")) || "exception"),
    said ? element("p", {}, said) : null,
    stack
      ? element(
          "details",
          { open: stack.length < 3000 },
          element("summary", {}, "Stack trace"),
          element("pre", { tabindex: "0" }, stack),
        )
      : null,
  );
}

function eventList(span) {
  return element(
    "ol",
    { class: "events" },
    span.events
      .slice(0, MOST)
      .map((event) =>
        element(
          "li",
          {},
          element(
            "div",
            {},
            element("span", { class: "quiet when" }, `+${duration(event.at + (span.moved ?? 0) - span.start)}`),
            element("b", {}, event.name || "(no name)"),
          ),
          event.attributes.length && !isException(event) ? attributes(event.attributes) : null,
        ),
      ),
  );
}
