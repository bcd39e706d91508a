// The whole trace in small, and which part of it is looked at.

import { fill } from "./colour.js";
import { element, place } from "./dom.js";
import { drag } from "./drag.js";
import { isDark } from "./theme.js";
import { clamp } from "./scale.js";
import { isWhole, part, whole } from "./zoom.js";

const HEIGHT = 52;

/** A minimap of a trace; zoom(view) is told when somebody drags over a part of it. */
export function minimap(trace, zoom, signal) {
  const canvas = element("canvas", {
    height: String(HEIGHT),
    role: "img",
    "aria-label": "The whole trace in small; drag over a part of it to zoom",
  });
  const pane = element("i", { class: "pane", hidden: true });
  const node = element(
    "div",
    { class: "minimap", on: { pointerdown: began, dblclick: () => zoom(whole(trace.end)) } },
    canvas,
    pane,
  );
  let width = 0;
  let framed = whole(trace.end);
  new ResizeObserver(() => {
    if (node.clientWidth !== width) draw();
  }).observe(node);
  addEventListener("themechange", draw, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, { signal });

  function draw() {
    width = node.clientWidth;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    const brush = canvas.getContext("2d");
    brush.scale(ratio, ratio);
    const dark = isDark();
    const high = Math.max(0.35, Math.min(4, (HEIGHT - 6) / trace.order.length));
    trace.order.forEach((index, at) => {
      const span = trace.spans[index];
      brush.fillStyle = span.status === "error" ? (dark ? "#ff8a80" : "#c0261c") : fill(span.service, dark);
      brush.fillRect(
        (span.start / trace.end) * width,
        3 + (at / trace.order.length) * (HEIGHT - 6),
        Math.max(1, (span.duration / trace.end) * width),
        Math.max(1, high * 0.8),
      );
    });
  }

  function began(event) {
    const share = (x) => clamp(x / node.clientWidth);
    const from = share(event.clientX - node.getBoundingClientRect().left);
    const before = framed;
    const until = (x) => part(from * trace.end, share(x) * trace.end, trace.end);
    const moved = (x) => draft(until(x));
    const ended = (x) => (x !== null && Math.abs(share(x) - from) > 0.005 ? zoom(until(x)) : draft(before));
    drag(event, node, { moved, ended }, signal);
  }

  function frame(view) {
    framed = view;
    draft(view);
  }

  function draft(view) {
    pane.hidden = isWhole(view, trace.end);
    place(pane, { left: `${(view.from / trace.end) * 100}%`, width: `${((view.to - view.from) / trace.end) * 100}%` });
  }

  return { node, frame, draw };
}
