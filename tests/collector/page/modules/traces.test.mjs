// What the page makes of a trace.

import assert from "node:assert/strict";
import test from "node:test";

import { beside, difference } from "../modules/compare.js";
import { BOX, layout, thickness } from "../modules/map_layout.js";
import { placesOfWords } from "../modules/map_words.js";
import { aligned, endOf, marksOf, skewSentences } from "../modules/marks.js";
import { beside as besideBefore, chosen, total } from "../modules/operations.js";
import { logsOf, plain, spansOf, text } from "../modules/otlp.js";
import { fieldsOf, joined, parameters } from "../modules/query.js";
import { groupsOf, rowsOf, titleOf } from "../modules/rows.js";
import { above, begun, order, treeOf, weights } from "../modules/tree.js";
import { isWhole, part, scaled, shifted, whole } from "../modules/zoom.js";

const START = 1700000000123456789n;

function made(
  id,
  parent,
  { name = id, service = "shop", start = 0, length = 10, kind = "internal", status = "unset" } = {},
) {
  return {
    id,
    parent,
    name,
    service,
    kind,
    start,
    end: start + length,
    duration: length,
    status,
    links: [],
    events: [],
    attributes: [],
  };
}

function shown(spans, closed = [], opened = []) {
  const tree = treeOf(spans);
  const groups = groupsOf(spans, tree);
  return rowsOf(spans, tree, groups, new Set(closed), new Set(opened)).map(
    (row) => `${" ".repeat(row.depth)}${row.head ? titleOf(spans, row.group) : spans[row.index].name}`,
  );
}

test("times keep every nanosecond", () => {
  const data = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "gate" } }] },
        scopeSpans: [
          {
            spans: [
              {
                spanId: "b",
                startTimeUnixNano: String(START + 1n),
                endTimeUnixNano: String(START + 3n),
                kind: 2,
                status: { code: 2, message: "no" },
              },
              { spanId: "a", startTimeUnixNano: String(START), endTimeUnixNano: String(START + 9n) },
            ],
          },
        ],
      },
    ],
  };

  const { spans, start } = spansOf(data);

  assert.equal(start, START);
  assert.deepEqual(
    spans.map(({ id, start: at, duration, kind, status, service }) => [id, at, duration, kind, status, service]),
    [
      ["a", 0, 9, "unspecified", "unset", "gate"],
      ["b", 1, 2, "server", "error", "gate"],
    ],
  );
});

test("a trace without anything in it is a trace without spans", () => {
  assert.deepEqual(spansOf({}).spans, []);
  assert.deepEqual(treeOf([]).roots, []);
  assert.deepEqual(spansOf({ resourceSpans: [{}, { scopeSpans: [{}, { spans: [{}] }] }] }).spans.length, 1);
});

test("values of every type become text, however deep they are", () => {
  let deep = { stringValue: "deep" };
  for (let level = 0; level < 100; level += 1) deep = { arrayValue: { values: [deep] } };

  assert.deepEqual(
    [
      { intValue: "9007199254740993" },
      { boolValue: false },
      { doubleValue: 0.5 },
      { bytesValue: "AA==" },
      {},
      null,
    ].map((value) => text(plain(value))),
    ["9007199254740993", "false", "0.5", "(bytes) AA==", "", ""],
  );
  assert.equal(text(plain({ kvlistValue: { values: [{ key: "a", value: { intValue: "1" } }] } })), '{\n "a": 1\n}');
  assert.match(text(plain(deep)), /null/);
});

test("log records come in the order of their times", () => {
  const record = (offset, body) => ({
    timeUnixNano: String(START + BigInt(offset)),
    body: { stringValue: body },
    severityNumber: 17,
  });

  const logs = logsOf({ resourceLogs: [{ scopeLogs: [{ logRecords: [record(5, "b"), record(-2, "a")] }] }] }, START);

  assert.deepEqual(
    logs.map((log) => [log.at, log.text, log.severity]),
    [
      [-2, "a", "ERROR"],
      [5, "b", "ERROR"],
    ],
  );
});

