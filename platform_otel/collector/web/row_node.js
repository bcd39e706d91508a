// One row of a waterfall: names, marks, and the bar.

import { colourOf } from "./colour.js";
import { element, place } from "./dom.js";
import { duration, several } from "./format.js";
import { titleOf } from "./rows.js";

/** How high a row is, in pixels; the style sheet says the same. */
export const ROW = 24;
const DEEPEST_INDENT = 24;

/** How many pixels are left beyond a share, in percent, of so many. */
export function room(share, width) {
  return ((100 - share) / 100) * width;
}

/** About how many pixels a label takes, with the space before it. */
export function widthOf(words) {
  return words.length * 6.8 + 10;
}

/** The row of a waterfall that stands at a place. */
export function rowNode(rows, row, at) {
  const { spans, tree } = rows.trace;
  const span = spans[row.index];
  const hides = row.head || tree.children[row.index].length > 0;
  const open = row.head ? rows.opened.has(row.group.key) : !rows.closed.has(row.index);
  const failed = row.head ? row.group.failed > 0 : span.status === "error";
  const node = element(
    "div",
    {
      id: `row-${at}`,
      role: "row",
      class: ["row", failed ? "failed" : "", row.head ? "group" : ""].join(" "),
      "data-at": String(at),
      vars: colourOf(span.service),
      "aria-rowindex": String(at + 1),
      "aria-level": String(row.depth + 1),
      "aria-expanded": hides ? String(open) : null,
      "aria-selected": String(!row.head && row.index === rows.chosen),
      "data-active": at === rows.active ? "true" : null,
    },
    nameCell(rows, row, span, hides, open),
    timeCell(rows, row, span),
  );
  return place(node, { transform: `translateY(${at * ROW}px)` });
}

function nameCell(rows, row, span, hides, open) {
  const parent = rows.trace.tree.parents[row.index];
  const same = parent >= 0 && rows.trace.spans[parent].service === span.service;
  const cell = element(
    "div",
    { class: "names", role: "gridcell" },
    element("i", { class: hides ? "twisty" : "twisty none", "aria-hidden": "true" }, hides ? (open ? "▾" : "▸") : ""),
    element("i", { class: "swatch", "aria-hidden": "true" }),
    element("span", { class: same ? "of unseen" : "of" }, span.service),
    element(
      "span",
      { class: "op", title: `${span.service} ${span.name}` },
      row.head ? titleOf(rows.trace.spans, row.group) : span.name || "(no name)",
    ),
    tags(rows, row, span, open),
  );
  return place(cell, { "--depth": String(Math.min(row.depth, DEEPEST_INDENT)) });
}

function tags(rows, row, span, open) {
  const { tree, weights } = rows.trace;
  if (row.head)
    return row.group.failed ? element("span", { class: "tag bad" }, `✕ ${several(row.group.failed, "error")}`) : null;
  const inside = !open && weights.failed[row.index];
  return [
    span.status === "error"
      ? element("span", { class: "tag bad", title: "error" }, "✕", element("span", { class: "unseen" }, " error"))
      : null,
    inside ? element("span", { class: "tag bad" }, `✕ ${inside} inside`) : null,
    tree.orphans.has(row.index)
      ? element("span", { class: "tag warn", title: `The parent ${span.parent} has not arrived` }, "parent missing")
      : null,
    rows.marks.skewOf(row.index)
      ? element(
          "span",
          { class: "tag warn", title: rows.marks.skewOf(row.index).text },
          rows.marks.skewOf(row.index).short,
        )
      : null,
    !open && weights.below[row.index] ? element("span", { class: "tag" }, `${weights.below[row.index]} hidden`) : null,
  ];
}

function timeCell(rows, row, span) {
  const { from, to } = rows.view;
  const share = (value) => ((value - from) / (to - from)) * 100;
  const [start, end] = row.head ? [row.group.start, row.group.end] : [span.start, span.end];
  const [left, right] = [Math.max(-1, share(start)), Math.min(101, share(end))];
  const length = row.head ? row.group.total : span.duration;
  const usual = row.head ? 0 : rows.marks.usualOf(span);
  const words = `${duration(length)}${usual && length > usual * 1.5 ? ` · ${(length / usual).toFixed(1)}× p95` : ""}`;
  const cell = element("div", { class: "track", role: "gridcell" });
  if (right < 0 || left > 100) return (cell.append(element("span", { class: "unseen" }, words)), cell);
  cell.append(
    place(element("i", { class: row.head ? "bar many" : "bar" }), {
      left: `${left}%`,
      width: `${Math.max(0, right - left)}%`,
    }),
  );
  if (!row.head) drawCritical(rows, cell, row.index, share);
  if (usual && span.start + usual < to && span.start + usual > from)
    cell.append(
      place(element("i", { class: "usual", title: `p95 of this operation: ${duration(usual)}` }), {
        left: `${share(span.start + usual)}%`,
      }),
    );
  const label = element("span", { class: "length" }, words);
  // Beside the bar where there is room, else upon it.
  const tick = usual ? share(span.start + usual) : 0;
  const after = tick > right && tick < right + 9 ? tick : right;
  if (room(after, rows.width) > widthOf(words)) place(label, { left: `calc(${after}% + 6px)` });
  else if (room(100 - left, rows.width) > widthOf(words)) place(label, { right: `calc(${100 - left}% + 6px)` });
  else {
    label.classList.add("upon");
    place(label, { right: `calc(${100 - Math.min(100, right)}% + 6px)` });
  }
  cell.append(label);
  return cell;
}

function drawCritical(rows, cell, index, share) {
  for (const [from, to] of rows.marks.criticalOf(index)) {
    const [left, right] = [Math.max(-1, share(from)), Math.min(101, share(to))];
    if (right > left)
      cell.append(place(element("i", { class: "critical" }), { left: `${left}%`, width: `${right - left}%` }));
  }
}
