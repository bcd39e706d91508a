// Where the boxes and the lines of a service map stand. Pure functions; pixels.

import { backward, forward, lanesOf, pointOf, roomFor } from "./map_lines.js";

export const BOX = { width: 176, height: 46 };
// Between layers, and between the boxes of one; where layers stand side by side, what is written on a line stands between.
const GAPS = { across: { layers: 148, boxes: 34 }, down: { layers: 62, boxes: 16 } };
const MARGIN = { across: 24, down: 12 };
const THINNEST = 1.2;
const THICKEST = 9;

/**
 * Boxes and lines of a map.
 *
 * nodes: {name, layer, order}; calls: {caller, callee, timeShare}, from 0 to 1; direction: "across" or "down", in which
 * calls go. Boxes get x and y of their upper left corner, lines a path and the places where words may stand on it.
 */
export function layout(nodes, calls, direction = "across") {
  const frame = frameOf(direction);
  const layers = layersOf(nodes);
  const widest = Math.max(...layers.map((layer) => layer.length), 1);
  const passing = roomFor(mostPassing(layers, calls));
  const breadth = widest * (frame.breadth + frame.gaps.boxes) - frame.gaps.boxes + 2 * (frame.margin + passing);
  const boxes = boxesOf(layers, breadth, frame);
  const lines = linesOf(calls, boxes, breadth, frame).map((line) => ({ ...line, thickness: thickness(line.timeShare) }));
  const length = frame.margin * 2 + Math.max(layers.length, 1) * (frame.length + frame.gaps.layers) - frame.gaps.layers;
  const aside = Math.max(breadth, ...lines.map((line) => line.reaches + frame.margin));
  const { x: width, y: height } = frame.at({ along: length, aside });
  return { boxes: [...boxes.values()].map((box) => ({ ...box, ...frame.at(box), ...BOX })), lines, width, height };
}

// How many lines go past one layer, where they are most.
function mostPassing(layers, calls) {
  const numbers = new Map(layers.flatMap((layer, number) => layer.map((node) => [node.name, number])));
  return Math.max(
    0,
    ...layers.map(
      (_, number) =>
        calls.filter((call) => numbers.get(call.caller) < number && number < numbers.get(call.callee)).length,
    ),
  );
}

function boxesOf(layers, breadth, frame) {
  const boxes = new Map();
  layers.forEach((layer, number) => {
    const free = breadth - (layer.length * (frame.breadth + frame.gaps.boxes) - frame.gaps.boxes);
    layer.forEach((node, place) =>
      boxes.set(node.name, {
        ...node,
        number,
        along: frame.margin + number * (frame.length + frame.gaps.layers),
        aside: free / 2 + place * (frame.breadth + frame.gaps.boxes),
      }),
    );
  });
  return boxes;
}

function linesOf(calls, boxes, breadth, frame) {
  const known = calls.filter((call) => boxes.has(call.caller) && boxes.has(call.callee));
  const numbers = [...new Set([...boxes.values()].map((box) => box.number))];
  const lanes = numbers.map((number) =>
    lanesOf(
      [...boxes.values()].filter((box) => box.number === number),
      breadth,
      frame,
    ),
  );
  const isForward = (call) => boxes.get(call.caller).number < boxes.get(call.callee).number;
  const ports = portsOf(known.filter(isForward), boxes, frame);
  let back = 0;
  return known.map((call) => {
    const [from, to] = [boxes.get(call.caller), boxes.get(call.callee)];
    const curves = isForward(call)
      ? forward(from, to, ports.get(call), lanes.slice(from.number + 1, to.number), frame)
      : backward(from, to, breadth + 30 + 18 * Math.min(back++, 20), frame);
    return { ...call, ...drawn(curves, frame) };
  });
}

// What is along and aside of the direction, in pixels: all else is worked out in these, and turned at the end.
function frameOf(direction) {
  const down = direction === "down";
  return {
    gaps: GAPS[direction],
    margin: MARGIN[direction],
    length: down ? BOX.height : BOX.width,
    breadth: down ? BOX.width : BOX.height,
    at: ({ along, aside }) => (down ? { x: aside, y: along } : { x: along, y: aside }),
  };
}

/** How thick the line of a share is: as its root, so that small shares are seen beside large ones. */
export function thickness(share) {
  return THINNEST + (THICKEST - THINNEST) * Math.sqrt(Math.min(1, Math.max(0, share || 0)));
}

function layersOf(nodes) {
  const layers = [];
  for (const layer of [...new Set(nodes.map((node) => node.layer))].sort((one, other) => one - other)) {
    layers.push(
      nodes
        .filter((node) => node.layer === layer)
        .sort((one, other) => one.order - other.order || (one.name < other.name ? -1 : 1)),
    );
  }
  return layers;
}

// Where each line leaves its caller and meets its callee, so that several do not lie upon each other.
function portsOf(calls, boxes, frame) {
  const ports = new Map(calls.map((call) => [call, { out: 0, in: 0 }]));
  for (const [own, other, port] of [
    ["caller", "callee", "out"],
    ["callee", "caller", "in"],
  ]) {
    for (const name of boxes.keys()) {
      const here = calls
        .filter((call) => call[own] === name)
        .sort((one, two) => boxes.get(one[other]).aside - boxes.get(two[other]).aside);
      const step = Math.min(12, (frame.breadth - 12) / Math.max(1, here.length - 1));
      here.forEach((call, place) => {
        ports.get(call)[port] = (place - (here.length - 1) / 2) * step;
      });
    }
  }
  return ports;
}

// A path through curves, where words may stand on it, and how far aside it reaches.
function drawn(curves, frame) {
  const turned = curves.map((curve) => curve.map((point) => frame.at(point)));
  const [{ x, y }] = turned[0];
  return {
    path: `M${x} ${y}${turned.map(([, b, c, d]) => `C${b.x} ${b.y} ${c.x} ${c.y} ${d.x} ${d.y}`).join("")}`,
    places: [0.55, 0.4, 0.7, 0.25, 0.85].flatMap((at) => turned.map((curve) => pointOf(curve, at))),
    reaches: Math.max(...curves.map((curve) => lowest(curve))),
  };
}

// A curve that bends away goes three quarters of the way to what it bends to.
function lowest([a, b, c, d]) {
  return Math.max(a.aside, d.aside, (a.aside + 3 * b.aside + 3 * c.aside + d.aside) / 8);
}