test("every span has one place in the tree, also where parents are missing or go in a circle", () => {
  const spans = [made("a", ""), made("b", "a"), made("c", "gone"), made("d", "e"), made("e", "d"), made("f", "f")];

  const tree = treeOf(spans);

  assert.deepEqual([...order(tree)].sort(), [0, 1, 2, 3, 4, 5]);
  assert.ok(tree.orphans.has(2) && !tree.orphans.has(0));
});

test("a trace may be ten thousand spans deep", () => {
  const spans = Array.from({ length: 10000 }, (_, index) => made(`s${index}`, index ? `s${index - 1}` : ""));

  const tree = treeOf(spans);

  assert.equal(tree.depths[9999], 9999);
  assert.equal(weights(spans, tree).below[0], 9999);
  assert.equal(above(tree, 9999).length, 9999);
  assert.equal(rowsOf(spans, tree, groupsOf(spans, tree), new Set(), new Set()).length, 10000);
});

test("siblings that repeat are one row until it is opened", () => {
  const spans = [
    made("root", ""),
    ...Array.from({ length: 50 }, (_, index) => made(`q${index}`, "root", { name: "SELECT", start: index })),
    made("other", "root"),
  ];

  assert.deepEqual(shown(spans), ["root", " 50 × SELECT", " other"]);
  assert.equal(shown(spans, [], ["q0"]).length, 53);
  assert.equal(groupsOf(spans, treeOf(spans)).get(1).total, 500);
});

test("siblings that repeat are grouped with what is below them", () => {
  const spans = [
    made("root", ""),
    ...Array.from({ length: 6 }, (_, index) => [
      made(`c${index}`, "root", { name: "GET" }),
      made(`s${index}`, `c${index}`, { name: "serve" }),
    ]).flat(),
  ];

  assert.deepEqual(shown(spans), ["root", " 6 × GET"]);
  assert.deepEqual(shown(spans, [], ["c0"]).slice(1, 4), [" 6 × GET", "  GET", "   serve"]);
});

test("what is below a closed span is hidden", () => {
  assert.deepEqual(shown([made("a", ""), made("b", "a"), made("c", "b")], [1]), ["a", " b"]);
});

test("a clock that differs is said, and its spans are moved only when asked", () => {
  const spans = [made("a", "", { length: 100 }), made("b", "a", { start: -150 })];
  const analysis = {
    spans: [
      { spanId: "a", selfNano: 90, shiftNano: 0 },
      { spanId: "b", selfNano: 10, shiftNano: 200 },
    ],
    skews: [{ spanId: "b", caller: "gate", callee: "prompts", shiftNano: 200e6 }],
    criticalPath: [{ spanId: "b", startTimeUnixNano: String(START + 50n), durationNano: 10 }],
  };

  const measured = marksOf(spans, START, analysis, null, false);

  assert.deepEqual(skewSentences(analysis), ["The clock of prompts is 200 ms behind that of gate."]);
  assert.deepEqual(measured.criticalOf(1), [[-150, -140]]);
  assert.deepEqual(marksOf(spans, START, analysis, null, true).criticalOf(1), [[50, 60]]);
  assert.equal(aligned(spans, measured.shifts)[1].start, 50);
  assert.equal(measured.skewOf(0), null);
});

test("on one clock a trace begins with its first span, wherever that was measured", () => {
  // The called service's clock is so far behind that its span seems to be the first.
  const spans = [made("b", "a", { start: 0 }), made("a", "", { start: 170, length: 200 })];
  const analysis = {
    spans: [
      { spanId: "b", selfNano: 10, shiftNano: 200 },
      { spanId: "a", selfNano: 190, shiftNano: 0 },
    ],
    skews: [{ spanId: "b", caller: "gate", callee: "prompts", shiftNano: 200 }],
    criticalPath: [{ spanId: "b", startTimeUnixNano: String(START + 200n), durationNano: 10 }],
  };

  const marks = marksOf(spans, START, analysis, null, true);
  const moved = aligned(spans, marks.shifts);

  assert.deepEqual(
    moved.map(({ start, end, moved: by }) => [start, end, by]),
    [
      [30, 40, 30],
      [0, 200, -170],
    ],
  );
  assert.deepEqual(marks.criticalOf(0), [[30, 40]]);
  assert.deepEqual([endOf(spans), endOf(moved)], [370, 200]);
});

