// The links of a span, both ways: those that it has, and those of other spans that lead to it.

import { askIfPossible } from "./api.js";
import { element, link, refill } from "./dom.js";
import { count, moment } from "./format.js";
import { MOST, attributes, section } from "./panel_parts.js";
import { traceAddress } from "./route.js";
import { service } from "./service.js";

const MOST_FROM = 20;

/** Where a span leads to; open(index) shows another span of the trace. */
export function linkList(trace, span, open) {
  return element(
    "ul",
    { class: "links" },
    span.links
      .slice(0, MOST)
      .map((each) =>
        element(
          "li",
          {},
          leading(trace, each.trace, each.span, open, `trace ${each.trace.slice(0, 8)}…, span ${each.span}`),
          each.state ? element("span", { class: "quiet" }, ` ${each.state}`) : null,
          each.attributes.length ? attributes(each.attributes) : null,
        ),
      ),
  );
}

/** The spans, of whatever trace, that lead to one: a room that fills when they are known, and stays empty without. */
export function linkedFrom(trace, span, open, signal) {
  const room = element("div");
  askIfPossible(`traces/${trace.id}/links`, { span: span.id, limit: MOST_FROM }, signal).then(
    (answer) => refill(room, answer ? found(trace, answer, open) : unknown()),
    () => {},
  );
  return room;
}

function found(trace, answer, open) {
  const more = answer.count - answer.links.length;
  return section(
    "Linked from",
    answer.count,
    element(
      "div",
      {},
      element(
        "ul",
        { class: "links" },
        answer.links.map((each) => element("li", {}, fromOne(trace, each, open))),
      ),
      more > 0 ? element("p", { class: "quiet" }, `The newest ${answer.links.length} of ${count(answer.count)}.`) : null,
    ),
  );
}

function fromOne(trace, each, open) {
  const name = each.operation || "(no name)";
  return [
    service(each.service),
    " ",
    leading(trace, each.traceId, each.spanId, open, name),
    element("span", { class: "quiet" }, ` ${moment(each.startTimeUnixNano)}`),
  ];
}

// A span of this trace is shown where it is; another trace is gone to.
function leading(trace, id, spanId, open, words) {
  const position = id === trace.id ? trace.spans.findIndex((span) => span.id === spanId) : -1;
  if (position < 0) return link(traceAddress(id, spanId), {}, words);
  const here = trace.spans[position];
  return element(
    "button",
    { class: "plain link", title: "A span of this trace", on: { click: () => open(position) } },
    here.name || "(no name)",
  );
}

function unknown() {
  return element("p", { class: "quiet" }, "What links to it could not be asked.");
}
