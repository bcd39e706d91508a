// Where the words of a map's lines stand, so that they can be read. Pure functions; pixels.

const HEIGHT = 34;

/**
 * The places of words, by line; a line whose words would stand upon a box or upon others' has none.
 *
 * lines: with places, the best first, and timeShare, by which they come first; boxes: {x, y, width, height};
 * widthOf(line): of its words.
 */
export function placesOfWords(lines, boxes, widthOf, { width, height }) {
  const taken = boxes.map((box) => ({ left: box.x, right: box.x + box.width, top: box.y, bottom: box.y + box.height }));
  const found = new Map();
  for (const line of [...lines].sort((one, other) => other.timeShare - one.timeShare)) {
    const half = { x: widthOf(line) / 2, y: HEIGHT / 2 };
    for (const { x, y } of line.places) {
      const area = { left: x - half.x, right: x + half.x, top: y - half.y, bottom: y + half.y };
      const isInside = area.left >= 0 && area.right <= width && area.top >= 0 && area.bottom <= height;
      if (!isInside || taken.some((each) => overlap(each, area))) continue;
      taken.push(area);
      found.set(line, { x, y });
      break;
    }
  }
  return found;
}

function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}
