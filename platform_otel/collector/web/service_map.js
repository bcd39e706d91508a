// A service map: drawn, and as a table with the same in words.

import { colourOf } from "./colour.js";
import { drawn, element, link, ownPath } from "./dom.js";
import { count, duration, percent, rate, several } from "./format.js";
import { BOX, layout } from "./map_layout.js";
import { placesOfWords } from "./map_words.js";
import { service } from "./service.js";
import { table } from "./table.js";

// Beyond these a drawing says nothing any more; the table goes on.
const MOST_BOXES = 150;
const LONGEST_NAME = 19;
// Smaller than this nothing can be read; it scrolls then.
const SMALLEST = 0.72;

/**
 * A map of /query/graph.
 *
 * seconds: how long the while is, for rates; 0 for counts. edgeAddress(call), nodeAddress(node) give where a click leads,
 * or null.
 */
export function serviceMap(graph, { seconds = 0, edgeAddress = () => null, nodeAddress = () => null }) {
  const all = graph.services.map((each) => ({ ...each, name: each.service }));
  const called = new Set(graph.calls.flatMap((call) => [call.caller, call.callee]));
  const connected = all.filter((node) => called.has(node.name));
  const nodes = connected.slice(0, MOST_BOXES);
  const narrow = matchMedia("(max-width: 620px)").matches;
  const { boxes, lines, width, height } = layout(nodes, graph.calls, narrow ? "down" : "across");
  const often = (call) =>
    `${call.estimated ? "about " : ""}${seconds ? rate(call.count, seconds) : `${count(call.count)}×`}`;
  const widest = (call) => Math.max(...wordsOf(call, often(call)).map(widthOf));
  const places = placesOfWords(lines, boxes, widest, { width, height });
  const drawing = drawn(
    "svg",
    {
      class: "map",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "group",
      "aria-label": "Service map",
      vars: { "max-width": `${width}px`, "min-width": `${Math.min(width, narrow ? width * SMALLEST : Math.max(560, width * SMALLEST))}px` },
    },
    arrow(),
    lines.map((call) => edge(call, often(call), edgeAddress(call))),
    boxes.map((node) => box(node, seconds, nodeAddress(node))),
    [...places].map(([call, place]) => words(call, wordsOf(call, often(call)), place)),
  );
  const more = connected.length - nodes.length;
  return element(
    "div",
    {},
    nodes.length
      ? element("div", { class: "scroll drawing", tabindex: "0", role: "region", "aria-label": "Service map" }, drawing)
      : null,
    more > 0 ? element("p", { class: "quiet" }, `${several(more, "service")} more are in the table only.`) : null,
    alone(all.filter((node) => !called.has(node.name)), seconds, nodeAddress),
    calls(graph, often, edgeAddress),
  );
}

// In a drawing they would only stand below each other, however many there are.
function alone(nodes, seconds, nodeAddress) {
  if (!nodes.length) return null;
  return element(
    "section",
    { class: "alone", "aria-label": "Services without calls" },
    element("h2", {}, "Without calls to or from another"),
    element(
      "ul",
      {},
      nodes.map((node) =>
        element(
          "li",
          {},
          nodeAddress(node) ? link(nodeAddress(node), {}, service(node.name)) : service(node.name),
          element("span", { class: "quiet" }, ` ${under(node, seconds)}`),
        ),
      ),
    ),
  );
}

function arrow() {
  return drawn(
    "defs",
    {},
    ["tip", "tip-failed"].map((id) =>
      drawn(
        "marker",
        {
          id,
          viewBox: "0 0 8 8",
          refX: "1",
          refY: "4",
          markerWidth: "8",
          markerHeight: "8",
          markerUnits: "userSpaceOnUse",
          orient: "auto",
        },
        drawn("path", { d: "M0 0L8 4L0 8z", class: id }),
      ),
    ),
  );
}

function linked(address, label, ...children) {
  return address
    ? drawn("a", { href: ownPath(address), "aria-label": label }, ...children)
    : drawn("g", { role: "img", "aria-label": label }, ...children);
}

