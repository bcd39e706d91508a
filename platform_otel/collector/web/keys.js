// The keys of a waterfall.

import { shifted, whole } from "./zoom.js";

const PAGE = 20;
/** What each key does to a waterfall and its active row. */
export const KEYS = {
  ArrowDown: (rows) => rows.go(rows.active + 1),
  ArrowUp: (rows) => rows.go(rows.active - 1),
  PageDown: (rows) => rows.go(rows.active + PAGE),
  PageUp: (rows) => rows.go(rows.active - PAGE),
  Home: (rows) => rows.go(0),
  End: (rows) => rows.go(rows.rows.length - 1),
  ArrowRight: (rows, row) => rows.right(row),
  ArrowLeft: (rows, row) => rows.left(row),
  Enter: (rows, row) => (row.head ? rows.toggle(row) : rows.choose(row.index)),
  " ": (rows, row) => (row.head ? rows.toggle(row) : rows.choose(row.index)),
  e: (rows) => rows.nextError(),
  z: (rows, row) => rows.zoomTo(row),
  0: (rows) => rows.zoom(whole(rows.trace.end)),
  "+": (rows, row) => rows.closer(0.5, row),
  "-": (rows, row) => rows.closer(2, row),
  "Shift+ArrowLeft": (rows) => rows.zoom(shifted(rows.view, -0.25, rows.trace.end)),
  "Shift+ArrowRight": (rows) => rows.zoom(shifted(rows.view, 0.25, rows.trace.end)),
};

/** What the keys do, for whoever asks. */
export const KEY_HELP = [
  ["↑ ↓", "previous, next row"],
  ["← →", "close, open"],
  ["Enter", "details"],
  ["e", "next error"],
  ["z", "zoom to the span"],
  ["+ −", "zoom in, out"],
  ["Shift ← →", "move along"],
  ["0", "the whole trace"],
];
