// Dragging across an element.

/**
 * Follows a pointer that was pressed, until it is let go; signal ends it too.
 *
 * moved(x) is told where it is and ended(x) where it was let go, in pixels from the left edge of the element; ended(null)
 * says that there will be no such place: the browser made a scroll of it, or the view was left.
 */
export function drag(event, element, { moved, ended }, signal) {
  const left = element.getBoundingClientRect().left;
  const over = new AbortController();
  const end = (x) => {
    if (over.signal.aborted) return;
    over.abort();
    ended(x);
  };
  const options = { signal: over.signal };
  addEventListener("pointermove", (move) => moved(move.clientX - left), options);
  addEventListener("pointerup", (up) => end(up.clientX - left), options);
  addEventListener("pointercancel", () => end(null), options);
  signal.addEventListener("abort", () => end(null), options);
}
