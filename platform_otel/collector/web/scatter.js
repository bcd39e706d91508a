// Traces as points: when they began, and how long they took.

import { drawn, element, refill } from "./dom.js";
import { drag } from "./drag.js";
import { duration, moment } from "./format.js";
import { linear, logarithmic, powers, times as timesOf } from "./scale.js";
import { nanoseconds } from "./window.js";
import { colourOf } from "./colour.js";

const HEIGHT = 168;
// Beside the longest of the labels, so much per character.
const LEFT = 16;
const CHARACTER = 6.4;
const BOTTOM = 22;
const SIDE = 12;

/**
 * A drawing of traces. Whoever cannot use it has the same in the list below.
 *
 * open(trace) is told of a click on a point, zoom(start, end) of a while that was dragged over, until the signal.
 */
export function scatter({ open, zoom }, signal) {
  const drawing = drawn("svg", {
    class: "scatter",
    "aria-hidden": "true",
    height: String(HEIGHT),
    on: { pointerdown: began },
  });
  const node = element("div", { class: "plot" }, drawing);
  let shown = { traces: [], span: null, scale: null };
  let width = 0;
  let left = LEFT;
  new ResizeObserver(() => {
    if (node.clientWidth !== width) draw();
  }).observe(node);

  function draw() {
    width = node.clientWidth;
    if (!width || !shown.span) return;
    const lengths = shown.traces.map((each) => each.durationNano);
    const [low, high] = [Math.min(...lengths, 1e9), Math.max(...lengths, 1e6)];
    const values = powers(low, high);
    left = LEFT + CHARACTER * Math.max(...values.map((value) => duration(value).length), 0);
    const across = linear(shown.span.start, shown.span.end);
    const up = logarithmic(low / 1.3, high * 1.3);
    const x = (at) => left + across(at) * (width - left - SIDE);
    const y = (length) => HEIGHT - BOTTOM - up(length) * (HEIGHT - BOTTOM - SIDE);
    drawing.setAttribute("width", width);
    drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    refill(
      drawing,
      values.map((value) => horizontal(value, y(value), left, width)),
      times(shown.span, x, width),
      // What failed lies above what did not.
      [...shown.traces]
        .sort((one, other) => Number(one.errorCount > 0) - Number(other.errorCount > 0))
        .map((each) => point(each, x, y, open)),
    );
  }

  function began(event) {
    if (event.target.closest(".point")) return;
    const from = event.offsetX;
    const band = drawn("rect", { class: "band", y: "0", height: String(HEIGHT - BOTTOM) });
    drawing.append(band);
    const moved = (to) => {
      band.setAttribute("x", Math.min(from, to));
      band.setAttribute("width", Math.abs(to - from));
    };
    const ended = (to) => {
      band.remove();
      if (to === null) return;
      const edges = [from, to].sort((one, other) => one - other).map(timeAt);
      if (edges[1] - edges[0] > (shown.span.end - shown.span.start) / 100)
        zoom(nanoseconds(edges[0]), nanoseconds(edges[1]));
    };
    drag(event, drawing, { moved, ended }, signal);
  }

  function timeAt(x) {
    const share = Math.min(1, Math.max(0, (x - left) / (width - left - SIDE)));
    return shown.span.start + share * (shown.span.end - shown.span.start);
  }

  return {
    node,
    show: (traces, span) => {
      shown = { traces, span };
      draw();
    },
  };
}

function horizontal(value, y, left, width) {
  return drawn(
    "g",
    { class: "axis" },
    drawn("line", { x1: left, x2: width - SIDE, y1: y, y2: y }),
    drawn("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, duration(value)),
  );
}

function times(span, x, width) {
  return timesOf(span.start, span.end, Math.max(2, width / 130), new Date(span.end).getTimezoneOffset()).map((at) =>
    drawn(
      "g",
      { class: "axis" },
      drawn(
        "text",
        { x: x(at), y: HEIGHT - 6, "text-anchor": "middle" },
        moment(nanoseconds(at))
          .replace(/\.000$/, "")
          .replace(/:00$/, ""),
      ),
    ),
  );
}

// What failed is a diamond: the colour alone would not say it.
function point(trace, x, y, open) {
  const [cx, cy] = [x(Number(BigInt(trace.startTimeUnixNano) / 1000000n)), y(trace.durationNano)];
  const properties = {
    class: trace.errorCount ? "point failed" : "point",
    vars: colourOf(trace.service),
    on: { click: () => open(trace) },
  };
  const shape = trace.errorCount
    ? drawn("path", { ...properties, d: `M${cx} ${cy - 5.5}l5.5 5.5l-5.5 5.5l-5.5 -5.5z` })
    : drawn("circle", { ...properties, cx, cy, r: 4 });
  shape.append(
    drawn(
      "title",
      {},
      `${trace.service} ${trace.operation}, ${duration(trace.durationNano)}, ${moment(trace.startTimeUnixNano)}`,
    ),
  );
  return shape;
}
