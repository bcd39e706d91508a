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
  const parts = partsOf(analysis.hops, (hop, name) => hop[`${name}Nano`]);
  const list = table({
    caption: "Hops of this trace",
    columns: columns(longest, parts, mostOwn(analysis.hops, (hop) => hop.ownNano)),
    order: { key: "", down: false },
    empty: "No service called another.",
  });
  list.show(analysis.hops);
  return element("div", {}, legend(parts), list.node);
}

/** Those of the parts that any hop has; valueOf(hop, name) is in nanoseconds. */
export function partsOf(hops, valueOf) {
  return PARTS.filter(([name]) => hops.some((hop) => valueOf(hop, name) > 0));
}

/** The hop whose own work takes longest, if it is one of several and none takes as long; else null. */
export function mostOwn(hops, own) {
  const [most, next] = [...hops].sort((one, other) => own(other) - own(one));
  return next && own(most) > own(next) ? most : null;
}

/** What a hop's own work took; isMost: it is that of mostOwn. */
export function ownCell(nanoseconds, isMost) {
  if (!isMost) return duration(nanoseconds);
  return [element("span", { class: "tag" }, "most"), " ", element("b", {}, duration(nanoseconds))];
}

/** What the colours of the parts mean. */
export function legend(parts) {
  return element(
    "p",
    { class: "legend quiet" },
    parts.map(([name, text, meaning]) =>
      element("span", { title: meaning }, element("i", { class: `part of-${name}` }), ` ${text} `),
    ),
  );
}

/** How many of a hop's calls failed, beside how many there were; room for it also where none did. */
export function failedOf(hop) {
  return element("small", { class: "change bad" }, hop.errorCount ? `✕ ${hop.errorCount}` : "");
}

/** Who calls in a hop. */
export function caller(hop) {
  return hop.caller === null ? element("span", { class: "quiet" }, "outside") : service(hop.caller);
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

function columns(longest, parts, most) {
  return [
    {
      key: "caller",
      title: "From",
      class: "end",
      sort: (hop) => hop.caller ?? "",
      cell: caller,
    },
    {
      key: "callee",
      title: "To",
      class: "end",
      cell: (hop) => [
        service(hop.callee),
        hop.calleeSeen ? "" : element("span", { class: "tag" }, "no spans"),
        hop.waitedFor ? "" : element("span", { class: "tag" }, "not waited for"),
      ],
    },
    {
      key: "count",
      title: "Calls",
      class: "moved",
      number: true,
      sort: (hop) => hop.callCount,
      cell: (hop) => [
        String(hop.callCount),
        failedOf(hop),
      ],
    },
    { key: "wait", title: "Wait", number: true, sort: (hop) => hop.waitNano, cell: (hop) => duration(hop.waitNano) },
    { key: "parts", title: "Made of", class: "wide", cell: (hop) => partsBar(hop, longest) },
    ...parts.map(([name, text, describe]) => ({
      key: name,
      title: text,
      number: true,
      describe,
      sort: (hop) => hop[`${name}Nano`],
      cell: (hop) => (name === "own" ? ownCell(hop.ownNano, hop === most) : duration(hop[`${name}Nano`])),
    })),
  ];
}