test("of many clocks the first are named and the rest are counted", () => {
  const skews = Array.from({ length: 8 }, (_, index) => ({ caller: "gate", callee: `s${index}`, shiftNano: 2e8 }));

  const sentences = skewSentences({ skews });

  assert.deepEqual([sentences.length, sentences[4].includes("s4"), sentences[5]], [6, true, "And 3 more."]);
});

test("an error began where no failure came up from below", () => {
  const failed = { status: "error", kind: "server" };
  const spans = [
    made("gate", "", failed),
    made("helper", "gate"),
    made("meter", "helper", failed),
    made("handled", "gate", { kind: "client", status: "unset" }),
    made("beyond", "handled", failed),
  ];

  assert.equal(begun(spans, treeOf(spans)), 2);
  assert.equal(begun([made("fine", "")], treeOf([made("fine", "")])), 0);
});

test("marks are there without an analysis", () => {
  const marks = marksOf([made("a", "")], START, null, null, false);

  assert.deepEqual(
    [marks.criticalOf(0), marks.usualOf(made("a", "")), marks.selfOf(0), marks.skewOf(0), marks.hasCritical, marks.hasUsual],
    [[], 0, null, null, false, false],
  );
});

test("two traces are laid beside each other by place and name", () => {
  const trace = (spans) => ({ spans, tree: treeOf(spans) });
  const first = trace([made("a", "", { name: "GET" }), made("b", "a", { name: "SELECT" })]);
  const second = trace([
    made("x", "", { name: "GET", length: 30 }),
    made("y", "x", { name: "SELECT" }),
    made("z", "x", { name: "SELECT" }),
    made("w", "x", { name: "new" }),
  ]);

  const lines = beside(first, second);

  assert.deepEqual(
    lines.map((line) => [line.depth, line.name, line.first?.count ?? 0, line.second?.count ?? 0, difference(line)]),
    [
      [0, "GET", 1, 1, 20],
      [1, "SELECT", 1, 2, 10],
      [1, "new", 0, 1, 10],
    ],
  );
});

test("boxes of a map stand in their layers and never upon each other, whatever calls whatever", () => {
  const nodes = ["a", "b", "c", "d"].map((name, index) => ({ name, layer: index % 2, order: index }));
  const calls = [
    ["a", "b"],
    ["b", "a"],
    ["a", "a"],
    ["c", "d"],
    ["a", "gone"],
  ].map(([caller, callee]) => ({ caller, callee, timeShare: 0.2 }));

  for (const direction of ["across", "down"]) {
    const { boxes, lines, width, height } = layout(nodes, calls, direction);

    const apart = (one, other) =>
      Math.abs(one.x - other.x) >= BOX.width || Math.abs(one.y - other.y) >= BOX.height || one === other;
    assert.ok(boxes.every((one) => boxes.every((other) => apart(one, other))));
    assert.equal(lines.length, 4);
    assert.ok(boxes.every((box) => box.x >= 0 && box.y >= 0));
    assert.ok(boxes.every((box) => box.x + BOX.width <= width && box.y + BOX.height <= height));
    assert.ok(lines.every((line) => line.places.every(({ x, y }) => x >= 0 && x <= width && y >= 0 && y <= height)));
    assert.ok(lines.every((line) => !/NaN|Infinity/.test(line.path) && line.thickness > 0));
    assert.deepEqual(layout([], [], direction).boxes, []);
  }
});

test("calls go across a map or down, from layer to layer", () => {
  const nodes = [0, 1, 2].map((layer) => ({ name: `${layer}`, layer, order: 0 }));

  const places = (direction) => layout(nodes, [], direction).boxes.map(({ x, y }) => (direction === "down" ? y : x));

  for (const direction of ["across", "down"]) {
    const [first, second, third] = places(direction);
    assert.ok(first < second && second < third);
  }
});

