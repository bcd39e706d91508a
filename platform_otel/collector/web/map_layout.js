// Where the boxes and the lines of a service map stand. Pure functions; pixels.

export const BOX = { width: 176, height: 46 };
const GAP = { across: 148, down: 34 };
const MARGIN = 24;
const THINNEST = 1.2;
const THICKEST = 9;

/**
 * Boxes and lines of a map.
 *
 * nodes: {name, layer, order}; calls: {caller, callee, timeShare}, from 0 to 1. Boxes get x and y of
 * their upper left corner, lines a path and the middle of it.
 */
export function layout(nodes, calls) {
  const columns = columnsOf(nodes);
  const tallest = Math.max(...columns.map((column) => column.length), 1);
  const height = tallest * (BOX.height + GAP.down) - GAP.down + 2 * MARGIN;
  const boxes = new Map();
  columns.forEach((column, layer) => {
    const free = height - (column.length * (BOX.height + GAP.down) - GAP.down);
    column.forEach((node, place) =>
      boxes.set(node.name, {
        ...node,
        x: MARGIN + layer * (BOX.width + GAP.across),
        y: free / 2 + place * (BOX.height + GAP.down),
      }),
    );
  });
  const known = calls.filter((call) => boxes.has(call.caller) && boxes.has(call.callee));
  const back = known.filter((call) => boxes.get(call.caller).x >= boxes.get(call.callee).x);
  const ports = portsOf(
    known.filter((call) => !back.includes(call)),
    boxes,
  );
  const lines = known.map((call) => ({
    ...call,
    ...line(boxes.get(call.caller), boxes.get(call.callee), height, back.indexOf(call), ports.get(call)),
    thickness: thickness(call.timeShare),
  }));
  const width = MARGIN * 2 + columns.length * (BOX.width + GAP.across) - GAP.across;
  return {
    boxes: [...boxes.values()],
    lines,
    width: Math.max(width, BOX.width),
    height: height + (back.length ? 30 + 18 * Math.min(back.length, 20) : 0),
  };
}

/** How thick the line of a share is: as its root, so that small shares are seen beside large ones. */
export function thickness(share) {
  return THINNEST + (THICKEST - THINNEST) * Math.sqrt(Math.min(1, Math.max(0, share || 0)));
}

function columnsOf(nodes) {
  const columns = [];
  for (const layer of [...new Set(nodes.map((node) => node.layer))].sort((one, other) => one - other)) {
    columns.push(
      nodes
        .filter((node) => node.layer === layer)
        .sort((one, other) => one.order - other.order || (one.name < other.name ? -1 : 1)),
    );
  }
  return columns;
}

// Where each line leaves its caller and meets its callee, so that several do not lie upon each other.
function portsOf(calls, boxes) {
  const ports = new Map(calls.map((call) => [call, { out: 0, in: 0 }]));
  for (const [own, other, port] of [
    ["caller", "callee", "out"],
    ["callee", "caller", "in"],
  ]) {
    for (const name of boxes.keys()) {
      const here = calls
        .filter((call) => call[own] === name)
        .sort((one, two) => boxes.get(one[other]).y - boxes.get(two[other]).y);
      const step = Math.min(12, (BOX.height - 12) / Math.max(1, here.length - 1));
      here.forEach((call, place) => {
        ports.get(call)[port] = (place - (here.length - 1) / 2) * step;
      });
    }
  }
  return ports;
}

function line(from, to, height, backwards, ports) {
  if (backwards >= 0) return around(from, to, height + 10 + 18 * Math.min(backwards, 20));
  const start = { x: from.x + BOX.width, y: from.y + BOX.height / 2 + ports.out };
  const end = { x: to.x, y: to.y + BOX.height / 2 + ports.in };
  const bend = Math.max(40, (end.x - start.x) / 2);
  return {
    path: `M${start.x} ${start.y}C${start.x + bend} ${start.y} ${end.x - bend} ${end.y} ${end.x - 7} ${end.y}`,
    middle: bezier(start, { x: start.x + bend, y: start.y }, { x: end.x - bend, y: end.y }, end, 0.55),
  };
}

// Calls against the direction run below everything.
function around(from, to, low) {
  const [start, end] = [
    { x: from.x + BOX.width - 20, y: from.y + BOX.height },
    { x: to.x + 20, y: to.y + BOX.height },
  ];
  return {
    path: `M${start.x} ${start.y}C${start.x} ${low + 20} ${end.x} ${low + 20} ${end.x} ${end.y + 7}`,
    middle: bezier(start, { x: start.x, y: low + 20 }, { x: end.x, y: low + 20 }, end, 0.5),
  };
}

function bezier(one, two, three, four, at) {
  const rest = 1 - at;
  const [a, b, c, d] = [rest ** 3, 3 * rest ** 2 * at, 3 * rest * at ** 2, at ** 3];
  return { x: a * one.x + b * two.x + c * three.x + d * four.x, y: a * one.y + b * two.y + c * three.y + d * four.y };
}