function edge(call, often, address) {
  const label = `${call.caller} calls ${call.callee}: ${often}, ${percent(call.errorRate)} errors, p95 ${duration(call.p95Nano)}`;
  const failed = call.errorCount > 0;
  return linked(
    address,
    label,
    drawn("title", {}, label),
    drawn("path", { class: "reach", d: call.path }),
    drawn("path", {
      class: ["edge", failed ? "failed" : "", call.peer ? "ghost" : ""].join(" "),
      d: call.path,
      "stroke-width": call.thickness.toFixed(1),
      "marker-end": failed ? "url(#tip-failed)" : "url(#tip)",
    }),
  );
}

function wordsOf(call, often) {
  return [`p95 ${duration(call.p95Nano)}`, call.errorCount ? `${often} · ✕ ${percent(call.errorRate)}` : often];
}

function words(call, [above, below], { x, y }) {
  return drawn(
    "g",
    { class: "words", "aria-hidden": "true" },
    onGround(above, x, y - 4 - call.thickness / 2, null),
    onGround(below, x, y + 12 + call.thickness / 2, call.errorCount ? "bad" : "quiet"),
  );
}

function widthOf(text) {
  return text.length * 6.3 + 4;
}

// A text over a line, on a ground of its own: a line through it could not be told from its strokes.
function onGround(text, x, y, kind) {
  const width = widthOf(text);
  return [
    drawn("rect", { class: "ground", x: x - width / 2, y: y - 10.5, width, height: 14, rx: 3 }),
    drawn("text", { x, y, "text-anchor": "middle", class: kind }, text),
  ];
}

function under(node, seconds) {
  if (node.peer) return `${node.peer}, not traced`;
  if (seconds)
    return `${rate(node.spanCount, seconds)} spans${node.errorCount ? ` · ✕ ${percent(node.errorCount / node.spanCount)}` : ""}`;
  return `${several(node.spanCount, "span")}${node.errorCount ? ` · ✕ ${node.errorCount}` : ""}`;
}

function box(node, seconds, address) {
  const words = under(node, seconds);
  return linked(
    address,
    `${node.name}: ${words}`,
    drawn("title", {}, node.name),
    drawn(
      "g",
      {
        class: ["box", node.peer ? "ghost" : "", node.errorCount ? "failed" : ""].join(" "),
        vars: colourOf(node.name),
        transform: `translate(${node.x} ${node.y})`,
      },
      drawn("rect", { class: "back", width: BOX.width, height: BOX.height, rx: 7 }),
      node.peer
        ? null
        : drawn("rect", { class: "edge-colour", width: 5, height: BOX.height - 14, x: 8, y: 7, rx: 2.5 }),
      drawn("text", { class: "title", x: node.peer ? 12 : 22, y: 20 }, shortened(node.name)),
      drawn("text", { class: "under", x: node.peer ? 12 : 22, y: 36 }, words),
    ),
  );
}

function shortened(name) {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name || "(no name)";
}

function calls(graph, often, edgeAddress) {
  const list = table({
    caption: "Calls between services",
    order: { key: "rate", down: true },
    empty: "No service called another.",
    columns: [
      {
        key: "caller",
        title: "From",
        class: "end",
        sort: (call) => call.caller,
        cell: (call) => service(call.caller),
      },
      {
        key: "callee",
        title: "To",
        class: "end",
        sort: (call) => call.callee,
        cell: (call) => [
          service(call.callee),
          call.peer ? element("span", { class: "tag" }, `${call.peer}, not traced`) : "",
        ],
      },
      {
        key: "rate",
        title: "Calls",
        number: true,
        sort: (call) => call.count,
        cell: (call) =>
          edgeAddress(call)
            ? link(edgeAddress(call), { "aria-label": `Traces of ${call.caller} calling ${call.callee}` }, often(call))
            : often(call),
      },
      {
        key: "errors",
        title: "Errors",
        number: true,
        sort: (call) => call.errorRate,
        cell: (call) => element("span", { class: call.errorCount ? "bad" : "quiet" }, percent(call.errorRate)),
      },
      ...[50, 95, 99].map((share) => ({
        key: `p${share}`,
        title: `p${share}`,
        number: true,
        sort: (call) => call[`p${share}Nano`],
        cell: (call) => duration(call[`p${share}Nano`]),
      })),
    ],
  });
  list.show(graph.calls);
  return list.node;
}