test("a line over several layers passes the boxes on its way, and each line for itself", () => {
  const nodes = ["a", "b", "c", "d"].map((name, layer) => ({ name, layer, order: 0 }));
  const calls = [
    ["a", "d"],
    ["a", "c"],
    ["b", "d"],
  ].map(([caller, callee]) => ({ caller, callee, timeShare: 0.2 }));

  for (const direction of ["across", "down"]) {
    const { boxes, lines } = layout(nodes, calls, direction);

    const within = ({ x, y }) => (box) =>
      x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;
    assert.ok(lines.every((line) => line.places.every((place) => !boxes.some(within(place)))));
    assert.equal(new Set(lines.map((line) => line.path)).size, 3);
  }
});

test("words stand neither upon boxes nor upon each other; those of the line that takes most of the time come first", () => {
  const boxes = [{ x: 0, y: 0, width: 100, height: 40 }];
  const line = (name, timeShare, ...places) => ({ name, timeShare, places: places.map(([x, y]) => ({ x, y })) });
  const lines = [
    line("little", 0.1, [200, 20]),
    line("much", 0.9, [50, 20], [200, 20]),
    line("elsewhere", 0.05, [210, 25], [200, 80]),
    line("outside", 0.5, [390, 20]),
  ];

  const places = placesOfWords(lines, boxes, () => 60, { width: 400, height: 100 });

  assert.deepEqual(
    [...places].map(([{ name }, { x, y }]) => [name, x, y]),
    [
      ["much", 200, 20],
      ["elsewhere", 200, 80],
    ],
  );
});

test("a line is thicker where more of the time goes", () => {
  assert.ok(thickness(0) < thickness(0.01) && thickness(0.01) < thickness(0.5) && thickness(0.5) < thickness(1));
});

test("an operation is put beside itself", () => {
  const operation = (service, count, errorCount = 0) => ({
    service,
    operation: "GET /",
    kind: "server",
    count,
    errorCount,
  });

  const rows = besideBefore([operation("a", 5, 1), operation("b", 3)], [operation("a", 2)]);

  assert.deepEqual(
    rows.map((row) => row.before?.count ?? null),
    [2, null],
  );
  assert.deepEqual(total(rows), { count: 8, errorCount: 1 });
  assert.deepEqual(
    chosen(rows, "requests", "B get").map((row) => row.service),
    ["b"],
  );
  assert.deepEqual(chosen(rows, "calls", ""), []);
});

test("a search asks the API for what the address says", () => {
  const asked = parameters({ service: "gate", min: "200ms", order: "slowest", caller: "meter", x: "y" }, { start: 1, end: 2 });

  assert.deepEqual([asked.service, asked.caller, asked.min_duration, asked.order], ["gate", "meter", 2e8, "slowest"]);
  assert.deepEqual(fieldsOf({ caller: "meter", where: "", x: "y" }), { caller: "meter" });
  assert.throws(() => parameters({ max: "soon" }, { start: 1, end: 2 }), /max: a duration/);
});

test("a trace that arrives again takes its own place", () => {
  const trace = (traceId, spanCount, services) => ({ traceId, spanCount, services });

  const found = joined([trace("a", 1, ["x"]), trace("b", 1, ["y"])], [trace("a", 2, ["x", "y"])]);

  assert.deepEqual(
    found.map((each) => each.spanCount),
    [2, 1],
  );
});

test("zooming never leaves the trace and never ends in nothing", () => {
  const end = 1000;
  let view = whole(end);
  for (let step = 0; step < 40; step += 1) view = scaled(view, 0.5, 990, end);

  assert.ok(view.from >= 0 && view.to <= end && view.to - view.from >= 99);
  assert.deepEqual(part(700, 300, end), { from: 300, to: 700 });
  assert.deepEqual(shifted({ from: 0, to: 500 }, 5, end), { from: 500, to: 1000 });
  assert.ok(isWhole(scaled(view, 1e9, 500, end), end));
  assert.ok(isWhole(whole(0), 0));
});
