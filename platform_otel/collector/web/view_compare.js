// Two traces beside each other.

import { askIfThere } from "./api.js";
import { beside, difference } from "./compare.js";
import { element, link, place } from "./dom.js";
import { change, duration, moment, several } from "./format.js";
import { empty } from "./notices.js";
import { spansOf } from "./otlp.js";
import { isTraceId, traceAddress } from "./route.js";
import { service } from "./service.js";
import { table } from "./table.js";
import { treeOf } from "./tree.js";

export const title = "Two traces";

/** Shows them. */
export async function show(page) {
  const { a, b } = page.route.query;
  page.main.append(element("h1", {}, "Two traces"));
  if (!isTraceId(a ?? "") || !isTraceId(b ?? "")) return choose(page);
  const found = await Promise.all([a, b].map((id) => askIfThere(`traces/${id}`, {}, page.signal)));
  if (found.includes(null))
    return page.main.append(
      empty("A trace is not here", `${[a, b][found.indexOf(null)]} has not arrived, or is no longer kept.`),
    );
  const traces = found.map((data) => {
    const { spans, start } = spansOf(data);
    return { spans, start, tree: treeOf(spans) };
  });
  const lines = beside(...traces);
  const most = Math.max(...lines.map((line) => Math.abs(difference(line))), 1);
  const list = table({
    caption: "Spans of both traces",
    columns: columns(most),
    order: { key: "", down: true },
    most: 2000,
  });
  list.show(lines);
  page.main.append(
    element(
      "div",
      { class: "two" },
      traces.map((trace, index) => side(trace, [a, b][index], index)),
    ),
    list.node,
  );
  return null;
}

function choose(page) {
  page.main.append(
    empty("Choose two traces", "Tick two traces in a search and press “Compare two”."),
    link("/search", { class: "button" }, "Search"),
  );
}

function side(trace, id, index) {
  const root = trace.spans[trace.tree.roots[0]];
  const end = trace.spans.reduce((most, span) => Math.max(most, span.end), 0);
  return element(
    "section",
    { class: "side" },
    element(
      "h2",
      {},
      element("span", { class: "tag" }, "AB"[index]),
      " ",
      link(traceAddress(id), {}, service(root.service), " ", root.name || "(no name)"),
    ),
    element(
      "p",
      { class: "quiet" },
      `${duration(end)}, ${several(trace.spans.length, "span")}, ${moment(trace.start)}`,
    ),
  );
}

function columns(most) {
  return [
    {
      key: "name",
      title: "Operation",
      class: "name",
      cell: (line) =>
        place(
          element(
            "span",
            { class: "indented" },
            service(line.service),
            " ",
            line.name || "(no name)",
            " ",
            element("small", { class: "quiet" }, line.kind),
          ),
          { "--depth": String(Math.min(line.depth, 20)) },
        ),
    },
    ...["first", "second"].flatMap((each, index) => [
      {
        key: `${each}-count`,
        title: `Spans ${"AB"[index]}`,
        number: true,
        sort: (line) => line[each]?.count ?? 0,
        cell: (line) =>
          line[each]
            ? [
                String(line[each].count),
                line[each].failed ? element("small", { class: "change bad" }, `✕ ${line[each].failed}`) : "",
              ]
            : element("span", { class: "quiet" }, "–"),
      },
      {
        key: each,
        title: `Time ${"AB"[index]}`,
        number: true,
        sort: (line) => line[each]?.total ?? 0,
        cell: (line) => (line[each] ? duration(line[each].total) : element("span", { class: "quiet" }, "–")),
      },
    ]),
    {
      key: "difference",
      title: "B − A",
      number: true,
      sort: difference,
      cell: (line) => moved(difference(line)),
    },
    { key: "bar", title: "Difference", class: "wide", cell: (line) => bar(line, most) },
    {
      key: "share",
      title: "Change",
      number: true,
      cell: (line) =>
        element(
          "small",
          { class: "quiet" },
          !line.first
            ? "only in B"
            : !line.second
              ? "only in A"
              : (change(line.second.total, line.first.total)?.text ?? ""),
        ),
    },
  ];
}

function moved(by) {
  if (!by) return element("span", { class: "quiet" }, "0");
  return element("span", { class: by > 0 ? "bad" : "good" }, `${by > 0 ? "+" : "−"}${duration(Math.abs(by))}`);
}

function bar(line, most) {
  const share = (difference(line) / most) * 50;
  return element(
    "div",
    { class: "diverging", "aria-hidden": "true" },
    place(element("i", { class: share > 0 ? "more" : "less" }), {
      left: `${Math.min(50, 50 + share)}%`,
      width: `${Math.abs(share)}%`,
    }),
  );
}
