// What stands above a trace: what it was, in figures, and what can be done with all of it.

import { element, say } from "./dom.js";
import { duration, moment, several } from "./format.js";
import { copied } from "./notices.js";
import { address, isTraceId } from "./route.js";
import { service } from "./service.js";
import { begun } from "./tree.js";

/** The heading; root is the span that began it, took shows how long, page has go(path) for leaving to a comparison. */
export function traceHeading({ trace, id, data, page, took }, root) {
  const failed = trace.spans.filter((span) => span.status === "error").length;
  const names = new Set(trace.spans.map((span) => span.service));
  return element(
    "div",
    { class: "heading trace" },
    element(
      "div",
      {},
      element("h1", { title: root.name }, service(root.service), " ", root.name || "(no name)"),
      element(
        "p",
        { class: "summary" },
        took,
        element("span", { class: "figure" }, moment(trace.start)),
        element("span", { class: "figure" }, several(trace.spans.length, "span")),
        element("span", { class: "figure" }, several(names.size, "service")),
        failed ? element("span", { class: "figure bad" }, errors(failed, begun(trace.spans, trace.tree))) : null,
        element("code", { class: "id" }, id),
      ),
    ),
    element("div", { class: "actions" }, actions(id, data, page)),
  );
}

// One error takes down all that wait for it: how many there are says little, how many began says more.
function errors(failed, own) {
  return `✕ ${several(failed, "error")}${own < failed ? `, ${own} began ${own === 1 ? "it" : "them"}` : ""}`;
}

/** How long a trace took: as measured, and on one clock if that is something else. */
export function tookWords(measured, onOneClock) {
  const words = duration(measured);
  const one = duration(onOneClock);
  return [element("b", {}, one), one === words ? "" : ` on one clock (${words} as measured)`];
}

function actions(id, data, page) {
  const text = () => JSON.stringify(data);
  const copy = element(
    "button",
    { on: { click: async () => say((copy.textContent = (await copied(text())) ? "Copied" : "Not copied")) } },
    "Copy JSON",
  );
  const download = element("button", { on: { click: () => save(`${id}.json`, text()) } }, "Download");
  const other = element("input", {
    type: "search",
    placeholder: "Compare with trace id",
    "aria-label": "Compare with the trace of this id",
    size: "18",
    spellcheck: "false",
    on: {
      keydown: (event) => {
        if (event.key !== "Enter") return;
        other.setAttribute("aria-invalid", String(!isTraceId(other.value)));
        if (isTraceId(other.value))
          page.go(address("/compare", { a: id, b: other.value.trim().toLowerCase() }));
      },
    },
  });
  return [copy, download, other];
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
