// How the lines of a service map run: past the boxes that stand on their way. Pure functions; pixels along the direction of
// the map, and aside of it.

// So far from a box, and from the next line, a line stays.
const CLEAR = 7;

/**
 * The curves of a line from one box to another, each as four points.
 *
 * ports: {out, in}, by how much it leaves and arrives beside the middles; between: the layers on the way, from lanesOf.
 */
export function forward(from, to, ports, between, frame) {
  const start = { along: from.along + frame.length, aside: from.aside + frame.breadth / 2 + ports.out };
  // The head of the arrow takes the last pixels.
  const end = { along: to.along - 7, aside: to.aside + frame.breadth / 2 + ports.in };
  const curves = [];
  let at = start;
  between.forEach((lanes, place) => {
    const share = (place + 1) / (between.length + 1);
    const aside = lanes.take(start.aside + (end.aside - start.aside) * share);
    const [first, last] = [
      { along: lanes.along - CLEAR, aside },
      { along: lanes.along + frame.length + CLEAR, aside },
    ];
    curves.push(bent(at, first), [first, first, last, last]);
    at = last;
  });
  return [...curves, bent(at, end)];
}

/** The same for a line against the direction, or from a box to itself: beside everything, so far away. */
export function backward(from, to, beyond, frame) {
  const start = { along: from.along + frame.length - 20, aside: from.aside + frame.breadth };
  const end = { along: to.along + 20, aside: to.aside + frame.breadth + 7 };
  return [[start, { ...start, aside: beyond }, { ...end, aside: beyond }, end]];
}

/** Where lines may pass a layer of boxes; each that does takes a place of its own. */
export function lanesOf(boxes, breadth, frame) {
  const sorted = [...boxes].sort((one, other) => one.aside - other.aside);
  const edges = [0, ...sorted.flatMap((box) => [box.aside, box.aside + frame.breadth]), breadth];
  const lanes = [];
  for (let index = 0; index < edges.length; index += 2)
    lanes.push({ low: edges[index] + CLEAR, high: edges[index + 1] - CLEAR });
  const taken = [];
  return {
    along: sorted[0].along,
    take(wanted) {
      const nearest = lanes
        .filter(({ low, high }) => low <= high)
        .map((lane) => free(lane, wanted, taken))
        .reduce((best, each) => (Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best), Infinity);
      // Where a layer leaves no room at all, a line goes through it.
      const found = Number.isFinite(nearest) ? nearest : wanted;
      taken.push(found);
      return found;
    },
  };
}

/** How much room beside the boxes so many lines want on either side; beyond some, they lie closer to each other. */
export function roomFor(lines) {
  return lines ? CLEAR * (1 + Math.ceil(Math.min(lines, 16) / 2)) : 0;
}

/** The point of a curve at a share of it. */
export function pointOf([one, two, three, four], at) {
  const rest = 1 - at;
  const [a, b, c, d] = [rest ** 3, 3 * rest ** 2 * at, 3 * rest * at ** 2, at ** 3];
  return { x: a * one.x + b * two.x + c * three.x + d * four.x, y: a * one.y + b * two.y + c * three.y + d * four.y };
}

function bent(start, end) {
  const bend = (end.along - start.along) / 2;
  return [start, { along: start.along + bend, aside: start.aside }, { along: end.along - bend, aside: end.aside }, end];
}

// The place in a lane that is nearest to what is wanted and not taken; if all are, the nearest.
function free({ low, high }, wanted, taken) {
  const near = Math.min(high, Math.max(low, wanted));
  const isFree = (place) => place >= low && place <= high && !taken.some((each) => Math.abs(each - place) < CLEAR - 1);
  for (let step = 0; step * CLEAR <= high - low; step += 1) {
    for (const place of [near - step * CLEAR, near + step * CLEAR]) if (isFree(place)) return place;
  }
  return near;
}
