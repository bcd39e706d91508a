// The part of a trace that is looked at. Pure functions over {from, to}, in nanoseconds.

const LEAST = 100;

/** The whole of a trace. */
export function whole(end) {
  return { from: 0, to: Math.max(end, 1) };
}

/** A part within a trace, never empty. */
export function part(from, to, end) {
  const [low, high] = [Math.max(0, Math.min(from, to)), Math.min(Math.max(end, 1), Math.max(from, to))];
  return high - low < LEAST ? whole(end) : { from: low, to: high };
}

/** Closer (factor below 1) or further away, around a point. */
export function scaled(view, factor, around, end) {
  const size = Math.min(Math.max(end, 1), Math.max(LEAST, (view.to - view.from) * factor));
  const share = (around - view.from) / (view.to - view.from);
  return shifted({ from: around - size * share, to: around - size * share + size }, 0, end);
}

/** Moved by a share of its width. */
export function shifted(view, share, end) {
  const size = Math.min(view.to - view.from, Math.max(end, 1));
  const from = Math.min(Math.max(0, view.from + share * size), Math.max(end, 1) - size);
  return { from, to: from + size };
}

/** Whether it is the whole. */
export function isWhole(view, end) {
  return view.from <= 0 && view.to >= end;
}
