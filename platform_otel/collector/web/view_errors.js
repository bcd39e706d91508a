// Errors by where they began, and whom they took down.

import { card, line, seen } from "./card.js";
import { element, link } from "./dom.js";
import { several } from "./format.js";
import { listing } from "./listing.js";
import { empty } from "./notices.js";
import { address, traceAddress } from "./route.js";
import { service } from "./service.js";

export const title = "Errors";

/** Shows them. */
export function show(page) {
  const nothing = empty(
    "Nothing failed in this while",
    "Of an error that passes through several services, this page shows the one where it began. The same in a terminal:",
    "platform-trace show errors",
  );
  return listing(page, {
    title,
    query: "errors",
    draw: (answer) =>
      answer.groups.length
        ? element(
            "ul",
            { class: "cards" },
            answer.groups.map((group) => error(group, page)),
          )
        : null,
    nothing,
  });
}

function error(group, page) {
  const { range, start, end } = page.route.query;
  const all = address("/search", {
    range,
    start,
    end,
    service: group.service,
    operation: group.operation,
    kind: group.kind,
    status: "error",
  });
  const what = `${group.type || "the error"} in ${group.service} ${group.operation}`;
  return card(
    "failed",
    [
      service(group.service),
      element("span", {}, group.operation || "(no name)"),
      element("span", { class: "tag bad" }, `✕ ${group.type || "error"}`),
      group.peer ? element("span", { class: "quiet" }, `calling ${group.peer}`) : null,
    ],
    `${several(group.count, "time")} in ${several(group.traceCount, "trace")}`,
    group.message && group.message !== group.type
      ? element("p", { class: "message" }, group.message.slice(0, 500))
      : null,
    group.tookDown.length
      ? line(
          element("span", { class: "quiet" }, "took down"),
          group.tookDown
            .slice(0, 12)
            .map((each) =>
              element("span", {}, service(each.service), element("span", { class: "quiet" }, ` ${each.traceCount}×`)),
            ),
        )
      : element("p", { class: "quiet" }, "no other service failed because of it"),
    line(
      link(traceAddress(group.traceId, group.spanId), { "aria-label": `The latest trace of ${what}` }, "The latest"),
      link(all, { "aria-label": `All traces of ${what}` }, "All traces"),
      seen(group),
    ),
  );
}
