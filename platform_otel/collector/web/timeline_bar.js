// What stands above a waterfall: its buttons, what its marks mean, its keys.

import { element } from "./dom.js";
import { KEY_HELP } from "./keys.js";

/** The bar of a waterfall; failed: whether it has errors to go to; reset: a button that is there while it is zoomed. */
export function timelineBar(rows, failed, reset, legend) {
  return element(
    "div",
    { class: "bar" },
    element("button", { class: "small", on: { click: () => rows.all(false) } }, "Close all"),
    element("button", { class: "small", on: { click: () => rows.all(true) } }, "Open all"),
    failed ? element("button", { class: "small", on: { click: () => rows.nextError() } }, "Next error") : null,
    reset,
    legend.node,
    keys(),
  );
}

/** What the marks of a waterfall mean; those that there are, once show(marks) has been told of them. */
export function markLegend() {
  const critical = element("span", { hidden: true }, element("i", { class: "critical" }), " critical path");
  const usual = element("span", { hidden: true }, element("i", { class: "usual" }), " usual p95");
  return {
    node: element("span", { class: "legend quiet", "aria-hidden": "true" }, critical, usual),
    show: (marks) => {
      critical.hidden = !marks.hasCritical;
      usual.hidden = !marks.hasUsual;
    },
  };
}

function keys() {
  return element(
    "details",
    { class: "keys" },
    element("summary", {}, "Keys"),
    element(
      "dl",
      { id: "keys" },
      KEY_HELP.map(([key, meaning]) => [
        element("dt", {}, element("kbd", {}, key)),
        element("dd", {}, meaning),
      ]).flat(),
    ),
  );
}
