// The hops of one trace: who waited for whom, and for what.

import { element, place } from "./dom.js";
import { duration } from "./format.js";
import { service } from "./service.js";
import { table } from "./table.js";

/** What a wait is made of, in the order in which it is drawn. */
export const PARTS = [
  ["network", "Network", "Between the two: client minus server, which no clock disturbs; queues are in it"],
  ["own", "Itself", "The called service's own work"],
  ["waited", "Waited", "What the called service waited for itself"],
  ["unseen", "Not seen", "Of calls whose other side has no span"],
];

/** The table of an analysis. */
export function hopTable(analysis) {
  const longest = Math.max(...analysis.hops.map((hop) => hop.waitNano), 1);
  const list = table({
    caption: "Hops of this trace",
    columns: columns(longest),
    order: { key: "", down: false },
    empty: "No service called another.",
  });
  list.show(analysis.hops);
  return element("div", {}, legend(), list.node);
}

/** What the colours of the parts mean. */
export function legend() {
  return element(
    "p",
    { class: "legend quiet" },
    PARTS.map(([name, text, meaning]) =>
      element("span", { title: meaning }, element("i", { class: `part of-${name}` }), ` ${text} `),
    ),
  );
}

/** A bar split into its parts; longest is how long the widest is. */
export function partsBar(parts, longest) {
  return element(
    "div",
    {
      class: "parts",
      role: "img",
      "aria-label": PARTS.map(([name, text]) => `${text} ${duration(parts[`${name}Nano`] ?? 0)}`).join(", "),
    },
    PARTS.map(([name]) =>
      place(element("i", { class: `part of-${name}` }), {
        width: `${(Math.max(0, parts[`${name}Nano`] ?? 0) / longest) * 100}%`,
      }),
    ),
  );
}

function columns(longest) {
  return [
    {
      key: "caller",
      title: "From",
      sort: (hop) => hop.caller ?? "",
      cell: (hop) => (hop.caller ? service(hop.caller) : element("span", { class: "quiet" }, "outside")),
    },
    {
      key: "callee",
      title: "To",
      cell: (hop) => [
        service(hop.callee),
        hop.calleeSeen ? "" : element("span", { class: "tag" }, "no spans"),
        hop.waitedFor ? "" : element("span", { class: "tag" }, "not waited for"),
      ],
    },
    {
      key: "count",
      title: "Calls",
      number: true,
      sort: (hop) => hop.callCount,
      cell: (hop) => [
        String(hop.callCount),
        hop.errorCount ? element("small", { class: "change bad" }, `✕ ${hop.errorCount}`) : "",
      ],
    },
    { key: "wait", title: "Wait", number: true, sort: (hop) => hop.waitNano, cell: (hop) => duration(hop.waitNano) },
    { key: "parts", title: "Made of", class: "wide", cell: (hop) => partsBar(hop, longest) },
    ...PARTS.map(([name, text, describe]) => ({
      key: name,
      title: text,
      number: true,
      describe,
      sort: (hop) => hop[`${name}Nano`],
      cell: (hop) => duration(hop[`${name}Nano`]),
    })),
  ];
}
